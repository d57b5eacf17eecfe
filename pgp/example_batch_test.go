package pgp_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// A batch file that does not fit in memory. OpenTo reads it twice: nothing
// reaches the result before all of it is known to be authentic.
func ExampleEnvelope_OpenTo() {
	ours := must(pgp.GenerateKey("Bank", pgp.Curve25519, 365*24*time.Hour))
	theirs := must(pgp.GenerateKey("Partner", pgp.Curve25519, 365*24*time.Hour))
	set := func(m keyset.Material) *keyset.Set {
		return must(keyset.New(1, keyset.Key{Material: m, State: keyset.Active}))
	}
	partner := must(pgp.New(pgp.Config{Own: set(theirs), Peer: set(ours.Public()), Encoding: pgp.Binary}))
	bank := must(pgp.New(pgp.Config{Own: set(ours), Peer: set(theirs.Public()), MaxSize: 1 << 30}))

	folder := must(os.MkdirTemp("", "batch"))
	defer os.RemoveAll(folder)
	sealed := must(os.Create(filepath.Join(folder, "batch.pgp")))
	defer sealed.Close()
	payments := strings.NewReader(strings.Repeat("DE89370400440532013000;12.50\n", 50_000))
	if err := partner.SealTo(context.Background(), sealed, payments); err != nil {
		log.Fatal(err) // what was written is no message
	}

	must(sealed.Seek(0, io.SeekStart))
	result := must(os.Create(filepath.Join(folder, "batch.csv")))
	defer result.Close()
	m, err := bank.OpenTo(context.Background(), result, sealed)
	if err != nil {
		log.Fatal(err) // discard the result
	}
	raw := must(os.ReadFile(result.Name()))
	fmt.Println(bytes.Count(raw, []byte("\n")), "payments, signed by the partner:", m.SignedBy(theirs.Info().ID))
	// Output: 50000 payments, signed by the partner: true
}
