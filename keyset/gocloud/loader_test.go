package gocloud_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/runtimevar"
	"gocloud.dev/runtimevar/blobvar"
	"gocloud.dev/runtimevar/constantvar"
	"gocloud.dev/runtimevar/filevar"
	"gocloud.dev/runtimevar/httpvar"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/keyset/gocloud"
)

// A source is a variable, and what writes to it. An empty text removes it.
type source struct {
	v     *runtimevar.Variable
	write func(text string)
}

func bucket(t testing.TB, b *blob.Bucket) source {
	v, err := blobvar.OpenVariable(b, "own.json", runtimevar.BytesDecoder, &blobvar.Options{WaitDuration: often})
	require.NoError(t, err)
	t.Cleanup(func() { _ = v.Close(); _ = b.Close() })
	return source{v, func(text string) {
		if text == "" {
			require.NoError(t, b.Delete(context.Background(), "own.json"))
			return
		}
		require.NoError(t, b.WriteAll(context.Background(), "own.json", []byte(text), nil))
	}}
}

func sources() map[string]func(t testing.TB) source {
	return map[string]func(t testing.TB) source{
		"memblob": func(t testing.TB) source { return bucket(t, memblob.OpenBucket(nil)) },
		"fileblob": func(t testing.TB) source {
			b, err := fileblob.OpenBucket(t.TempDir(), nil)
			require.NoError(t, err)
			return bucket(t, b)
		},
		"filevar": func(t testing.TB) source {
			name := filepath.Join(t.TempDir(), "own.json")
			v, err := filevar.OpenVariable(name, runtimevar.StringDecoder, &filevar.Options{WaitDuration: often})
			require.NoError(t, err)
			t.Cleanup(func() { _ = v.Close() })
			return source{v, func(text string) {
				if text == "" {
					require.NoError(t, os.Remove(name))
					return
				}
				require.NoError(t, os.WriteFile(name+".new", []byte(text), 0o600))
				require.NoError(t, os.Rename(name+".new", name))
			}}
		},
		"httpvar": func(t testing.TB) source {
			var mu sync.Mutex
			var now string
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				if now == "" {
					http.NotFound(w, r)
					return
				}
				_, _ = w.Write([]byte(now))
			}))
			t.Cleanup(s.Close)
			v, err := httpvar.OpenVariable(s.Client(), s.URL, runtimevar.BytesDecoder, &httpvar.Options{WaitDuration: often})
			require.NoError(t, err)
			t.Cleanup(func() { _ = v.Close() })
			return source{v, func(text string) { mu.Lock(); defer mu.Unlock(); now = text }}
		},
	}
}

// load asks until the loader has another version, as Follow does.
func load(t testing.TB, l keyset.Loader, known keyset.Version) (string, keyset.Version) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		data, version, err := l.Load(ctx, known)
		if ctx.Err() != nil {
			require.NoError(t, err)
		}
		if err == nil && version != known {
			return string(data), version
		}
		time.Sleep(often)
	}
}

func TestLoader(t *testing.T) {
	for name, open := range sources() {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			l := gocloud.Loader(s.v)
			_, _, err := l.Load(t.Context(), "")
			require.ErrorIs(t, err, fs.ErrNotExist, "nothing yet")

			s.write("first")
			text, first := load(t, l, "")
			assert.Equal(t, "first", text)
			data, version, err := l.Load(t.Context(), "")
			require.NoError(t, err, "once more, for somebody else")
			assert.Equal(t, first, version)
			clear(data)
			text, _ = load(t, l, "")
			assert.Equal(t, "first", text, "the bytes are the caller's")

			// While nothing happens, Load waits until ctx ends.
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			began := time.Now()
			_, _, err = l.Load(ctx, first)
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Less(t, time.Since(began), 10*time.Second)

			// Several wait at once, and one who knows nothing need not wait for them.
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					text, _ := load(t, l, first)
					assert.Equal(t, "second", text)
				})
			}
			time.Sleep(100 * time.Millisecond)
			text, _ = load(t, l, "")
			assert.Equal(t, "first", text)
			text, _ = load(t, l, "what was in force before")
			assert.Equal(t, "first", text)
			s.write("second")
			all.Wait()
			_, second := load(t, l, first)

			// It goes, and somebody is told; it comes back.
			s.write("")
			require.Eventually(t, func() bool {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, _, err = l.Load(ctx, second)
				return errors.Is(err, fs.ErrNotExist)
			}, 30*time.Second, often)
			s.write("third")
			text, _ = load(t, l, second)
			assert.Equal(t, "third", text)

			require.NoError(t, s.v.Close())
			_, _, err = l.Load(t.Context(), second)
			require.ErrorContains(t, err, "has been Closed")
		})
	}
}

func TestLoaderConstants(t *testing.T) {
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the server ends"))
	for name, tt := range map[string]struct {
		v    *runtimevar.Variable
		want string
	}{
		"bytes":           {constantvar.New([]byte("{}")), ""},
		"text":            {constantvar.New("{}"), ""},
		"another decoder": {constantvar.New(42), "its value is int: open it with runtimevar.BytesDecoder"},
		"an error":        {constantvar.NewError(errors.New("access denied")), "access denied"},
	} {
		l := gocloud.Loader(tt.v)
		for range 2 {
			data, version, err := l.Load(t.Context(), "")
			if tt.want != "" {
				require.ErrorContains(t, err, tt.want, name)
				assert.Empty(t, version)
				continue
			}
			require.NoError(t, err, name)
			assert.Equal(t, "{}", string(data))
			_, _, err = l.Load(ended, version)
			require.EqualError(t, err, "gocloud: the server ends")
		}
		require.NoError(t, tt.v.Close())
	}
}

// A server follows a blob: through a revocation, an outage, and what is no manifest.
func TestFollow(t *testing.T) {
	s := bucket(t, memblob.OpenBucket(nil))
	keys := map[keyset.ID]keyset.Material{}
	var all []keyset.Key
	for n := range 2 {
		k, err := jwe.GenerateKey(fmt.Sprint("key-", n), jwe.ES256)
		require.NoError(t, err)
		keys[k.Info().ID] = k
		all = append(all, keyset.Key{Material: k, State: keyset.Active, Source: "test:" + string(k.Info().ID)})
	}
	set, err := keyset.New(1, all...)
	require.NoError(t, err)
	write := func() {
		raw, err := text(set)
		require.NoError(t, err)
		s.write(string(raw))
	}
	write()
	l := gocloud.Loader(s.v)
	load(t, l, "") // the variable may have looked before
	var ring keyset.Ring
	var mu sync.Mutex
	var said []string
	ctx, cancel := context.WithCancel(t.Context())
	follower, err := keyset.Follow(ctx, &ring, l, func(_ context.Context, k keyset.ManifestKey) (keyset.Material, error) {
		return keys[k.ID], nil
	}, keyset.OnOutcome(func(_ keyset.Outcome, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			said = append(said, err.Error())
		}
	}))
	require.NoError(t, err)
	done := make(chan error)
	go func() { done <- follower.Run(ctx) }()
	told := func(what string) {
		require.Eventually(t, func() bool {
			mu.Lock()
			defer mu.Unlock()
			return strings.Contains(strings.Join(said, "\n"), what)
		}, 30*time.Second, often, "%s", what)
	}
	s.write("")
	told("file does not exist")
	s.write("{")
	told("manifest: line 1")
	_, ok := ring.Load().Lookup(all[1].ID())
	assert.True(t, ok, "the keys stay")

	id := all[1].ID()
	editor := keyset.NewRing(set)
	require.NoError(t, editor.Revoke(id))
	set = editor.Load()
	write()
	require.Eventually(t, func() bool {
		k, _ := ring.Load().Lookup(id)
		return k.State == keyset.Revoked
	}, 30*time.Second, often)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
}

func text(set *keyset.Set) ([]byte, error) {
	var b strings.Builder
	_, err := set.Manifest().WriteTo(&b)
	return []byte(b.String()), err
}
