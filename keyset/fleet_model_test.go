package keyset_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelopetest"
	"github.com/sealwax/sealwax/keyset"
)

// A modelFleet is three replicas and operators who make steps in any order. What it
// promises: when a key is promoted, every replica that counts opens with it; when a key
// is removed, none of them seals with it.
type modelFleet struct {
	t        *testing.T
	random   *rand.Rand
	store    keyset.Store
	reports  keyset.Reports
	replicas [3]*keyset.Ring
	versions [3]keyset.Version
	counts   [3]bool // has reported, and was not forgotten since
	sequence int
	made     map[string]int // steps that were made
}

const modelIdle = time.Nanosecond

func newModelFleet(t *testing.T, seed uint64) *modelFleet {
	f := &modelFleet{t: t, random: rand.New(rand.NewPCG(seed, 1)), store: envelopetest.NewStore(t), reports: envelopetest.NewReports(t), made: map[string]int{}}
	require.NoError(t, keyset.Create(t.Context(), f.store, usable(ownCert, 1, [3]string{"K0", "active"})))
	for n := range f.replicas {
		f.restart(n)
		f.report(n)
	}
	return f
}

func (f *modelFleet) load(n int) {
	raw, _, err := f.store.Load(f.t.Context(), "")
	require.NoError(f.t, err)
	m, err := keyset.ReadManifest(bytes.NewReader(raw))
	require.NoError(f.t, err)
	open := func(ctx context.Context, k keyset.ManifestKey) (keyset.Material, error) {
		if f.random.IntN(8) == 0 {
			return nil, errors.New("not mounted yet")
		}
		return ownCert.open(ctx, k)
	}
	_, err = f.replicas[n].Reload(f.t.Context(), m, open, keyset.IdleFor(modelIdle))
	if err != nil {
		// A start with nothing to start with is made again.
		require.Empty(f.t, f.replicas[n].Load().Format())
		f.load(n)
	}
}

func (f *modelFleet) restart(n int) {
	f.replicas[n] = new(keyset.Ring)
	f.load(n)
}

func (f *modelFleet) report(n int) {
	var b bytes.Buffer
	_, err := f.replicas[n].Report(fmt.Sprint(n)).WriteTo(&b)
	require.NoError(f.t, err)
	if !f.counts[n] {
		f.versions[n] = "" // who is forgotten begins anew
	}
	f.versions[n], err = f.reports.Put(f.t.Context(), fmt.Sprint(n), f.versions[n], b.Bytes(), time.Hour)
	require.NoError(f.t, err)
	f.counts[n] = true
}

// operate makes a random step, and returns what it broke.
func (f *modelFleet) operate(opts ...keyset.StepOption) error {
	raw, _, err := f.store.Load(f.t.Context(), "")
	require.NoError(f.t, err)
	m, err := keyset.ReadManifest(bytes.NewReader(raw))
	require.NoError(f.t, err)
	id := m.Keys[f.random.IntN(len(m.Keys))].ID
	lost := f.random.IntN(3)
	name := []string{"add", "acknowledge", "acknowledge", "promote", "promote", "promote", "retire", "retire", "remove", "remove", "revoke", "forget"}[f.random.IntN(12)]
	if name == "revoke" && f.random.IntN(4) != 0 {
		name = "promote"
	}
	if name == "add" {
		f.sequence++
		id = keyset.ID(fmt.Sprint("K", f.sequence))
	}
	err = keyset.Step(f.t.Context(), f.store, func(r *keyset.Ring) error {
		switch name {
		case "add":
			return r.Add(f.t.Context(), ownCert.key(id), "")
		case "acknowledge":
			return r.Acknowledge(id, "echo")
		case "promote":
			return r.Promote(id)
		case "retire":
			return r.Retire(id)
		case "remove":
			return r.Remove(id, modelIdle)
		case "forget":
			return r.Forget(fmt.Sprint(lost), "scrapped")
		}
		return r.Revoke(id)
	}, opts...)
	if err != nil {
		return nil
	}
	f.made[name]++
	if name == "forget" {
		f.counts[lost] = false
	}
	for n, ring := range f.replicas {
		k, held := ring.Load().Lookup(id)
		was := keyset.State(0)
		for _, e := range m.Keys {
			if e.ID == id {
				was = e.State
			}
		}
		switch {
		case !f.counts[n] || was == keyset.Revoked:
		case name == "promote" && was == keyset.Pending && (!held || k.State == keyset.Revoked):
			return fmt.Errorf("key %s is promoted, and replica %d does not open with it", id, n)
		case name == "remove" && held && k.State == keyset.Active:
			return fmt.Errorf("key %s is removed, and replica %d seals with it", id, n)
		}
	}
	return nil
}

func (f *modelFleet) run(steps int, opts ...keyset.StepOption) error {
	for range steps {
		n := f.random.IntN(3)
		switch f.random.IntN(9) {
		case 8:
			for n := range f.replicas {
				if f.load(n); f.random.IntN(8) != 0 {
					f.report(n)
				}
			}
		case 0, 1:
			f.load(n)
		case 2, 3:
			f.report(n)
		case 4:
			if f.random.IntN(4) == 0 { // Follow reports before the ring is used
				f.restart(n)
				f.report(n)
			}
			for k := range f.replicas[n].Load().All() {
				if f.random.IntN(2) == 0 {
					f.replicas[n].RecordOpened(k.ID(), time.Now())
				}
			}
		default:
			if err := f.operate(append(opts, keyset.AskReplicas(f.reports))...); err != nil {
				return err
			}
		}
	}
	return nil
}

func TestModelOfAFleet(t *testing.T) {
	if testing.Short() {
		require.NoError(t, newModelFleet(t, 0).run(120))
		return // a few seeds do not show that every step is made
	}
	made := map[string]int{}
	for seed := range uint64(250) {
		f := newModelFleet(t, seed)
		require.NoError(t, f.run(120), "seed %d", seed)
		for name, n := range f.made {
			made[name] += n
		}
	}
	for _, name := range []string{"add", "acknowledge", "promote", "retire", "remove", "revoke", "forget"} {
		require.Greater(t, made[name], 20, "%s: too rare to show anything", name)
	}
}

// The model sees what is lost where a person answers for replicas that nobody has asked.
func TestModelOfAFleetFindsFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("a hundred fleets")
	}
	found := map[bool]int{}
	for seed := range uint64(100) {
		found[newModelFleet(t, seed).run(120, keyset.Vouch("0", "1", "2")) != nil]++
	}
	require.Greater(t, found[true], 5)
}
