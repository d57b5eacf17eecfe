package etcd_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/sealwax/sealwax/envelopetest"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/keyset/etcd"
)

func TestStoreKeepsItsPromises(t *testing.T) {
	s := start(t)
	one, two := s.client(), s.client()
	envelopetest.TestStore(t, func(*testing.T) keyset.Store {
		at := prefix()
		return envelopetest.TwoStores(etcd.Store(one, at), etcd.Store(two, at))
	})
}

func TestReportsKeepTheirPromises(t *testing.T) {
	s := start(t)
	one, two := s.client(), s.client()
	envelopetest.TestReports(t, func(*testing.T) keyset.Reports {
		at := prefix()
		return envelopetest.TwoReports(etcd.Reports(one, at), etcd.Reports(two, at))
	})
	t.Run("no lease is left over", func(t *testing.T) { leases(t, one) })
}

// leases checks that reports that follow each other have one lease, and that those that
// lose or are forgotten have none.
func leases(t *testing.T, c *clientv3.Client) {
	count := func() int {
		r, err := c.Leases(t.Context())
		require.NoError(t, err)
		return len(r.Leases)
	}
	before, reports := count(), etcd.Reports(c, prefix())
	var version keyset.Version
	for range 10 {
		var err error
		version, err = reports.Put(t.Context(), "web-0", version, []byte("{}"), time.Hour)
		require.NoError(t, err)
		_, err = reports.Put(t.Context(), "web-0", "", []byte("{}"), time.Hour)
		require.ErrorIs(t, err, keyset.ErrConflict)
	}
	assert.Equal(t, before+1, count(), "after ten reports, and ten that lost")
	require.NoError(t, reports.Forget(t.Context(), "web-0"))
	assert.Equal(t, before, count(), "after it was forgotten")
}

// A version does not come back with the key.
func TestVersionsAfterDelete(t *testing.T) {
	c := start(t).client()
	at := prefix()
	store := etcd.Store(c, at)
	first, err := store.Swap(t.Context(), "", []byte("same"))
	require.NoError(t, err)
	_, err = c.Delete(t.Context(), at, clientv3.WithPrefix())
	require.NoError(t, err)
	_, err = store.Swap(t.Context(), first, []byte("same"))
	require.ErrorIs(t, err, keyset.ErrConflict)
	second, err := store.Swap(t.Context(), "", []byte("same"))
	require.NoError(t, err)
	assert.NotEqual(t, first, second)
	_, err = store.Swap(t.Context(), first, []byte("same"))
	require.ErrorIs(t, err, keyset.ErrConflict)
}

// A hooked client does something after every read.
type hooked struct {
	clientv3.KV
	after func()
}

func (h hooked) Get(ctx context.Context, key string, opts ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	r, err := h.KV.Get(ctx, key, opts...)
	h.after()
	return r, err
}

// What is stored between the read and the watch is not missed.
func TestBetweenReadAndWatch(t *testing.T) {
	s := start(t)
	c, at := s.client(), prefix()
	writer := etcd.Store(s.client(), at)
	version, err := writer.Swap(t.Context(), "", []byte("first"))
	require.NoError(t, err)
	var once sync.Once
	c.KV = hooked{c.KV, func() {
		once.Do(func() {
			_, err := writer.Swap(t.Context(), version, []byte("second"))
			assert.NoError(t, err)
		})
	}}
	began := time.Now()
	data, _, err := etcd.Store(c, at).Load(t.Context(), version)
	require.NoError(t, err)
	assert.Equal(t, "second", string(data))
	assert.Less(t, time.Since(began), 10*time.Second, "it was found by reading again")
}

// Whoever waits is told that the manifest is gone.
func TestDeletedWhileWaiting(t *testing.T) {
	c := start(t).client()
	at := prefix()
	store := etcd.Store(c, at)
	version, err := store.Swap(t.Context(), "", []byte("{}"))
	require.NoError(t, err)
	time.AfterFunc(200*time.Millisecond, func() { _, _ = c.Delete(t.Context(), at, clientv3.WithPrefix()) })
	_, _, err = store.Load(t.Context(), version)
	require.ErrorContains(t, err, "file does not exist")
}

// Stores and reports whose prefixes begin alike do not see each other.
func TestPrefixes(t *testing.T) {
	c := start(t).client()
	at := prefix()
	version := keyset.Version("")
	for _, p := range []string{at, at + "/", at + "/report:", at + "/report:a", at + "/report:a/", at + "/alive:a", at + "0", at + "//"} {
		reports := etcd.Reports(c, p)
		for _, replica := range []string{"a", "a/b", "manifest", "/manifest"} {
			_, err := reports.Put(t.Context(), replica, version, []byte(p+" "+replica), time.Hour)
			require.NoError(t, err, p)
		}
		_, err := etcd.Store(c, p).Swap(t.Context(), "", []byte(p))
		require.NoError(t, err, p)
	}
	all, err := etcd.Reports(c, at).All(t.Context())
	require.NoError(t, err)
	assert.Len(t, all, 4)
	for replica, r := range all {
		assert.Equal(t, at+" "+replica, string(r.Data))
	}

	// What is no report is not passed over: it could stand for a replica.
	_, err = c.Put(t.Context(), at+"/report:%zz", "?")
	require.NoError(t, err)
	_, err = etcd.Reports(c, at).All(t.Context())
	require.ErrorContains(t, err, at+"/report:%zz")
}

func TestErrors(t *testing.T) {
	c := start(t).client()
	_, err := etcd.Store(c, prefix()).Swap(t.Context(), "", make([]byte, 1700<<10))
	require.ErrorContains(t, err, "--max-request-bytes")
	_, err = etcd.Reports(c, prefix()).Put(t.Context(), "", "", nil, time.Second)
	require.ErrorContains(t, err, "0 bytes, and not 1 to 256")
	require.NoError(t, c.Close())
	_, _, err = etcd.Store(c, prefix()).Load(t.Context(), "")
	require.Error(t, err)
	assert.NotErrorIs(t, err, keyset.ErrConflict)
}
