package keyset_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

// A followed folder has own.json in it, and what the follower said.
type followed struct {
	t    *testing.T
	dir  string
	root *os.Root
	ring *keyset.Ring
	stop func() error

	mu   sync.Mutex
	said []string
}

func follows(t *testing.T, m *keyset.Manifest, opts ...keyset.FollowOption) *followed {
	f := &followed{t: t, dir: t.TempDir(), ring: new(keyset.Ring)}
	var err error
	f.root, err = os.OpenRoot(f.dir)
	require.NoError(t, err)
	f.write(encode(t, m))
	ctx, cancel := context.WithCancelCause(t.Context())
	opts = append(opts, keyset.OnOutcome(func(o keyset.Outcome, err error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.said = append(f.said, o.String()); err != nil {
			f.said[len(f.said)-1] += "; " + err.Error()
		}
	}))
	w, err := keyset.Follow(ctx, f.ring, keyset.File(f.root, "own.json"), peerVerify.open, opts...)
	require.NoError(t, err)
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	synctest.Wait() // it has looked, and waits: a write comes after that
	f.stop = func() error {
		cancel(errors.New("the server ends"))
		err := <-done
		_ = f.root.Close()
		return err
	}
	synctest.Wait() // its first look at the file is over
	return f
}

func (f *followed) write(text string) {
	require.NoError(f.t, os.WriteFile(filepath.Join(f.dir, "own.json"), []byte(text), 0o600))
}

// after is what the ring holds two seconds later, and what was said meanwhile.
func (f *followed) after() (string, string) {
	f.mu.Lock()
	f.said = nil
	f.mu.Unlock()
	time.Sleep(2 * time.Second)
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	return states(f.ring.Load()), strings.Join(f.said, " | ")
}

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manifest := func(revision uint64, keys ...[3]string) *keyset.Manifest {
			return manifestOf(peerVerify, revision, keys...)
		}
		f := follows(t, manifest(1, [3]string{"A", "active"}, [3]string{"B", "active"}))
		assert.Equal(t, "A:active B:active", states(f.ring.Load()), "before anybody listens")
		assert.Equal(t, []string{"revision 1"}, f.said)

		got, said := f.after()
		assert.Equal(t, "A:active B:active", got)
		assert.Empty(t, said, "nothing new, nothing said")

		require.NoError(t, manifest(2, [3]string{"A", "active"}, [3]string{"B", "active"}, [3]string{"C", "pending"}).WriteFile(filepath.Join(f.dir, "own.json")))
		got, said = f.after()
		assert.Equal(t, "A:active B:active C:pending", got, "replaced by a rename")
		assert.Equal(t, "revision 2", said)

		require.NoError(t, os.Remove(filepath.Join(f.dir, "own.json")))
		got, said = f.after()
		assert.Equal(t, "A:active B:active C:pending", got, "the keys stay")
		assert.Equal(t, 1, strings.Count(said, "own.json"), "said once: %s", said)

		f.write(strings.Replace(encode(t, manifest(3, [3]string{"A", "revoked"}, [3]string{"B", "active"}, [3]string{"C", "pending"})), "},", "}", 1))
		got, said = f.after()
		assert.Equal(t, "A:revoked B:active C:pending", got, "a comma is missing, and the emergency does not wait for it")
		assert.Contains(t, said, "revoked A; keyset: manifest: line ")

		f.write(encode(t, manifest(3, [3]string{"A", "revoked"}, [3]string{"B", "active"}, [3]string{"D", "pending"})))
		got, said = f.after()
		assert.Equal(t, "A:revoked B:active D:pending C:pending", got, "C may be in use")
		assert.Contains(t, said, "revision 3, 1 refused\nrefused: keyset: key still in use: key C")
		_, said = f.after()
		assert.Empty(t, said, "not every second")
		time.Sleep(time.Minute)
		_, said = f.after()
		assert.Empty(t, said)

		// A folder that is replaced by a link, as Kubernetes does with what it mounts.
		for n, name := range []string{"..1", "..2"} {
			require.NoError(t, os.Mkdir(filepath.Join(f.dir, name), 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(f.dir, name, "own.json"), []byte(encode(t, manifest(uint64(4+n), [3]string{"A", "revoked"}, [3]string{"B", "active"}, [3]string{"C", "pending"}, [3]string{"D", "pending"}))), 0o600))
			require.NoError(t, os.Symlink(name, filepath.Join(f.dir, "..new")))
			require.NoError(t, os.Rename(filepath.Join(f.dir, "..new"), filepath.Join(f.dir, "..data")))
			if n == 0 {
				require.NoError(t, os.Remove(filepath.Join(f.dir, "own.json")))
				require.NoError(t, os.Symlink(filepath.Join("..data", "own.json"), filepath.Join(f.dir, "own.json")))
			}
			got, _ = f.after()
			assert.Equal(t, "A:revoked B:active C:pending D:pending", got)
			assert.EqualValues(t, 4+n, f.ring.Outcome().Revision)
		}
		assert.EqualError(t, f.stop(), "the server ends")
	})
}

// What was refused is tried again although the file has nothing new.
func TestFollowTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := follows(t, manifestOf(peerVerify, 1, list{{"A", "active"}, {"B", "retiring"}}...),
			keyset.TryAgain(10*time.Minute), keyset.ReloadWith(keyset.IdleFor(time.Hour)))
		f.write(encode(t, manifestOf(peerVerify, 2, [3]string{"A", "active"})))
		got, said := f.after()
		assert.Equal(t, "A:active B:retiring", got)
		assert.Contains(t, said, "still in use")
		f.ring.RecordOpened("A", time.Now())
		time.Sleep(time.Hour)
		got, _ = f.after()
		assert.Equal(t, "A:active", got)
		require.Error(t, f.stop())
	})
}

func TestFollowErrors(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	require.NoError(t, err)
	defer root.Close()
	from := keyset.File(root, "own.json")
	var ring keyset.Ring
	for name, tt := range map[string]struct {
		call func() (*keyset.Follower, error)
		want string
	}{
		"no ring":   {func() (*keyset.Follower, error) { return keyset.Follow(t.Context(), nil, from, peerVerify.open) }, "needs a ring"},
		"no store":  {func() (*keyset.Follower, error) { return keyset.Follow(t.Context(), &ring, nil, peerVerify.open) }, "needs a ring"},
		"no opener": {func() (*keyset.Follower, error) { return keyset.Follow(t.Context(), &ring, from, nil) }, "needs a ring"},
		"no time": {func() (*keyset.Follower, error) {
			return keyset.Follow(t.Context(), &ring, from, peerVerify.open, keyset.TryAgain(0))
		}, "trying again after 0s"},
		"no file": {func() (*keyset.Follower, error) { return keyset.Follow(t.Context(), &ring, from, peerVerify.open) }, "own.json"},
	} {
		w, err := tt.call()
		assert.Nil(t, w, name)
		assert.ErrorContains(t, err, tt.want, name)
	}
	_, err = keyset.Follow(t.Context(), &ring, from, peerVerify.open)
	assert.ErrorIs(t, err, fs.ErrNotExist)
}
