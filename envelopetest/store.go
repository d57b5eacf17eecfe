package envelopetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/sealwax/sealwax/keyset"
)

// NewStore returns a store in memory with nothing in it, for unit tests of what follows
// a manifest or steps through a rotation. All who have it are one fleet. It is safe for
// concurrent use. Wrap it to let it fail. NewStore panics outside of tests.
func NewStore(t testing.TB) keyset.Store {
	onlyInTests(t, "NewStore")
	return &memoryStore{changed: make(chan struct{})}
}

// NewReports returns reports in memory, of no replica yet, as [NewStore] does. Their
// clock is that of the process, also within a bubble of testing/synctest.
func NewReports(t testing.TB) keyset.Reports {
	onlyInTests(t, "NewReports")
	return &memoryReports{all: map[string]memoryReport{}}
}

// none is the error of a version that is not in force.
func none(old keyset.Version) error {
	return fmt.Errorf("%w: version %q is not in force", keyset.ErrConflict, old)
}

type memoryStore struct {
	mu      sync.Mutex
	data    []byte
	version uint64
	changed chan struct{} // closed by the next Swap
}

// number is a version as text. That of nothing is empty.
func number(n uint64) keyset.Version {
	if n == 0 {
		return ""
	}
	return keyset.Version(strconv.FormatUint(n, 10))
}

func (s *memoryStore) Load(ctx context.Context, known keyset.Version) ([]byte, keyset.Version, error) {
	for {
		if ctx.Err() != nil {
			return nil, "", context.Cause(ctx)
		}
		s.mu.Lock()
		data, version, changed := s.data, number(s.version), s.changed
		s.mu.Unlock()
		switch version {
		case "":
			return nil, "", fmt.Errorf("envelopetest: an empty store: %w", fs.ErrNotExist)
		case known:
		default:
			return bytes.Clone(data), version, nil
		}
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
}

func (s *memoryStore) Swap(ctx context.Context, old keyset.Version, data []byte) (keyset.Version, error) {
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if number(s.version) != old {
		return "", none(old)
	}
	s.data = bytes.Clone(data)
	s.version++
	close(s.changed)
	s.changed = make(chan struct{})
	return number(s.version), nil
}

type memoryReports struct {
	mu   sync.Mutex
	all  map[string]memoryReport
	last uint64 // version of all, so that none comes back after Forget
}

type memoryReport struct {
	data    []byte
	version uint64
	until   time.Time
}

func (r *memoryReports) Put(ctx context.Context, replica string, old keyset.Version, data []byte, ttl time.Duration) (keyset.Version, error) {
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case replica == "" || len(replica) > 256:
		return "", fmt.Errorf("envelopetest: the name of a replica has %d bytes", len(replica))
	case ttl <= 0:
		return "", errors.New("envelopetest: a report that has expired already")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if number(r.all[replica].version) != old {
		return "", none(old)
	}
	r.last++
	r.all[replica] = memoryReport{bytes.Clone(data), r.last, time.Now().Add(ttl)}
	return number(r.last), nil
}

func (r *memoryReports) All(ctx context.Context) (map[string]keyset.StoredReport, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make(map[string]keyset.StoredReport, len(r.all))
	for replica, s := range r.all {
		all[replica] = keyset.StoredReport{Data: bytes.Clone(s.data), Version: number(s.version), Expired: !time.Now().Before(s.until)}
	}
	return all, nil
}

func (r *memoryReports) Forget(ctx context.Context, replica string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, replica)
	return nil
}
