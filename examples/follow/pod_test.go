package follow_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelopetest"
	"github.com/sealwax/sealwax/examples/follow"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// A volume is a folder as Kubernetes mounts it: the files of each version in a folder of
// their own, and links to them through ..data, which a rename replaces.
type volume struct {
	t       *testing.T
	dir     string
	version int
}

func (v *volume) mount(files map[string][]byte) {
	v.version++
	version := fmt.Sprintf("..2026_11_25_%d", v.version)
	require.NoError(v.t, os.Mkdir(filepath.Join(v.dir, version), 0o755))
	for name, raw := range files {
		require.NoError(v.t, os.WriteFile(filepath.Join(v.dir, version, name), raw, 0o644))
	}
	was, _ := os.Readlink(filepath.Join(v.dir, "..data"))
	require.NoError(v.t, os.Symlink(version, filepath.Join(v.dir, "..data_tmp")))
	require.NoError(v.t, os.Rename(filepath.Join(v.dir, "..data_tmp"), filepath.Join(v.dir, "..data")))
	for name := range files {
		if _, err := os.Lstat(filepath.Join(v.dir, name)); err != nil {
			require.NoError(v.t, os.Symlink(filepath.Join("..data", name), filepath.Join(v.dir, name)))
		}
	}
	if was != "" {
		require.NoError(v.t, os.RemoveAll(filepath.Join(v.dir, was)))
	}
}

// A pod follows what is mounted: a key that comes with its file in one step, and a
// revocation. The operator makes steps in a copy, and waits for the reports of all pods.
func TestPod(t *testing.T) {
	files := map[string][]byte{"first.asc": envelopetest.OpenPGPKey(t, 0), "next.asc": envelopetest.OpenPGPKey(t, 1)}
	var made []*pgp.Key
	for _, name := range []string{"first.asc", "next.asc"} {
		k, err := pgp.ReadKey(bytes.NewReader(files[name]))
		require.NoError(t, err)
		made = append(made, k)
	}
	set, err := keyset.New(1, keyset.Key{Material: made[0], State: keyset.Active, Source: "file:first.asc"})
	require.NoError(t, err)

	operator := t.TempDir()
	root, err := os.OpenRoot(operator)
	require.NoError(t, err)
	t.Cleanup(func() { _ = root.Close() })
	copied, reports := keyset.File(root, "own.json"), envelopetest.NewReports(t)
	require.NoError(t, keyset.Create(t.Context(), copied, set.Manifest()))
	var volumes []*volume
	apply := func(keys ...string) { // as kubectl apply, and the kubelets some time later
		all := map[string][]byte{}
		for _, name := range keys {
			all[name] = files[name]
		}
		all["own.json"], err = os.ReadFile(filepath.Join(operator, "own.json"))
		require.NoError(t, err)
		for _, v := range volumes {
			v.mount(all)
		}
	}
	rings := make([]keyset.Ring, 2)
	for range rings {
		volumes = append(volumes, &volume{t: t, dir: t.TempDir()})
	}
	apply("first.asc")
	for n := range rings {
		folder, err := os.OpenRoot(volumes[n].dir)
		require.NoError(t, err)
		t.Cleanup(func() { _ = folder.Close() })
		run, _, err := follow.Pod(folder, fmt.Sprint("bank-", n), reports, slog.New(slog.DiscardHandler)).Follow(t.Context(), &rings[n])
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- run(ctx) }()
		t.Cleanup(func() { stop(); assert.Error(t, <-done) })
	}
	has := func(id keyset.ID, state keyset.State) {
		t.Helper()
		require.Eventually(t, func() bool {
			for n := range rings {
				if k, ok := rings[n].Load().Lookup(id); !ok || k.State != state {
					return false
				}
			}
			return true
		}, 30*time.Second, 10*time.Millisecond)
	}

	id := made[1].Info().ID
	require.NoError(t, keyset.Step(t.Context(), copied, func(ring *keyset.Ring) error {
		return ring.Add(t.Context(), made[1], "file:next.asc")
	}))
	require.ErrorIs(t, follow.Promote(t.Context(), copied, reports, id, "echo"), keyset.ErrLagging, "it is not applied yet")
	apply("first.asc", "next.asc")
	has(id, keyset.Pending)
	require.Eventually(t, func() bool { return follow.Promote(t.Context(), copied, reports, id, "echo") == nil }, 30*time.Second, 10*time.Millisecond)
	apply("first.asc", "next.asc")
	has(id, keyset.Active)

	require.NoError(t, keyset.Step(t.Context(), copied, func(ring *keyset.Ring) error { return ring.Revoke(made[0].Info().ID) }))
	apply("next.asc")
	has(made[0].Info().ID, keyset.Revoked)
	for n := range rings {
		require.NoError(t, rings[n].Outcome().Err())
	}
}

// The pod of the page mounts a folder, and has the name of its pod.
func TestPodManifest(t *testing.T) {
	raw, err := os.ReadFile("pod.yaml")
	require.NoError(t, err)
	assert.Contains(t, string(raw), "kind: StatefulSet")
	assert.Contains(t, string(raw), "fieldPath: metadata.name")
	assert.NotContains(t, string(raw), "subPath")
	assert.NotContains(t, string(raw), "\t")
}
