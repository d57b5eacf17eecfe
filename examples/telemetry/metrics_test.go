package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/examples/telemetry"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

const call = `sealwax_messages_total{format="openpgp",op="%s",outcome="%s",partner="shop",reason="%s"} %d`

func TestMessagesAreCountedByWhatTheyCameTo(t *testing.T) {
	m := newMonitor(t, nil)
	g := meet(t, m)
	require.Contains(t, m.read(t), fmt.Sprintf(call, "open", "rejected", "unknown_signer", 0), "a rate needs a sample before the first one")

	_, err := g.open.Open(t.Context(), sealed(t, g.asPartner))
	require.NoError(t, err)
	_, err = g.open.Open(t.Context(), []byte("garbage"))
	require.ErrorIs(t, err, envelope.ErrRejected)
	_, err = g.open.Open(t.Context(), sealed(t, from(t, readyMade(t, 2), g.bank)))
	require.ErrorIs(t, err, envelope.ErrRejected)
	sealed(t, g.open)
	require.NoError(t, g.ours.Peer.Revoke(g.shop.Info().ID))
	_, err = g.open.Seal(t.Context(), nil)
	require.ErrorIs(t, err, envelope.ErrNoKey)

	text := m.read(t)
	for _, want := range []string{
		fmt.Sprintf(call, "open", "done", "", 1),
		fmt.Sprintf(call, "open", "rejected", "malformed", 1),
		fmt.Sprintf(call, "open", "rejected", "unknown_signer", 1),
		fmt.Sprintf(call, "open", "rejected", "replayed", 0),
		fmt.Sprintf(call, "seal", "done", "", 1),
		fmt.Sprintf(call, "seal", "failed", "no_key", 1),
		`sealwax_message_duration_seconds_count{format="openpgp",op="open",outcome="done",partner="shop"} 1`,
		`sealwax_message_duration_seconds_count{format="openpgp",op="open",outcome="rejected",partner="shop"} 2`,
	} {
		assert.Contains(t, text, want+"\n")
	}
}

func TestRingsAreMeasured(t *testing.T) {
	m := newMonitor(t, nil)
	ending, err := pgp.GenerateKey("Bank", pgp.Curve25519, 30*24*time.Hour)
	require.NoError(t, err)
	own, peer := ring(t, active(ending)), ring(t, active(readyMade(t, 0).Public()))
	_, err = m.Partner(telemetry.Partner{Name: "shop", Format: keyset.OpenPGP, Own: own, Peer: peer, Requirements: lead})
	require.NoError(t, err)
	own.RecordSealed(ending.Info().ID, time.Now())

	key := fmt.Sprintf(`key="%s",partner="shop"`, ending.Info().ID)
	text := m.read(t)
	for _, want := range []string{
		`sealwax_revision{partner="shop",ring="own"} 7`,
		`sealwax_key_sealed_total{` + key + `,ring="own"} 1`,
		`sealwax_key_opened_total{` + key + `,ring="own"} 0`,
		`sealwax_key_state{` + key + `,ring="own",state="active"} 1`,
		`sealwax_finding{` + key + `,problem="expiring",ring="own"} 1`,
		`sealwax_finding{` + key + `,problem="no_successor",ring="own"} 1`,
		`sealwax_key_state{key="` + string(readyMade(t, 0).Info().ID) + `",partner="shop",ring="peer",state="active"} 1`,
	} {
		assert.Contains(t, text, want+"\n")
	}
	assert.Regexp(t, `sealwax_key_expires_seconds\{`+key+`,ring="own"\} 2\.59\d+e\+06\n`, text, "30 days less what the test took")

	require.NoError(t, own.Revoke(ending.Info().ID))
	text = m.read(t)
	assert.Contains(t, text, `sealwax_key_state{`+key+`,ring="own",state="revoked"} 1`)
	assert.NotContains(t, text, `sealwax_key_state{`+key+`,ring="own",state="active"}`)
	assert.NotContains(t, text, `sealwax_key_expires_seconds{`+key)
}

// Every gauge of a ring has a name here.
func TestNoGaugeIsLeftOut(t *testing.T) {
	m := newMonitor(t, nil)
	ending, err := pgp.GenerateKey("Bank", pgp.Curve25519, 30*24*time.Hour)
	require.NoError(t, err)
	own := ring(t, active(ending))
	_, err = m.Partner(telemetry.Partner{Name: "shop", Format: keyset.OpenPGP, Own: own, Peer: own, Requirements: lead})
	require.NoError(t, err)
	text, n := m.read(t), 0
	for _, g := range own.Gauges(time.Now(), lead) {
		for _, side := range []string{"own", "peer"} {
			n++
			assert.Regexp(t, `(?m)^sealwax_`+g.Name+`\{.*ring="`+side+`"`, text)
		}
	}
	all := 0
	for _, s := range series(text) {
		if strings.Contains(s, `ring="`) {
			all++
		}
	}
	assert.Equal(t, n, all)
}

// A stranger writes what it likes into messages, and no series begins, whatever it is.
func TestStrangersBeginNoSeries(t *testing.T) {
	m := newMonitor(t, nil)
	g := meet(t, m)
	observe, err := m.Partner(telemetry.Partner{Name: "other", Format: keyset.JOSE, Own: g.ours.Own, Peer: g.ours.Peer})
	require.NoError(t, err)
	reject := func(n int) {
		observe(t.Context(), envelope.Event{Op: "open", Format: keyset.JOSE, Err: envelope.Reject(
			envelope.Reason(fmt.Sprint("reason-", n)), errors.New("what a stranger wrote"), keyset.ID(fmt.Sprint("stranger-", n)))})
	}
	reject(0)
	before := len(series(m.read(t)))
	for n := range 300 {
		reject(n)
	}
	text := m.read(t)
	assert.Len(t, series(text), before)
	assert.NotContains(t, text, "stranger")
	assert.Contains(t, text, `outcome="rejected",partner="other",reason="other"} 301`)
}

func TestWhyACallFails(t *testing.T) {
	for _, c := range []struct {
		err    error
		reason string
	}{
		{fmt.Errorf("seal: %w", envelope.ErrNoKey), "no_key"},
		{fmt.Errorf("token: %w", keyset.ErrUnavailable), "unavailable"},
		{fmt.Errorf("%w: %w", keyset.ErrUnavailable, context.DeadlineExceeded), "unavailable"},
		{fmt.Errorf("%w: %w", keyset.ErrUnavailable, context.Canceled), "canceled"},
		{context.DeadlineExceeded, "deadline"},
		{errors.New("disk full"), "error"},
	} {
		t.Run(c.err.Error(), func(t *testing.T) {
			m := newMonitor(t, nil)
			g := meet(t, m)
			observe, err := m.Partner(g.ours)
			require.NoError(t, err)
			observe(t.Context(), envelope.Event{Op: "open", Format: keyset.OpenPGP, Err: c.err})
			assert.Contains(t, m.read(t), fmt.Sprintf(call, "open", "failed", c.reason, 1))
		})
	}
}

func TestWaiversAreNamed(t *testing.T) {
	m := newMonitor(t, nil)
	observe, err := m.Partner(meet(t, m).ours)
	require.NoError(t, err)
	observe(t.Context(), envelope.Event{Op: "open", Format: keyset.JOSE, Waived: []envelope.Waiver{envelope.NewWaiver("jwe.InsecureRSA1_5", "until June")}})
	assert.Contains(t, m.read(t), `sealwax_waived_total{partner="shop",waiver="jwe.InsecureRSA1_5"} 1`)
}

// The SDK folds series beyond its limit into one, which no alert would see.
func TestNoPartnerIsFolded(t *testing.T) {
	m := newMonitor(t, nil)
	own := ring(t, active(readyMade(t, 0)))
	for n := range 300 {
		_, err := m.Partner(telemetry.Partner{Name: fmt.Sprint("partner-", n), Format: keyset.OpenPGP, Own: own, Peer: own})
		require.NoError(t, err)
	}
	text := m.read(t)
	assert.NotContains(t, text, "overflow")
	assert.Contains(t, text, `partner="partner-299",reason="revoked_signer"} 0`)
}
