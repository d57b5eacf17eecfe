package exchange_test

import (
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/keyset"
)

func TestInTime(t *testing.T) {
	const (
		tick = time.Nanosecond
		hour = time.Hour
	)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	in := func(d time.Duration) time.Time { return now.Add(d) }
	from := func(at time.Time) exchange.Window { return exchange.Window{NotBefore: at} }
	to := func(at time.Time) exchange.Window { return exchange.Window{NotAfter: at} }
	type windows = []exchange.Window
	for name, c := range map[string]struct {
		dated   time.Time
		maxAge  time.Duration
		windows windows
		want    string // part of the error; none if empty
	}{
		"now":                         {now, 0, nil, ""},
		"long ago":                    {ago(10 * 365 * 24 * hour), 0, nil, ""},
		"ahead by the skew":           {in(exchange.Skew), 0, nil, ""},
		"ahead by more":               {in(exchange.Skew + tick), 0, nil, "5m0s in the future"},
		"far ahead":                   {in(hour), 0, nil, "1h0m0s in the future"},
		"ahead, age limited":          {in(exchange.Skew), time.Second, nil, ""},
		"as old as may be":            {ago(hour), hour, nil, ""},
		"older":                       {ago(hour + tick), hour, nil, "the limit is 1h0m0s"},
		"undated":                     {time.Time{}, 0, nil, ""},
		"undated, age limited":        {time.Time{}, hour, nil, "no date"},
		"at the beginning":            {ago(hour), 0, windows{from(ago(hour))}, ""},
		"before, within the skew":     {ago(hour), 0, windows{from(ago(hour).Add(exchange.Skew))}, ""},
		"before":                      {ago(hour), 0, windows{from(ago(hour).Add(exchange.Skew + tick))}, "before the key is valid"},
		"undated, key not yet valid":  {time.Time{}, 0, windows{from(in(hour))}, "before the key is valid"},
		"at the end":                  {ago(hour), 0, windows{to(ago(hour))}, ""},
		"after the end":               {ago(hour), 0, windows{to(ago(hour).Add(-tick))}, "after the key ended"},
		"after the end, no skew":      {now, 0, windows{to(ago(time.Minute))}, "after the key ended"},
		"in time, key ended just now": {ago(hour), 0, windows{to(ago(tick))}, ""},
		"in time, all of the grace":   {ago(48 * hour), 0, windows{to(ago(exchange.Grace))}, ""},
		"in time, beyond the grace":   {ago(48 * hour), 0, windows{to(ago(exchange.Grace + tick))}, "more than 24h0m0s ago"},
		"backdated by years":          {ago(365 * 24 * hour), 0, windows{to(ago(25 * hour))}, "more than 24h0m0s ago"},
		"undated, key ended":          {time.Time{}, 0, windows{to(ago(tick))}, "after the key ended"},
		"undated, key valid":          {time.Time{}, 0, windows{{NotBefore: ago(hour), NotAfter: in(hour)}}, ""},
		"undated, at the end":         {time.Time{}, 0, windows{to(now)}, ""},
		"no bounds":                   {ago(hour), 0, windows{{}, {}}, ""},
		"every window counts":         {ago(hour), 0, windows{{NotBefore: ago(2 * hour), NotAfter: in(hour)}, {}, to(ago(90 * time.Minute))}, "after the key ended"},
		"grace for every window":      {ago(72 * hour), 0, windows{to(ago(hour)), to(ago(25 * hour))}, "more than 24h0m0s ago"},
		"age before windows":          {ago(2 * hour), hour, windows{to(ago(48 * hour))}, "the limit is"},
	} {
		t.Run(name, func(t *testing.T) {
			conf := config(t)
			conf.MaxAge = c.maxAge
			inCall(t, conf, func(call *exchange.Call) {
				err := call.InTime(exchange.Statement{Made: c.dated}, c.windows...)
				if c.want == "" {
					assert.NoError(t, err)
				} else {
					assert.ErrorContains(t, err, c.want)
				}
			})
		})
	}
}

// What a signature that does not count was refused for, from the closest to
// being accepted to the farthest.
var bySeverity = []envelope.Reason{envelope.OutOfTime, envelope.Misdirected, envelope.Forbidden, envelope.BadSignature, envelope.RevokedSigner, envelope.UnknownSigner}

func TestVerdictsReportTheClosest(t *testing.T) {
	cause := map[envelope.Reason]error{}
	for _, r := range bySeverity {
		cause[r] = errors.New("cause of " + string(r))
	}
	for i, closer := range bySeverity {
		for _, farther := range bySeverity[i:] {
			for name, order := range map[string][]envelope.Reason{"first": {closer, farther}, "last": {farther, closer}} {
				var v exchange.Verdicts
				for n, r := range order {
					v.Ignore(use(keyset.ID([]string{"A", "B"}[n])), r, cause[r])
				}
				var m envelope.Message
				var oe *envelope.OpenError
				require.ErrorAs(t, v.Fill(&m), &oe)
				assert.Equal(t, closer, oe.Reason, "%s: %s beside %s", name, closer, farther)
				assert.Equal(t, cause[closer], oe.Cause())
				assert.Equal(t, []keyset.ID{"A", "B"}, oe.Keys, "all that were looked at")
				assert.Zero(t, m, "a rejected message is filled in")
			}
		}
	}
}

func TestVerdictsOfSignersThatCannotBeTold(t *testing.T) {
	reject := func(v *exchange.Verdicts) *envelope.OpenError {
		var oe *envelope.OpenError
		require.ErrorAs(t, v.Fill(new(envelope.Message)), &oe)
		return oe
	}
	var none exchange.Verdicts
	assert.Equal(t, envelope.Unsigned, reject(&none).Reason)

	var unnamed exchange.Verdicts
	unnamed.Stranger("", nil)
	assert.Equal(t, envelope.UnknownSigner, reject(&unnamed).Reason)
	assert.Empty(t, reject(&unnamed).Keys)

	var named exchange.Verdicts
	named.Stranger("8A1C", nil)
	named.Stranger("kid\x1b[2J"+strings.Repeat("x", 200), nil)
	oe := reject(&named)
	require.Len(t, oe.Keys, 2)
	assert.Equal(t, keyset.ID("8A1C"), oe.Keys[0])
	assert.LessOrEqual(t, len(oe.Keys[1]), 128)
	assert.NotContains(t, oe.Keys[1], "\x1b")

	var unusable exchange.Verdicts
	cause := errors.New("version 7")
	unusable.Stranger("8A1C", nil)
	unusable.Unusable(envelope.Forbidden, cause)
	assert.Equal(t, envelope.Forbidden, reject(&unusable).Reason)
	assert.Equal(t, cause, reject(&unusable).Cause())

	var malformed exchange.Verdicts // a reason that is not in the order is the least
	malformed.Unusable(envelope.Malformed, nil)
	assert.Equal(t, envelope.Malformed, reject(&malformed).Reason)
	malformed.Stranger("8A1C", nil)
	assert.Equal(t, envelope.UnknownSigner, reject(&malformed).Reason)
}

// One good signature is enough, whatever stands beside it and in whatever order;
// what others lack it does not lend, and what it lacks they do not.
func TestVerdictsAnyOne(t *testing.T) {
	good := func(v *exchange.Verdicts) { v.Count(bound(use("GOOD")), map[string]any{"iss": "bank"}) }
	bad := []func(*exchange.Verdicts){
		func(v *exchange.Verdicts) { v.Ignore(use("OLD"), envelope.OutOfTime, errors.New("late")) },
		func(v *exchange.Verdicts) { v.Stranger("STRANGER", nil) },
		func(v *exchange.Verdicts) { v.Stranger("", nil) },
		func(v *exchange.Verdicts) { v.Unusable(envelope.Malformed, nil) },
	}
	for at := range len(bad) + 1 {
		var v exchange.Verdicts
		for i, f := range bad {
			if i == at {
				good(&v)
			}
			f(&v)
		}
		if at == len(bad) {
			good(&v)
		}
		var m envelope.Message
		require.NoError(t, v.Fill(&m))
		assert.Equal(t, []envelope.KeyUse{bound(use("GOOD"))}, m.Signers)
		assert.Equal(t, []envelope.KeyUse{use("OLD")}, m.Ignored)
		assert.Equal(t, []keyset.ID{"STRANGER"}, m.Unknown)
		assert.True(t, m.Bound)
		assert.Equal(t, map[string]any{"iss": "bank"}, m.Header)
	}
}

func bound(u envelope.KeyUse) envelope.KeyUse {
	u.Bound = true
	return u
}

func TestVerdictsHeaderIsOfTheFirstThatCounts(t *testing.T) {
	var v exchange.Verdicts
	v.Count(use("A"), map[string]any{"n": 1})
	v.Count(bound(use("B")), map[string]any{"n": 2})
	var m envelope.Message
	require.NoError(t, v.Fill(&m))
	assert.Equal(t, []envelope.KeyUse{use("A"), bound(use("B"))}, m.Signers)
	assert.Equal(t, map[string]any{"n": 1}, m.Header)
	assert.False(t, m.Bound, "what B said, A did not")

	var all exchange.Verdicts
	all.Count(bound(use("A")), nil)
	all.Count(bound(use("B")), nil)
	m = envelope.Message{}
	require.NoError(t, all.Fill(&m))
	assert.True(t, m.Bound)

	var unbound exchange.Verdicts
	unbound.Count(use("A"), nil)
	unbound.Ignore(use("B"), envelope.BadSignature, nil)
	m = envelope.Message{}
	require.NoError(t, unbound.Fill(&m))
	assert.False(t, m.Bound)
	assert.Nil(t, m.Header)
}

func TestDigest(t *testing.T) {
	want := sha256.Sum256([]byte("KEY\x00signed octets"))
	assert.Equal(t, want, exchange.Digest("KEY", []byte("signed octets")))
	assert.Equal(t, want, exchange.Digest("KEY", []byte("signed "), nil, []byte("octets")), "the octets, however they come")
	assert.NotEqual(t, want, exchange.Digest("KEZ", []byte("signed octets")))
	assert.NotEqual(t, exchange.Digest("KEY", []byte("X")), exchange.Digest("KEYX"), "where the ID ends is part of it")
	assert.NotEqual(t, want, exchange.Digest("KEY", []byte("signed octet")))
}
