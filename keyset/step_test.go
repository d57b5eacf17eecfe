package keyset_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

// A place is a folder with a manifest and a folder of reports.
type place struct {
	t       testing.TB
	path    string
	store   keyset.Store
	reports keyset.Reports
}

func placeOf(t testing.TB, m *keyset.Manifest) *place {
	p := &place{t: t, path: filepath.Join(t.TempDir(), "own.json")}
	for _, dir := range []string{filepath.Dir(p.path), t.TempDir()} {
		root, err := os.OpenRoot(dir)
		require.NoError(t, err)
		t.Cleanup(func() { _ = root.Close() })
		if p.store == nil {
			p.store = keyset.File(root, "own.json")
		} else {
			p.reports = keyset.ReportFiles(root)
		}
	}
	if m != nil {
		require.NoError(t, keyset.Create(t.Context(), p.store, m))
	}
	return p
}

func (p *place) text() string {
	raw, err := os.ReadFile(p.path)
	require.NoError(p.t, err)
	return string(raw)
}

func (p *place) manifest() *keyset.Manifest {
	m, err := keyset.ReadManifest(strings.NewReader(p.text()))
	require.NoError(p.t, err)
	return m
}

// states spells the manifest as states does a set.
func (p *place) states() string {
	s, err := p.manifest().Open(p.t.Context(), nil)
	require.NoError(p.t, err)
	return states(s)
}

// usable is a manifest that says what its keys are for.
func usable(r role, revision uint64, keys ...[3]string) *keyset.Manifest {
	m := manifestOf(r, revision, keys...)
	for n := range m.Keys {
		m.Keys[n].Use = r.use.String()
	}
	return m
}

func TestStep(t *testing.T) {
	p := placeOf(t, usable(ownCert, 7, [3]string{"A", "active"}, [3]string{"B", "pending"}))
	require.NoError(t, keyset.Step(t.Context(), p.store, func(ring *keyset.Ring) error {
		if err := ring.Acknowledge("B", "echo"); err != nil {
			return err
		}
		return ring.Promote("B")
	}, keyset.SingleProcess()))
	assert.Equal(t, "B:active A:active", p.states())
	assert.EqualValues(t, 9, p.manifest().Revision, "two changes, one write")

	before := p.text()
	assert.ErrorIs(t, keyset.Step(t.Context(), p.store, func(ring *keyset.Ring) error {
		if err := ring.Retire("A"); err != nil {
			return err
		}
		return ring.Retire("B")
	}), keyset.ErrLastActive, "all of it or nothing")
	assert.Equal(t, before, p.text())
	require.NoError(t, keyset.Step(t.Context(), p.store, func(*keyset.Ring) error { return nil }))
	assert.Equal(t, before, p.text(), "nothing to do, nothing written")

	assert.ErrorIs(t, keyset.Create(t.Context(), p.store, usable(ownCert, 1, [3]string{"A", "active"})), keyset.ErrConflict)
	assert.Error(t, keyset.Create(t.Context(), p.store, &keyset.Manifest{}))
	empty := placeOf(t, nil)
	assert.ErrorIs(t, keyset.Step(t.Context(), empty.store, func(*keyset.Ring) error { return nil }), fs.ErrNotExist)
}

func TestStepErrors(t *testing.T) {
	p := placeOf(t, usable(ownCert, 1, [3]string{"A", "active"}))
	nothing := func(*keyset.Ring) error { return nil }
	for name, err := range map[string]error{
		"no store":         keyset.Step(t.Context(), nil, nothing),
		"no function":      keyset.Step(t.Context(), p.store, nil),
		"no opener":        keyset.Step(t.Context(), p.store, nothing, keyset.OpenKeys(nil)),
		"no reports":       keyset.Step(t.Context(), p.store, nothing, keyset.AskReplicas(nil)),
		"an empty replica": keyset.Step(t.Context(), p.store, nothing, keyset.AskReplicas(p.reports, "")),
		"nobody":           keyset.Step(t.Context(), p.store, nothing, keyset.Vouch()),
		"an empty name":    keyset.Step(t.Context(), p.store, nothing, keyset.Vouch("")),
		"no time":          keyset.Step(t.Context(), p.store, nothing, keyset.ForgetAfter(0)),
	} {
		assert.ErrorContains(t, err, "keyset: ", name)
	}
}

// The new key is tested, and the others need not be there. No secret is in what is stored.
func TestStepAddsWithoutOtherSecrets(t *testing.T) {
	p := placeOf(t, usable(ownDecrypt, 1, [3]string{"A", "active"}))
	broken := ownDecrypt.key("X")
	broken.test = func(context.Context) error { return errors.New("does not decrypt") }
	for _, m := range []keyset.Material{broken, peerEncrypt.key("X"), ownCert.key("X")} {
		assert.Error(t, keyset.Step(t.Context(), p.store, func(ring *keyset.Ring) error { return ring.Add(t.Context(), m, "") }))
	}
	k := &copied{ownDecrypt.key("B", named("next")), digestOf("b"), nil}
	require.NoError(t, keyset.Step(t.Context(), p.store, func(ring *keyset.Ring) error { return ring.Add(t.Context(), k, "file:b") }))
	entry := p.manifest().Keys[1]
	assert.Equal(t, [6]any{keyset.ID("B"), "next", "encryption", keyset.Pending, "file:b", digestOf("b")},
		[6]any{entry.ID, entry.Name, entry.Use, entry.State, entry.Source, entry.Digest})
	assert.NotContains(t, p.text(), canary)
	assert.ErrorIs(t, keyset.Step(t.Context(), p.store, func(ring *keyset.Ring) error { return ring.Add(t.Context(), k, "") }), keyset.ErrDuplicate)

	// With the keys a newer copy can be compared.
	opened := keyset.OpenKeys(func(_ context.Context, k keyset.ManifestKey) (keyset.Material, error) {
		return &copied{ownDecrypt.key(k.ID, named(k.Name)), k.Digest, nil}, nil
	})
	newer := &copied{ownDecrypt.key("B", named("next")), digestOf("c"), nil}
	assert.Error(t, keyset.Step(t.Context(), p.store, func(ring *keyset.Ring) error { return ring.Refresh(t.Context(), newer, "file:c") }))
	require.NoError(t, keyset.Step(t.Context(), p.store, func(ring *keyset.Ring) error { return ring.Refresh(t.Context(), newer, "file:c") }, opened))
	assert.Equal(t, digestOf("c"), p.manifest().Keys[1].Digest)
}

// A manifest written by hand need not say what its keys are for. Then no rule can be asked.
func TestStepNeedsTheUse(t *testing.T) {
	p := placeOf(t, manifestOf(ownSign, 1, [3]string{"A", "active"}, [3]string{"B", "pending"}))
	promote := func(ring *keyset.Ring) error { return ring.Promote("B") }
	assert.ErrorContains(t, keyset.Step(t.Context(), p.store, promote, keyset.SingleProcess()), `the manifest has no "use" for it`)
	assert.ErrorIs(t, keyset.Step(t.Context(), p.store, promote, keyset.SingleProcess(), keyset.OpenKeys(ownSign.open)), keyset.ErrUnproven)
	require.NoError(t, keyset.Step(t.Context(), p.store, func(ring *keyset.Ring) error { return ring.Revoke("A") }))
	assert.Equal(t, "A:revoked B:pending", p.states())
}

// In bytes that are no manifest a key can be revoked, and nothing else.
func TestStepOnATornManifest(t *testing.T) {
	p := placeOf(t, nil)
	ids := []keyset.ID{}
	keys := list{}
	for _, c := range "abc" {
		ids = append(ids, keyset.ID(strings.Repeat(string(c), 43)))
		keys = append(keys, [3]string{string(ids[len(ids)-1]), "active"})
	}
	torn := strings.Replace(encode(t, usable(peerVerify, 3, keys...)), "},", "}", 1)
	require.NoError(t, os.WriteFile(p.path, []byte(torn), 0o600))
	for name, step := range map[string]func(*keyset.Ring) error{
		"promote":         func(r *keyset.Ring) error { return r.Promote(ids[0]) },
		"retire":          func(r *keyset.Ring) error { return r.Retire(ids[0]) },
		"add":             func(r *keyset.Ring) error { return r.Add(t.Context(), peerVerify.key("N"), "") },
		"acknowledge":     func(r *keyset.Ring) error { return r.Acknowledge(ids[0], "echo") },
		"remove":          func(r *keyset.Ring) error { return r.RemoveUnchecked(ids[0], "x") },
		"forget":          func(r *keyset.Ring) error { return r.Forget("r", "x") },
		"revoke and more": func(r *keyset.Ring) error { return errors.Join(r.Revoke(ids[0]), r.Retire(ids[1])) },
	} {
		err := keyset.Step(t.Context(), p.store, step, keyset.SingleProcess())
		var broken *keyset.ManifestError
		assert.ErrorAs(t, err, &broken, name)
		assert.Equal(t, torn, p.text(), name)
	}
	var revoked []keyset.ID
	require.NoError(t, keyset.Step(t.Context(), p.store, func(r *keyset.Ring) error {
		revoked = r.RevokeAll(ids[0], "short", ids[2])
		return nil
	}))
	assert.Equal(t, []keyset.ID{ids[0], ids[2]}, revoked)
	assert.ElementsMatch(t, revoked, revokedBy(t, []byte(p.text())))
}

// A store that does what stores do when a network fails.
type faulty struct {
	keyset.Store
	swap func(attempt int64) (stores bool, err error)
	load func(raw []byte, v keyset.Version) ([]byte, keyset.Version, error)
	n    atomic.Int64
}

func (f *faulty) Load(ctx context.Context, known keyset.Version) ([]byte, keyset.Version, error) {
	raw, v, err := f.Store.Load(ctx, known)
	if f.load != nil && err == nil {
		return f.load(raw, v)
	}
	return raw, v, err
}

func (f *faulty) Swap(ctx context.Context, old keyset.Version, data []byte) (keyset.Version, error) {
	stores, err := f.swap(f.n.Add(1))
	if !stores {
		return "", err
	}
	v, failed := f.Store.Swap(ctx, old, data)
	if failed != nil {
		return "", failed
	}
	return v, err
}

func TestStepWithoutAnAnswer(t *testing.T) {
	lost := errors.New("connection reset")
	for name, tt := range map[string]struct {
		swap  func(int64) (bool, error)
		want  string
		tries int64
		err   error
	}{
		"stored, and no answer":       {func(int64) (bool, error) { return true, lost }, "B:active A:active", 1, nil},
		"not stored, and no answer":   {func(n int64) (bool, error) { return n > 1, map[bool]error{true: lost}[n == 1] }, "B:active A:active", 2, nil},
		"never stored":                {func(int64) (bool, error) { return false, lost }, "A:active B:pending", 4, lost},
		"a conflict that is none":     {func(n int64) (bool, error) { return n > 2, map[bool]error{true: keyset.ErrConflict}[n < 3] }, "B:active A:active", 3, nil},
		"it cannot be written at all": {func(int64) (bool, error) { return false, keyset.ErrReadOnly }, "A:active B:pending", 1, keyset.ErrReadOnly},
	} {
		t.Run(name, func(t *testing.T) {
			p := placeOf(t, usable(peerEncrypt, 1, [3]string{"A", "active"}, [3]string{"B", "pending", "echo"}))
			store := &faulty{Store: p.store, swap: tt.swap}
			err := keyset.Step(t.Context(), store, func(r *keyset.Ring) error { return r.Promote("B") }, keyset.SingleProcess())
			assert.ErrorIs(t, err, tt.err)
			if tt.err == lost {
				assert.ErrorContains(t, err, "may have been stored")
			}
			assert.Equal(t, tt.want, p.states())
			assert.Equal(t, tt.tries, store.n.Load())
		})
	}
}

// A replica of the store that is behind gives old bytes. The swap tells it.
func TestStepAfterAStaleRead(t *testing.T) {
	p := placeOf(t, usable(peerVerify, 1, [3]string{"A", "active"}, [3]string{"B", "active"}))
	old, version, err := p.store.Load(t.Context(), "")
	require.NoError(t, err)
	require.NoError(t, keyset.Step(t.Context(), p.store, func(r *keyset.Ring) error { return r.Revoke("A") }))
	stale := 3
	store := &faulty{Store: p.store, swap: func(int64) (bool, error) { return true, nil },
		load: func(raw []byte, v keyset.Version) ([]byte, keyset.Version, error) {
			if stale--; stale >= 0 {
				return old, version, nil
			}
			return raw, v, nil
		}}
	require.NoError(t, keyset.Step(t.Context(), store, func(r *keyset.Ring) error { return r.Retire("B") }))
	assert.Equal(t, "A:revoked B:retiring", p.states())
}

// Many operators at once, and none of their steps is lost.
func TestStepByManyAtOnce(t *testing.T) {
	const operators = 40
	keys := list{{"KEEP", "active"}}
	for n := range 12 {
		keys = append(keys, [3]string{fmt.Sprint("K", n), "active"})
	}
	p := placeOf(t, usable(peerVerify, 1, keys...))
	var wg sync.WaitGroup
	for n := range operators {
		wg.Go(func() {
			assert.NoError(t, keyset.Step(t.Context(), p.store, func(r *keyset.Ring) error {
				if n < 12 {
					return r.Revoke(keyset.ID(fmt.Sprint("K", n)))
				}
				return r.Acknowledge("KEEP", fmt.Sprint("operator ", n))
			}))
		})
	}
	wg.Wait()
	m := p.manifest()
	assert.EqualValues(t, 1+operators, m.Revision)
	for _, k := range m.Keys[1:] {
		assert.Equal(t, keyset.Revoked, k.State, "%s", k.ID)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(p.path), ".own.json.*"))
	require.NoError(t, err)
	assert.Empty(t, left, "a temporary file was left behind")
}

func TestStepEndsWithItsContext(t *testing.T) {
	p := placeOf(t, usable(peerVerify, 1, [3]string{"A", "active"}))
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("the operator has left"))
	defer cancel()
	store := &faulty{Store: p.store, swap: func(int64) (bool, error) { return false, keyset.ErrConflict }}
	err := keyset.Step(ctx, store, func(r *keyset.Ring) error { return r.Revoke("A") })
	assert.EqualError(t, err, "the operator has left")
}
