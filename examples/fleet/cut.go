package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sealwax/sealwax/keyset"
)

// A cutOff is a network that takes a replica apart from its store, and not from the
// partner: it serves, and hears of no step.
type cutOff struct {
	mu   sync.Mutex
	ends time.Time
}

var errCut = errors.New("no route to the store")

func (c *cutOff) until(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ends = t
}

func (c *cutOff) err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().Before(c.ends) {
		return errCut
	}
	return nil
}

type cutStore struct {
	keyset.Store
	*cutOff
}

func (c *cutStore) Load(ctx context.Context, known keyset.Version) ([]byte, keyset.Version, error) {
	if err := c.err(); err != nil {
		return nil, "", err
	}
	raw, v, err := c.Store.Load(ctx, known)
	if cut := c.err(); cut != nil { // what came over the wire meanwhile is lost
		return nil, "", cut
	}
	return raw, v, err
}

type cutReports struct {
	keyset.Reports
	*cutOff
}

func (c *cutReports) Put(ctx context.Context, replica string, old keyset.Version, data []byte, ttl time.Duration) (keyset.Version, error) {
	if err := c.err(); err != nil {
		return "", err
	}
	return c.Reports.Put(ctx, replica, old, data, ttl)
}

func (c *cutReports) All(ctx context.Context) (map[string]keyset.StoredReport, error) {
	if err := c.err(); err != nil {
		return nil, err
	}
	return c.Reports.All(ctx)
}
