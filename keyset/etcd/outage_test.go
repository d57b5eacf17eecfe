//go:build unix

package etcd_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/keyset/etcd"
)

const outage = 60 * time.Second // in which everybody has found back

// follows checks that a follower hears of a step.
func (f *fleet) follows(store keyset.Store, r *replica, id keyset.ID) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), outage)
	defer cancel()
	require.NoError(f.t, keyset.Step(ctx, store, revoke(id)))
	require.Eventually(f.t, func() bool { return r.state(id) == keyset.Revoked }, outage, 10*time.Millisecond, "%s", r.errors())
}

// freeze stops a server where it stands, and thaw lets it go on.
func (s *server) freeze() {
	c := s.client()
	require.NoError(s.t, s.process.Process.Signal(syscall.SIGSTOP))
	require.Eventually(s.t, func() bool { // a signal takes a moment to arrive
		ctx, cancel := context.WithTimeout(s.t.Context(), 500*time.Millisecond)
		defer cancel()
		_, err := c.Get(ctx, "frozen")
		return err != nil
	}, outage, time.Millisecond)
}

func (s *server) thaw() { require.NoError(s.t, s.process.Process.Signal(syscall.SIGCONT)) }

// A server that is killed and restarted while a follower waits: the follower keeps its
// keys, says what is wrong, and goes on.
func TestRestart(t *testing.T) {
	t.Parallel()
	s, f := start(t), newFleet(t, 4)
	c := s.client()
	store := etcd.Store(c, prefix())
	require.NoError(t, keyset.Create(t.Context(), store, f.m))
	r := f.follow(store, nil)
	f.follows(store, r, f.ids[1])
	s.kill()
	require.Eventually(t, func() bool { return r.errors() != "" }, outage, 10*time.Millisecond, "the follower does not notice")
	assert.Equal(t, keyset.Active, r.state(f.ids[0]), "the ring keeps its keys")
	began := time.Now()
	_, _, err := store.Load(t.Context(), "")
	require.Error(t, err, "a server that is not there")
	assert.Less(t, time.Since(began), 20*time.Second, "an outage is an error in a time that is bounded")
	_, err = store.Swap(t.Context(), "1", []byte("{}"))
	require.Error(t, err)
	require.NotErrorIs(t, err, keyset.ErrConflict)
	require.NotErrorIs(t, err, context.DeadlineExceeded, "the caller's ctx has not ended")
	s.run()
	s.ready()
	f.follows(store, r, f.ids[2])
	assert.Equal(t, keyset.Active, r.state(f.ids[0]))
}

// A server that stands still for some seconds, with everything connected.
func TestStandstill(t *testing.T) {
	t.Parallel()
	s, f := start(t), newFleet(t, 4)
	store := etcd.Store(s.client(), prefix())
	require.NoError(t, keyset.Create(t.Context(), store, f.m))
	r := f.follow(store, nil)
	old, version, err := store.Load(t.Context(), "")
	require.NoError(t, err)

	s.freeze()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = store.Swap(ctx, version, append(old, '\n'))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotErrorIs(t, err, keyset.ErrConflict)
	time.Sleep(3 * time.Second)
	assert.Equal(t, keyset.Active, r.state(f.ids[0]))
	s.thaw()

	now, _, err := store.Load(t.Context(), "")
	require.NoError(t, err)
	assert.Contains(t, []string{string(old), string(old) + "\n"}, string(now), "stored whole, or not at all")
	f.follows(store, r, f.ids[1])
}

// A server that does not answer is an error, although the connection stands and ctx has
// no end.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.client(func(c *clientv3.Config) { c.DialKeepAliveTime = 0 })
	store := etcd.Store(c, prefix())
	version, err := store.Swap(t.Context(), "", []byte("{}"))
	require.NoError(t, err)
	s.freeze()
	_, _, err = store.Load(t.Context(), "")
	require.ErrorContains(t, err, "no answer in 10s")
	require.NotErrorIs(t, err, context.DeadlineExceeded)
	s.thaw()
	_, is, err := store.Load(t.Context(), "")
	require.NoError(t, err)
	assert.Equal(t, version, is)
}

// A member without a majority answers nobody: followers keep their keys, and hear of what
// the others have stored when the cluster has come together.
func TestPartition(t *testing.T) {
	t.Parallel()
	all, f := members(t, 3), newFleet(t, 4)
	for _, s := range all {
		s.run()
	}
	all[0].ready()
	store := etcd.Store(all[0].client(), prefix())
	require.NoError(t, keyset.Create(t.Context(), store, f.m))
	r := f.follow(store, nil)
	for _, s := range all[1:] {
		s.freeze()
	}
	require.Eventually(t, func() bool { return r.errors() != "" }, outage, 10*time.Millisecond, "the follower does not notice")
	began := time.Now()
	_, _, err := store.Load(t.Context(), "")
	require.Error(t, err, "what this member has may be old")
	assert.Less(t, time.Since(began), 20*time.Second)
	_, err = store.Swap(t.Context(), "1", []byte("{}"))
	require.Error(t, err)
	assert.Equal(t, keyset.Active, r.state(f.ids[0]))
	for _, s := range all[1:] {
		s.thaw()
	}
	all[0].ready()
	f.follows(store, r, f.ids[1])
	t.Logf("the follower has said:\n%s", r.errors())
}

// A link passes connections on, until it is cut.
type link struct {
	t      *testing.T
	listen net.Listener
	to     string

	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

func newLink(t *testing.T, to string) *link {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	k := &link{t: t, listen: l, to: strings.TrimPrefix(to, "http://")}
	t.Cleanup(func() { _ = l.Close(); k.set(true) })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			k.join(in)
		}
	}()
	return k
}

func (k *link) join(in net.Conn) {
	out, err := net.Dial("tcp", k.to)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil || k.cut {
		_ = in.Close()
		if err == nil {
			_ = out.Close()
		}
		return
	}
	k.conns = append(k.conns, in, out)
	go func() { _, _ = io.Copy(in, out); _ = in.Close() }()
	go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
}

func (k *link) set(cut bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cut = cut
	if cut {
		for _, c := range k.conns {
			_ = c.Close()
		}
		k.conns = nil
	}
}

// Whoever waits behind a connection that is lost, while the server goes on and forgets
// the revisions in between, misses nothing.
func TestCompaction(t *testing.T) {
	t.Parallel()
	s := start(t)
	direct := s.client()
	k := newLink(t, s.url)
	behind := s.client(func(c *clientv3.Config) { c.Endpoints = []string{"http://" + k.listen.Addr().String()} })
	at := prefix()
	writer, store := etcd.Store(direct, at), etcd.Store(behind, at)
	version, err := writer.Swap(t.Context(), "", []byte("0"))
	require.NoError(t, err)
	compact := func() {
		for n := range 10 {
			_, err := direct.Put(t.Context(), "other", fmt.Sprint(n))
			require.NoError(t, err)
		}
		r, err := direct.Get(t.Context(), "other")
		require.NoError(t, err)
		_, err = direct.Compact(t.Context(), r.Header.Revision, clientv3.WithCompactPhysical())
		require.NoError(t, err)
	}
	for n, tt := range []struct {
		name      string
		cut, news bool
	}{
		{name: "connected"},
		{name: "cut", cut: true},
		{name: "cut, and it misses a change", cut: true, news: true},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), outage)
		waits := make(chan string, 1)
		go func(known keyset.Version) {
			for {
				data, version, err := store.Load(ctx, known)
				switch {
				case ctx.Err() != nil:
					waits <- "nothing"
					return
				case err != nil:
					assert.NotContains(t, err.Error(), "compacted", tt.name)
					time.Sleep(100 * time.Millisecond) // as Follow does
				case version != known:
					waits <- string(data)
					return
				}
			}
		}(version)
		time.Sleep(500 * time.Millisecond)
		k.set(tt.cut)
		compact()
		if tt.news {
			version, err = writer.Swap(ctx, version, []byte("missed"))
			require.NoError(t, err)
			compact()
		}
		k.set(false)
		want := "missed"
		if !tt.news {
			time.Sleep(500 * time.Millisecond)
			want = fmt.Sprint("after ", n)
			version, err = writer.Swap(ctx, version, []byte(want))
			require.NoError(t, err)
		}
		assert.Equal(t, want, <-waits, tt.name)
		cancel()
	}
}
