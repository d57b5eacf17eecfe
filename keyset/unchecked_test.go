package keyset_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

// The way out of the questions about usage leaves a trace, which survives in the
// manifest, in whatever follows or edits it, and in what this process does afterwards.
func TestRemovingUncheckedLeavesATrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storeOf(ownDecrypt, "A", "B", "C")
		ring := loaded(t, ownDecrypt, s, list{{"A", "active"}, {"B", "retiring"}, {"C", "retiring"}}...)
		ring.RecordOpened("B", time.Now())
		at := time.Now()
		require.NoError(t, ring.RemoveUnchecked("B", "out of use, says Ann"))
		want := []keyset.Trace{{ID: "B", At: at.UTC(), Reason: "out of use, says Ann"}}
		m := ring.Load().Manifest()
		assert.Equal(t, want, m.Traces)
		assert.Nil(t, ring.Load().Public().Manifest().Traces, "it is nobody else's business")

		var file bytes.Buffer
		_, err := m.WriteTo(&file)
		require.NoError(t, err)
		read, err := keyset.ReadManifest(&file)
		require.NoError(t, err)
		assert.Equal(t, want, read.Traces)
		edited, err := read.Open(t.Context(), nil)
		require.NoError(t, err)
		assert.Equal(t, want, edited.Manifest().Traces)

		// A step that asked leaves none. A ring that follows has what the manifest has.
		time.Sleep(time.Hour)
		ring.RecordOpened("A", time.Now())
		require.NoError(t, ring.Remove("C", time.Minute))
		assert.Equal(t, want, ring.Load().Manifest().Traces)
		var fresh keyset.Ring
		_, err = fresh.Reload(t.Context(), read, s.open)
		require.NoError(t, err)
		assert.Equal(t, want, fresh.Load().Manifest().Traces)

		// What this process did stays, if a manifest has not heard of it, and is told once if it has.
		next := manifestOf(ownDecrypt, 9, list{{"A", "active"}}...)
		_, err = ring.Reload(t.Context(), next, s.open)
		require.NoError(t, err)
		assert.Equal(t, want, ring.Load().Manifest().Traces)
		next.Revision, next.Traces = 10, append([]keyset.Trace{{ID: "Z", At: at, Reason: "x"}}, want...)
		_, err = ring.Reload(t.Context(), next, s.open)
		require.NoError(t, err)
		assert.Equal(t, next.Traces, ring.Load().Manifest().Traces)
		changed := *next
		changed.Traces = want
		_, err = ring.Reload(t.Context(), &changed, s.open)
		assert.ErrorIs(t, err, keyset.ErrConflict, "a revision says one thing")

		// Operators see it for a while.
		now := time.Now()
		assert.Contains(t, ring.Load().Check(now, keyset.Requirements{Trace: 2 * time.Hour}), keyset.Finding{ID: "B", Problem: keyset.Unchecked, When: at.UTC()})
		for _, r := range []keyset.Requirements{{}, {Trace: time.Minute}} {
			for _, f := range ring.Load().Check(now, r) {
				assert.NotEqual(t, keyset.Unchecked, f.Problem)
			}
		}

		// The trace forbids nothing.
		require.NoError(t, ring.Add(t.Context(), ownDecrypt.key("B"), "file:B"))
		assert.Len(t, ring.Load().Manifest().Traces, 2)
	})
}

// Traces are bounded, and the newest stay.
func TestTracesAreBounded(t *testing.T) {
	ring := newRing(t, ownDecrypt.in(keyset.Active, "A"))
	for n := range 300 {
		id := keyset.ID(fmt.Sprint("K", n))
		require.NoError(t, ring.Add(t.Context(), ownDecrypt.key(id), ""))
		require.NoError(t, ring.RemoveUnchecked(id, "undone"))
	}
	m := ring.Load().Manifest()
	require.Len(t, m.Traces, 256)
	assert.Equal(t, keyset.ID("K299"), m.Traces[255].ID)

	for name, tt := range map[string]struct{ trace, want string }{
		"good":             {`{"id":"B","at":"2027-01-01T00:00:00Z","reason":"x"}`, ""},
		"a good replica":   {`{"replica":"eu-1","at":"2027-01-01T00:00:00Z","reason":"x"}`, ""},
		"no reason":        {`{"id":"B","at":"2027-01-01T00:00:00Z","reason":" "}`, "trace number 1: it has no reason"},
		"no time":          {`{"id":"B","reason":"x"}`, `member "at" is missing`},
		"about nothing":    {`{"id":"","at":"2027-01-01T00:00:00Z","reason":"x"}`, "names neither a key nor a replica"},
		"about two things": {`{"id":"B","replica":"eu-1","at":"2027-01-01T00:00:00Z","reason":"x"}`, "or both"},
		"an odd ID":        {`{"id":"B C","at":"2027-01-01T00:00:00Z","reason":"x"}`, "not printable"},
		"a long name":      {`{"replica":"` + strings.Repeat("n", 257) + `","at":"2027-01-01T00:00:00Z","reason":"x"}`, "256 bytes"},
		"unknown member":   {`{"id":"B","at":"2027-01-01T00:00:00Z","reason":"x","state":"revoked"}`, `trace number 1 ("B"): unknown member "state"`},
		"no object":        {`"B"`, "where { was expected"},
	} {
		_, err := keyset.ReadManifest(strings.NewReader(`{"version":1,"revision":1,"format":"jose","private":true,"keys":[{"id":"A","state":"active"}],"traces":[` + tt.trace + `]}`))
		if tt.want == "" {
			assert.NoError(t, err, name)
			continue
		}
		assert.ErrorContains(t, err, tt.want, name)
	}
}
