package gocloud_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gocloud.dev/docstore"
	"gocloud.dev/docstore/memdocstore"

	"github.com/sealwax/sealwax/envelopetest"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/keyset/gocloud"
)

func collection(t testing.TB, opts *memdocstore.Options) *docstore.Collection {
	c, err := memdocstore.OpenCollection("id", opts)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

const often = 20 * time.Millisecond

func TestStoreKeepsItsPromises(t *testing.T) {
	envelopetest.TestStore(t, func(t *testing.T) keyset.Store {
		c := collection(t, nil)
		return envelopetest.TwoStores(gocloud.Store(c, "bank/own", often), gocloud.Store(c, "bank/own", often))
	})
}

func TestReportsKeepTheirPromises(t *testing.T) {
	envelopetest.TestReports(t, func(t *testing.T) keyset.Reports {
		c := collection(t, nil)
		return envelopetest.TwoReports(gocloud.Reports(c, "bank/own"), gocloud.Reports(c, "bank/own"))
	})
}

// One collection has many keysets, and their reports.
func TestOneCollection(t *testing.T) {
	c := collection(t, nil)
	names := []string{"bank/own", "bank/peer", "bank", "bank:report", "bank:report:a", "bank/own:manifest", "bank%2Fown", strings.Repeat("n", 64)}
	for _, name := range names {
		_, err := gocloud.Store(c, name, often).Swap(t.Context(), "", []byte(name))
		require.NoError(t, err, name)
		for _, replica := range []string{"a", ":", "manifest"} {
			_, err := gocloud.Reports(c, name).Put(t.Context(), replica, "", []byte(name+replica), time.Hour)
			require.NoError(t, err, name)
		}
	}
	for _, name := range names {
		data, _, err := gocloud.Store(c, name, often).Load(t.Context(), "")
		require.NoError(t, err)
		assert.Equal(t, name, string(data))
		all, err := gocloud.Reports(c, name).All(t.Context())
		require.NoError(t, err)
		assert.Len(t, all, 3)
		for replica, r := range all {
			assert.Equal(t, name+replica, string(r.Data))
		}
	}
	// What is no report is not passed over: it could stand for a replica.
	require.NoError(t, c.Create(t.Context(), map[string]any{"id": "bank:report:%zz", "keyset": "bank"}))
	_, err := gocloud.Reports(c, "bank").All(t.Context())
	require.ErrorContains(t, err, `"bank:report:%zz"`)
}

// Clients of services repeat a request whose answer was lost. The second one finds what
// the first one has stored.
func TestRepeatedRequest(t *testing.T) {
	store := gocloud.Store(collection(t, nil), "bank/own", often)
	first, err := store.Swap(t.Context(), "", []byte("first"))
	require.NoError(t, err)
	again, err := store.Swap(t.Context(), "", []byte("first"))
	require.NoError(t, err)
	assert.Equal(t, first, again)
	second, err := store.Swap(t.Context(), first, []byte("second"))
	require.NoError(t, err)
	again, err = store.Swap(t.Context(), first, []byte("second"))
	require.NoError(t, err)
	assert.Equal(t, second, again)
	_, err = store.Swap(t.Context(), first, []byte("third"))
	require.ErrorIs(t, err, keyset.ErrConflict)
}

func TestStoreErrors(t *testing.T) {
	ctx := t.Context()
	c := collection(t, nil)
	for _, name := range []string{"", strings.Repeat("n", 65)} {
		_, _, err := gocloud.Store(c, name, often).Load(ctx, "")
		require.ErrorContains(t, err, "bytes, and not 1 to 64")
		_, err = gocloud.Store(c, name, often).Swap(ctx, "", []byte("{}"))
		require.ErrorContains(t, err, "bytes, and not 1 to 64")
		_, err = gocloud.Reports(c, name).All(ctx)
		require.ErrorContains(t, err, "bytes, and not 1 to 64")
		require.ErrorContains(t, gocloud.Reports(c, name).Forget(ctx, "a"), "bytes, and not 1 to 64")
	}

	// With another field for revisions nothing would compare them.
	other := gocloud.Store(collection(t, &memdocstore.Options{RevisionField: "rev"}), "bank/own", often)
	_, err := other.Swap(ctx, "", []byte("{}"))
	require.ErrorContains(t, err, "RevisionField")
	_, _, err = other.Load(ctx, "")
	require.ErrorContains(t, err, "RevisionField")

	store := gocloud.Store(c, "bank/own", often)
	_, err = store.Swap(ctx, "", []byte("{}"))
	require.NoError(t, err)
	require.NoError(t, c.Close())
	_, _, err = store.Load(ctx, "")
	require.ErrorContains(t, err, "closed")
	_, err = store.Swap(ctx, "", []byte("{}"))
	require.Error(t, err)
	require.NotErrorIs(t, err, keyset.ErrConflict)
	ended, cancel := context.WithCancelCause(ctx)
	cancel(errors.New("the server ends"))
	_, _, err = store.Load(ended, "")
	require.ErrorContains(t, err, "the server ends")
}
