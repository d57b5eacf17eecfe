package keyset_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/sealwax/sealwax/keyset"
)

// A program follows a manifest: it reads the file again and again, and whatever
// is wrong with it, goes on with the keys that it has.
func ExampleRing_Reload() {
	folder, err := os.MkdirTemp("", "keys")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "own.json")

	follow := func(ctx context.Context, ring *keyset.Ring, open keyset.Opener) {
		f, err := os.Open(path)
		if err != nil {
			fmt.Println("keys stay as they are:", err)
			return
		}
		defer f.Close()
		manifest, err := keyset.ReadManifest(f)
		if err != nil {
			fmt.Println("keys stay as they are:", err)
			return
		}
		outcome, err := ring.Reload(ctx, manifest, open)
		if err != nil {
			fmt.Println("keys stay as they are:", err)
			return
		}
		fmt.Println(outcome)
	}

	// In a program the opener is pgp.OpenFile(os.DirFS(folder), passphrase),
	// and follow is called by a ticker.
	open := func(_ context.Context, k keyset.ManifestKey) (keyset.Material, error) {
		return ownCert.key(k.ID), nil
	}
	manifest := &keyset.Manifest{Version: 1, Revision: 1, Format: keyset.OpenPGP, Private: true, Keys: []keyset.ManifestKey{
		{ID: "8A1C", State: keyset.Active, Source: "file:own-2026.asc"},
	}}
	var ring keyset.Ring
	write := func() {
		if err := manifest.WriteFile(path); err != nil {
			log.Fatal(err)
		}
	}
	write()
	follow(context.Background(), &ring, open)
	follow(context.Background(), &ring, open)

	// The next key is added, and then promoted before anybody has shown that
	// it works.
	manifest.Revision = 2
	manifest.Keys = append(manifest.Keys, keyset.ManifestKey{ID: "04D7", State: keyset.Pending, Source: "file:own-2027.asc"})
	write()
	follow(context.Background(), &ring, open)
	manifest.Revision = 3
	manifest.Keys[1].State = keyset.Active
	write()
	follow(context.Background(), &ring, open)

	// With the evidence in the manifest it is.
	manifest.Revision = 4
	manifest.Keys[1].Evidence = "echo of 2026-12-03"
	write()
	follow(context.Background(), &ring, open)
	fmt.Println(ring.Load())

	// Output:
	// revision 1
	// revision 1, unchanged
	// revision 2
	// revision 3, 1 refused
	// refused: keyset: no evidence that the key works: key 04D7: it has not been acknowledged; probe it, or have the partner confirm it
	// revision 4
	// keyset revision 4: openpgp, private, 2 active
}
