package keyset_test

import (
	"expvar"
	"fmt"
	"log"
	"time"

	"github.com/sealwax/sealwax/keyset"
)

// A monitor asks for the gauges when it wants them. With expvar they are at
// /debug/vars; with any other library the loop is the same.
func ExampleRing_Gauges() {
	set, err := keyset.New(1, ownCert.in(keyset.Active, "8A1C"))
	if err != nil {
		log.Fatal(err)
	}
	ring := keyset.NewRing(set)
	expvar.Publish("own_keys", expvar.Func(func() any {
		values := map[string]float64{}
		for _, g := range ring.Gauges(time.Now(), keyset.Requirements{Lead: 30 * 24 * time.Hour, MinRSABits: 2048}) {
			values[g.String()] = g.Value
		}
		return values
	}))

	values := expvar.Get("own_keys").(expvar.Func)().(map[string]float64)
	fmt.Println(values[`key_state{id="8A1C",label="active"}`], values["revision"])
	// Output: 1 1
}
