package gocloud_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"gocloud.dev/docstore/memdocstore"
	"gocloud.dev/runtimevar"
	"gocloud.dev/runtimevar/constantvar"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/keyset/gocloud"
)

func testKey() (*keyset.Set, keyset.Opener) {
	k, err := jwe.GenerateKey("sign-2026", jwe.ES256)
	if err != nil {
		log.Fatal(err)
	}
	set, err := keyset.New(1, keyset.Key{Material: k, State: keyset.Active, Source: "file:sign-2026.jwk"})
	if err != nil {
		log.Fatal(err)
	}
	return set, func(context.Context, keyset.ManifestKey) (keyset.Material, error) { return k, nil }
}

// Replicas follow a manifest in a collection, and an operator changes it there.
func Example() {
	ctx := context.Background()
	set, open := testKey()
	collection, err := memdocstore.OpenCollection("id", nil) // in life that of another driver
	if err != nil {
		log.Fatal(err)
	}
	defer collection.Close()

	// An operator, who needs no keys.
	store, reports := gocloud.Store(collection, "bank/own", 0), gocloud.Reports(collection, "bank/own")
	if err := keyset.Create(ctx, store, set.Manifest()); err != nil {
		log.Fatal(err)
	}

	// Each replica, before it listens.
	var ring keyset.Ring
	follower, err := keyset.Follow(ctx, &ring, store, open, keyset.ReportTo(reports, "web-0", time.Minute))
	if err != nil {
		log.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); _ = follower.Run(running) }()

	all, err := reports.All(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for replica, report := range all {
		fmt.Println(replica, "has reported, expired:", report.Expired)
	}
	fmt.Println("revision", ring.Outcome().Revision)
	stop()
	<-done
	// Output:
	// web-0 has reported, expired: false
	// revision 1
}

// Replicas follow a manifest that they can only read.
func ExampleLoader() {
	ctx := context.Background()
	set, open := testKey()
	text, err := text(set)
	if err != nil {
		log.Fatal(err)
	}

	// In life that of another driver, such as blobvar.OpenVariable(bucket, "own.json",
	// runtimevar.BytesDecoder, &blobvar.Options{WaitDuration: 5 * time.Second}).
	variable := constantvar.NewBytes(text, runtimevar.BytesDecoder)
	defer variable.Close()
	var ring keyset.Ring
	follower, err := keyset.Follow(ctx, &ring, gocloud.Loader(variable), open)
	if err != nil {
		log.Fatal(err)
	}
	_ = follower // go follower.Run(ctx)
	fmt.Println("revision", ring.Outcome().Revision)
	// Output: revision 1
}
