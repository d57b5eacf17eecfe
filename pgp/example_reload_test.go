package pgp_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"strings"
	"testing/fstest"
	"time"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// A server follows a manifest: the keys are files beside it. In a program the
// file system is that of os.OpenRoot, and the manifest is read every minute.
func ExampleOpenFile() {
	files := fstest.MapFS{}
	store := func(name string) keyset.ID {
		k := must(pgp.GenerateKey(name, pgp.Curve25519, 365*24*time.Hour))
		var file bytes.Buffer
		if err := k.WriteInsecurePrivateKey(&file); err != nil {
			log.Fatal(err)
		}
		files[name+".asc"] = &fstest.MapFile{Data: file.Bytes()}
		return k.Info().ID
	}
	id2026, id2027 := store("own-2026"), store("own-2027")

	var ring keyset.Ring
	follow := func(manifest string) {
		m, err := keyset.ReadManifest(strings.NewReader(manifest))
		if err != nil {
			log.Fatal(err)
		}
		outcome, err := ring.Reload(context.Background(), m, pgp.OpenFile(files, nil))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%v: %v\n", outcome, ring.Load())
	}
	const head = `{"version": 1, "format": "openpgp", "private": true, `
	active := fmt.Sprintf(`{"id": %q, "state": "active", "source": "file:own-2026.asc"}`, id2026)
	follow(head + `"revision": 1, "keys": [` + active + `]}`)
	follow(head + `"revision": 2, "keys": [` + active + `, ` +
		fmt.Sprintf(`{"id": %q, "state": "pending", "source": "file:own-2027.asc"}`, id2027) + `]}`)
	follow(head + `"revision": 2, "keys": [` + active + `, ` +
		fmt.Sprintf(`{"id": %q, "state": "pending", "source": "file:own-2027.asc"}`, id2027) + `]}`)
	// Output:
	// revision 1: keyset revision 1: openpgp, private, 1 active
	// revision 2: keyset revision 2: openpgp, private, 1 pending, 1 active
	// revision 2, unchanged: keyset revision 2: openpgp, private, 1 pending, 1 active
}
