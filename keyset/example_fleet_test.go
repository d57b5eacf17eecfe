package keyset_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/sealwax/sealwax/keyset"
)

// Two replicas follow a manifest and report what they have loaded. A step that relies on
// a key waits for both.
func Example_fleet() {
	ctx := context.Background()
	manifests, reports := openFolder(), openFolder()
	defer os.RemoveAll(manifests.Name())
	defer os.RemoveAll(reports.Name())
	store, said := keyset.File(manifests, "peer.json"), keyset.ReportFiles(reports)

	set, err := keyset.New(1, keyset.Key{Material: partnerKey("bank-2026"), State: keyset.Active})
	if err != nil {
		log.Fatal(err)
	}
	if err := keyset.Create(ctx, store, set.Manifest()); err != nil {
		log.Fatal(err)
	}

	// Each replica, before it listens. Its followers run in goroutines of their own.
	open := func(_ context.Context, k keyset.ManifestKey) (keyset.Material, error) { return partnerKey(k.ID), nil }
	replica := func(name string) *keyset.Follower {
		f, err := keyset.Follow(ctx, new(keyset.Ring), store, open, keyset.ReportTo(said, name, 0))
		if err != nil {
			log.Fatal(err)
		}
		return f
	}
	replica("eu-1")
	replica("eu-2")

	// The operator, with no key but the new one.
	step := func(f func(*keyset.Ring) error) error {
		return keyset.Step(ctx, store, f, keyset.AskReplicas(said))
	}
	promote := func(ring *keyset.Ring) error { return ring.Promote("bank-2027") }
	err = step(func(ring *keyset.Ring) error {
		return errors.Join(ring.Add(ctx, partnerKey("bank-2027"), ""), ring.Acknowledge("bank-2027", "echo"))
	})
	fmt.Println("added:", err)

	lagging, ok := errors.AsType[*keyset.LaggingError](step(promote))
	fmt.Println("refused:", ok)
	for _, l := range lagging.Replicas {
		fmt.Println(l.Replica, l.Why)
	}
	replica("eu-1") // it has loaded the new revision; here, because it is started again
	replica("eu-2")
	fmt.Println("promoted:", step(promote))
	// Output:
	// added: <nil>
	// refused: true
	// eu-1 has loaded revision 1
	// eu-2 has loaded revision 1
	// promoted: <nil>
}

func openFolder() *os.Root {
	dir, err := os.MkdirTemp("", "fleet")
	if err != nil {
		log.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		log.Fatal(err)
	}
	return root
}

func partnerKey(id keyset.ID) keyset.Material { return peerEncrypt.key(id) }
