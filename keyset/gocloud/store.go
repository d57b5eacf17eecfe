package gocloud

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"gocloud.dev/docstore"

	"github.com/sealwax/sealwax/keyset"
)

// Store returns the store of one manifest, which is a document of the collection. name,
// of 1 to 64 bytes, is that of the keyset, such as "bank/own". It is safe for concurrent
// use if the driver is; the caller closes the collection when nobody uses it any more.
//
// The collection has "id" as key field, or "keyset" as partition key and "id" as sort
// key, and the revision field of docstore's default. It must read what was written
// before: with DynamoDB, that is the option ConsistentRead.
//
// Load waits by reading again every so often (zero means five seconds): a revocation
// waits for so long. Swap replaces the document if its revision is still the same. Its
// error wraps [keyset.ErrReadOnly] if the service does not permit it.
func Store(collection *docstore.Collection, name string, every time.Duration) keyset.Store {
	if every <= 0 {
		every = 5 * time.Second
	}
	return &store{documents{collection, name}, every}
}

type store struct {
	documents
	every time.Duration
}

func (s *store) Load(ctx context.Context, known keyset.Version) ([]byte, keyset.Version, error) {
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	for {
		doc, version, err := s.get(ctx, s.id("manifest"))
		if err != nil {
			return nil, "", err
		}
		if version != known {
			return bytes.Clone(doc.Data), version, nil // a driver in memory shares it
		}
		select {
		case <-ctx.Done():
			return nil, "", fmt.Errorf("gocloud: %s: %w", doc.ID, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

func (s *store) Swap(ctx context.Context, old keyset.Version, data []byte) (keyset.Version, error) {
	return s.swap(ctx, old, &document{Keyset: s.keyset, ID: s.id("manifest"), Data: data})
}
