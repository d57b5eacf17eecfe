package keyset_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/sealwax/sealwax/keyset"
)

// A certificate that does nothing stands for what pgp.ReadKey returns.
type exampleCertificate struct{ id keyset.ID }

func (c *exampleCertificate) Info() keyset.Info {
	return keyset.Info{ID: c.id, Format: keyset.OpenPGP, Private: true, Use: keyset.Signing | keyset.Encryption}
}
func (c *exampleCertificate) Public() keyset.Material        { return c }
func (c *exampleCertificate) SelfTest(context.Context) error { return nil }

// Our own key is rotated in six steps while the program runs. Days may lie
// between any two of them.
func Example_rotation() {
	const month = 30 * 24 * time.Hour
	set, err := keyset.New(1, keyset.Key{Material: &exampleCertificate{"OLD"}, State: keyset.Active})
	check(err)
	own := keyset.NewRing(set) // envelopes hold the ring, and load the set for each message
	// What was counted before the program was restarted.
	stopped := time.Now().Add(-time.Minute)
	check(own.Resume(keyset.Report{Replica: "server-1", Made: stopped, Ended: true, Usage: map[keyset.ID]keyset.Usage{
		"OLD": {Since: stopped.Add(-9 * month), Opened: 9000, LastOpened: stopped.Add(-2 * month)},
	}}))

	show := func(step string, src keyset.Source) {
		fmt.Printf("%-12s", step)
		for k := range src.Load().Sealing(time.Now()) {
			fmt.Print(" sign:", k.ID())
		}
		for k := range src.Load().Opening() {
			fmt.Print(" decrypt:", k.ID())
		}
		fmt.Println()
	}
	show("before", own)

	// 1. Add the next key. It must pass its self-test. Hand out its public half.
	check(own.Add(context.Background(), &exampleCertificate{"NEW"}, "file:new.asc"))
	show("added", own)

	// 2. Seal a test message with the new key, in an envelope of its own.
	probe, err := own.Probe("NEW")
	check(err)
	show("probe", probe)

	// 3. The partner has answered it. Without that, Promote refuses.
	fmt.Println("unproven:", errors.Is(own.Promote("NEW"), keyset.ErrUnproven))
	check(own.Acknowledge("NEW", "echo of the test message"))

	// 4. Use the new key beside the old one.
	check(own.Promote("NEW"))
	show("promoted", own)

	// 5. No longer use the old one.
	check(own.Retire("OLD"))
	show("retired", own)

	// 6. Remove it, once others have taken over and it has been idle.
	fmt.Println("unproven:", errors.Is(own.Remove("OLD", month), keyset.ErrUnproven))
	own.RecordOpened("NEW", time.Now()) // which envelopes do
	check(own.Remove("OLD", month))
	show("removed", own)

	// Output:
	// before       sign:OLD decrypt:OLD
	// added        sign:OLD decrypt:OLD decrypt:NEW
	// probe        sign:NEW decrypt:NEW decrypt:OLD
	// unproven: true
	// promoted     sign:NEW sign:OLD decrypt:NEW decrypt:OLD
	// retired      sign:NEW decrypt:NEW decrypt:OLD
	// unproven: true
	// removed      sign:NEW decrypt:NEW
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
