package etcd_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/keyset/etcd"
)

// A fleet has one manifest, and keys for it.
type fleet struct {
	t    testing.TB
	keys map[keyset.ID]keyset.Material
	ids  []keyset.ID // in the order of the manifest
	m    *keyset.Manifest
}

func newFleet(t testing.TB, keys int) *fleet {
	f := &fleet{t: t, keys: map[keyset.ID]keyset.Material{}}
	var all []keyset.Key
	for n := range keys {
		k, err := jwe.GenerateKey(fmt.Sprint("key-", n), jwe.ES256)
		require.NoError(t, err)
		id := k.Info().ID
		f.keys[id], f.ids = k, append(f.ids, id)
		all = append(all, keyset.Key{Material: k, State: keyset.Active, Source: "test:" + string(id), Evidence: "marks:"})
	}
	set, err := keyset.New(1, all...)
	require.NoError(t, err)
	f.m = set.Manifest()
	return f
}

func (f *fleet) open(_ context.Context, k keyset.ManifestKey) (keyset.Material, error) {
	if m, ok := f.keys[k.ID]; ok {
		return m, nil
	}
	return nil, keyset.ErrNotFound
}

// A replica follows until the test ends, or stop is called.
type replica struct {
	ring *keyset.Ring
	stop func()

	mu   sync.Mutex
	said []string
}

func (f *fleet) follow(store keyset.Loader, seen func(keyset.Outcome), opts ...keyset.FollowOption) *replica {
	r := &replica{ring: new(keyset.Ring)}
	ctx, cancel := context.WithCancel(f.t.Context())
	follower, err := keyset.Follow(ctx, r.ring, store, f.open, append(opts, keyset.OnOutcome(func(o keyset.Outcome, err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if err != nil {
			r.said = append(r.said, err.Error())
		}
		if seen != nil {
			seen(o)
		}
	}))...)
	require.NoError(f.t, err)
	done := make(chan struct{})
	go func() { defer close(done); _ = follower.Run(ctx) }()
	r.stop = func() { cancel(); <-done }
	f.t.Cleanup(r.stop)
	return r
}

// errors are what the follower was told.
func (r *replica) errors() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.said, "\n")
}

func (r *replica) state(id keyset.ID) keyset.State {
	k, _ := r.ring.Load().Lookup(id)
	return k.State
}

func revoke(id keyset.ID) func(*keyset.Ring) error {
	return func(ring *keyset.Ring) error { return ring.Revoke(id) }
}

// A revocation reaches twenty replicas. The figures are for people; that it arrives is
// checked.
func TestRevocationReachesAll(t *testing.T) {
	const replicas = 20
	s, f := start(t), newFleet(t, 16)
	at := prefix()
	operator := etcd.Store(s.client(), at)
	require.NoError(t, keyset.Create(t.Context(), operator, f.m))
	heard := make(chan time.Time, replicas)
	for n := range replicas {
		c := s.client()
		f.follow(etcd.Store(c, at), func(o keyset.Outcome) {
			if len(o.Revoked) != 0 {
				heard <- time.Now()
			}
		}, keyset.ReportTo(etcd.Reports(c, at), fmt.Sprint("web-", n), time.Minute))
	}
	var took []time.Duration
	for _, id := range f.ids[1:] {
		time.Sleep(300 * time.Millisecond) // the reports of all on the last one are written
		began := time.Now()
		require.NoError(t, keyset.Step(t.Context(), operator, revoke(id)))
		for range replicas {
			select {
			case at := <-heard:
				took = append(took, at.Sub(began))
			case <-time.After(time.Minute):
				t.Fatal("a replica has not heard of the revocation")
			}
		}
	}
	slices.Sort(took)
	t.Logf("a revocation reaches %d replicas: median %v, worst %v, of %d", replicas, took[len(took)/2], took[len(took)-1], len(took))
}

// A hundred operators make a step each at once, and none is lost.
func TestStepsAtOnce(t *testing.T) {
	t.Parallel()
	const operators = 100
	s, f := start(t), newFleet(t, 16)
	at := prefix()
	require.NoError(t, keyset.Create(t.Context(), etcd.Store(s.client(), at), f.m))
	var stores []keyset.Store
	for range 10 {
		stores = append(stores, etcd.Store(s.client(), at))
	}
	mark := func(n int) string { return fmt.Sprintf(" m%02d.", n) }
	var all sync.WaitGroup
	var mu sync.Mutex
	tries := 0
	began := time.Now()
	for n := range operators {
		all.Go(func() {
			assert.NoError(t, keyset.Step(t.Context(), stores[n%len(stores)], func(ring *keyset.Ring) error {
				mu.Lock()
				tries++
				mu.Unlock()
				k, _ := ring.Load().Lookup(f.ids[n%len(f.ids)])
				return ring.Acknowledge(k.ID(), k.Evidence+mark(n))
			}))
		})
	}
	all.Wait()
	took := time.Since(began)
	raw, _, err := stores[0].Load(t.Context(), "")
	require.NoError(t, err)
	for n := range operators {
		assert.Equal(t, 1, strings.Count(string(raw), mark(n)), "operator %d", n)
	}
	m, err := keyset.ReadManifest(strings.NewReader(string(raw)))
	require.NoError(t, err)
	assert.EqualValues(t, 1+operators, m.Revision)
	t.Logf("%d steps at once: %v, %d tries, none lost", operators, took, tries)
}

// One process follows the manifests of a thousand partners, and hears of a change of any.
func TestThousandPartners(t *testing.T) {
	const partners = 1000
	s, f := start(t), newFleet(t, 2)
	c := s.client()
	at := prefix()
	stores := make([]keyset.Store, partners)
	for n := range stores {
		stores[n] = etcd.Store(c, fmt.Sprintf("%s/partner-%d", at, n))
		require.NoError(t, keyset.Create(t.Context(), stores[n], f.m))
	}
	memory := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	before, goroutines := memory(), runtime.NumGoroutine()
	began := time.Now()
	replicas := make([]*replica, partners)
	for n, store := range stores {
		replicas[n] = f.follow(store, nil)
	}
	loaded := time.Since(began)
	for _, n := range []int{0, partners / 2, partners - 1} {
		began := time.Now()
		require.NoError(t, keyset.Step(t.Context(), stores[n], revoke(f.ids[1])))
		require.Eventually(t, func() bool { return replicas[n].state(f.ids[1]) == keyset.Revoked }, 30*time.Second, time.Millisecond)
		t.Logf("a revocation for partner %d: %v", n, time.Since(began))
	}
	t.Logf("%d partners: first load of all, one after the other: %v; %d goroutines, %d KiB in all", partners, loaded, runtime.NumGoroutine()-goroutines, (memory()-before)>>10)
	var all sync.WaitGroup
	for _, r := range replicas {
		all.Go(r.stop)
	}
	all.Wait()
	for n, r := range replicas {
		require.Empty(t, r.errors(), "partner %d", n)
	}
}
