package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelopetest"
	"github.com/sealwax/sealwax/examples/telemetry"
	"github.com/sealwax/sealwax/keyset"
)

// stored has the reports of a test, of which some have expired.
type stored struct {
	keyset.Reports
	all map[string]keyset.StoredReport
	err error
}

func (s stored) All(context.Context) (map[string]keyset.StoredReport, error) { return s.all, s.err }

func report(t *testing.T, r keyset.Report, expired bool) keyset.StoredReport {
	r.Made, r.Usage = time.Now(), map[keyset.ID]keyset.Usage{}
	var b bytes.Buffer
	_, err := r.WriteTo(&b)
	require.NoError(t, err)
	return keyset.StoredReport{Data: b.Bytes(), Expired: expired}
}

func TestReplicas(t *testing.T) {
	store := envelopetest.NewStore(t)
	set, err := keyset.New(7, active(readyMade(t, 0)))
	require.NoError(t, err)
	require.NoError(t, keyset.Create(t.Context(), store, set.Manifest()))
	refused := []keyset.Refusal{{ID: "k", Err: errors.New("unproven")}}
	reports := stored{all: map[string]keyset.StoredReport{
		"good":    report(t, keyset.Report{Replica: "good", Outcome: keyset.Outcome{Revision: 7}}, false),
		"behind":  report(t, keyset.Report{Replica: "behind", Outcome: keyset.Outcome{Revision: 5}, Problem: "no such file"}, false),
		"cut off": report(t, keyset.Report{Replica: "cut off", Outcome: keyset.Outcome{Revision: 6}}, true),
		"ended":   report(t, keyset.Report{Replica: "ended", Outcome: keyset.Outcome{Revision: 6}, Ended: true}, true),
		"refuses": report(t, keyset.Report{Replica: "refuses", Outcome: keyset.Outcome{Revision: 7, Refused: refused}}, false),
		"twice":   report(t, keyset.Report{Replica: "twice", Outcome: keyset.Outcome{Revision: 7}, Shared: true}, false),
		"torn":    {Data: []byte("{")},
	}}
	m := newMonitor(t, nil)
	require.NoError(t, m.Fleet(telemetry.Fleet{Manifest: "own", Store: store, Reports: reports}))
	text := m.read(t)
	assert.Contains(t, text, `sealwax_manifest_revision{manifest="own"} 7`)
	assert.Contains(t, text, `sealwax_store_unreadable{manifest="own"} 0`)
	for replica, want := range map[string]struct{ revision, silent, trouble string }{
		"good":    {"7", "0", "0"},
		"behind":  {"5", "0", "1"},
		"cut off": {"6", "1", "0"},
		"ended":   {"", "0", "0"},
		"refuses": {"7", "0", "1"},
		"twice":   {"7", "0", "1"},
		"torn":    {"", "0", "1"},
	} {
		labels := `{manifest="own",replica="` + replica + `"} `
		if want.revision == "" {
			assert.NotContains(t, text, "sealwax_replica_revision"+labels)
		} else {
			assert.Contains(t, text, "sealwax_replica_revision"+labels+want.revision+"\n")
		}
		assert.Contains(t, text, "sealwax_replica_silent"+labels+want.silent+"\n")
		assert.Contains(t, text, "sealwax_replica_trouble"+labels+want.trouble+"\n")
	}
}

// What the store does not say is no reason to show nothing else.
func TestStoreThatCannotBeRead(t *testing.T) {
	good, err := keyset.New(1, active(readyMade(t, 0)))
	require.NoError(t, err)
	store := envelopetest.NewStore(t)
	require.NoError(t, keyset.Create(t.Context(), store, good.Manifest()))
	for what, f := range map[string]telemetry.Fleet{
		"no manifest": {Manifest: "own", Store: envelopetest.NewStore(t), Reports: stored{}},
		"no reports":  {Manifest: "own", Store: store, Reports: stored{err: errors.New("no route")}},
	} {
		t.Run(what, func(t *testing.T) {
			m := newMonitor(t, nil)
			meet(t, m)
			require.NoError(t, m.Fleet(f))
			text := m.read(t)
			assert.Contains(t, text, `sealwax_store_unreadable{manifest="own"} 1`)
			assert.Contains(t, text, `sealwax_revision{partner="shop",ring="own"} 7`)
		})
	}
}
