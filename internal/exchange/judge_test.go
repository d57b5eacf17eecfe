package exchange_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/keyset"
)

// A claim is a signature of these tests: made by one key, and with candidates.
type claim struct {
	by      string // the material that made it
	signers []exchange.Signer[string]
	says    exchange.Statement
	refused *exchange.Refusal
	unsaid  *exchange.Refusal // of what it says
	almost  *exchange.Refusal // of a key that did not make it
	name    string
	digest  byte
}

func (c claim) signature(asked *[]string) *exchange.Signature[string] {
	var almost func(*exchange.Signer[string]) *exchange.Refusal
	if c.almost != nil {
		almost = func(s *exchange.Signer[string]) *exchange.Refusal {
			*asked = append(*asked, "almost "+string(s.Key.ID()))
			return c.almost
		}
	}
	return &exchange.Signature[string]{
		Almost: almost,
		Name:   c.name, Refused: c.refused, Signers: c.signers,
		Verify: func(s *exchange.Signer[string]) (bool, error) {
			*asked = append(*asked, string(s.Key.ID()))
			return s.Material == c.by, nil
		},
		Says: func() (exchange.Statement, *exchange.Refusal) {
			*asked = append(*asked, "says")
			return c.says, c.unsaid
		},
		Count: func(s *exchange.Signer[string]) ([32]byte, map[string]any, error) {
			*asked = append(*asked, "count")
			return [32]byte{1, c.digest}, map[string]any{"by": string(s.Key.ID())}, nil
		},
	}
}

// candidate is a key that may have signed; its material is named like its ID unless
// change says otherwise.
func candidate(id keyset.ID, change ...func(*exchange.Signer[string])) exchange.Signer[string] {
	s := exchange.Signer[string]{Key: key(id, keyset.JOSE, false), Material: string(id), Algorithm: "fake"}
	for _, f := range change {
		f(&s)
	}
	return s
}

func ours(s *exchange.Signer[string])    { s.Own = true }
func revoked(s *exchange.Signer[string]) { s.Revoked, s.Key.State = true, keyset.Revoked }
func named(s *exchange.Signer[string])   { s.Named = true }
func unfit(s *exchange.Signer[string]) {
	s.Refused = &exchange.Refusal{Reason: envelope.Forbidden, Cause: errors.New("not for this")}
}
func material(m string) func(*exchange.Signer[string]) {
	return func(s *exchange.Signer[string]) { s.Material = m }
}
func ended(s *exchange.Signer[string]) {
	s.Windows = []exchange.Window{{NotAfter: now.Add(-48 * time.Hour)}}
}

type candidates = []exchange.Signer[string]

// The order of judgement, of one signature: each line differs from what counts in one
// thing.
func TestJudgementOfOne(t *testing.T) {
	elsewhere := exchange.Statement{Misdirected: errors.New("for others")}
	for _, tt := range []struct {
		name   string
		claim  claim
		reason envelope.Reason // empty if it counts: as made by A or, of two entries with that key, A2
		asked  []string        // what was asked, in order
	}{
		{"by a trusted key", claim{by: "A", signers: candidates{candidate("A")}}, "", []string{"A", "says", "count"}},
		{"dated", claim{by: "A", signers: candidates{candidate("A")}, says: exchange.Statement{Made: now.Add(-time.Minute)}}, "", []string{"A", "says", "count"}},
		{"named goes first", claim{by: "B", signers: candidates{candidate("A"), candidate("B", named)}}, "", []string{"B", "says", "count"}},
		{"the name is a hint", claim{by: "A", signers: candidates{candidate("A"), candidate("B", named)}}, "", []string{"B", "A", "says", "count"}},
		{"refused whoever made it", claim{by: "A", signers: candidates{candidate("A")}, refused: &exchange.Refusal{Reason: envelope.Malformed}}, envelope.Malformed, nil},
		{"by nobody whom we know", claim{by: "X", name: "X", signers: candidates{candidate("A")}}, envelope.UnknownSigner, []string{"A"}},
		{"not by whom it names", claim{by: "X", signers: candidates{candidate("A", named)}}, envelope.BadSignature, []string{"A"}},
		{"names a key that may not", claim{by: "A", signers: candidates{candidate("A", named, unfit)}}, envelope.Forbidden, nil},
		{"by a key that may not", claim{by: "A", signers: candidates{candidate("A", unfit)}}, envelope.UnknownSigner, nil},
		{"by a revoked key", claim{by: "A", signers: candidates{candidate("B"), candidate("A", revoked)}}, envelope.RevokedSigner, []string{"B", "A"}},
		{"names a revoked key", claim{by: "X", signers: candidates{candidate("A", revoked, named)}}, envelope.RevokedSigner, []string{"A"}},
		{"names what is left of a removed key", claim{by: "X", signers: candidates{candidate("A", revoked, named, material(""))}}, envelope.RevokedSigner, nil},
		{"by a key of ours", claim{by: "A", signers: candidates{candidate("B"), candidate("A", ours)}}, envelope.Misdirected, []string{"B", "A"}},
		{"names a key of ours", claim{by: "X", signers: candidates{candidate("A", ours, named)}}, envelope.Misdirected, []string{"A"}},
		{"by a trusted key that is ours as well", claim{by: "A", signers: candidates{candidate("A", named), candidate("OWN", ours, material("A"))}}, envelope.Misdirected, []string{"OWN"}},
		{"by a trusted key that is revoked under another name", claim{by: "A", signers: candidates{candidate("A", named), candidate("OLD", revoked, material("A"))}}, envelope.RevokedSigner, []string{"OLD"}},
		{"by a key that ended", claim{by: "A", signers: candidates{candidate("A", ended)}}, envelope.OutOfTime, []string{"A", "says"}},
		{"by a key in two entries, one of which ended", claim{by: "A", signers: candidates{candidate("A", ended), candidate("A2", material("A"))}}, "", []string{"A", "says", "count"}},
		{"from the future", claim{by: "A", signers: candidates{candidate("A")}, says: exchange.Statement{Made: now.Add(time.Hour)}}, envelope.OutOfTime, []string{"A", "says"}},
		{"expired", claim{by: "A", signers: candidates{candidate("A")}, says: exchange.Statement{NotAfter: now.Add(-time.Hour)}}, envelope.OutOfTime, []string{"A", "says"}},
		{"not yet valid", claim{by: "A", signers: candidates{candidate("A")}, says: exchange.Statement{NotBefore: now.Add(time.Hour)}}, envelope.OutOfTime, []string{"A", "says"}},
		{"for others", claim{by: "A", signers: candidates{candidate("A")}, says: elsewhere}, envelope.Misdirected, []string{"A", "says"}},
		{"by a key in two entries, of which one may not", claim{by: "A", signers: candidates{candidate("A", unfit), candidate("A2", material("A"))}}, "", []string{"A2", "says", "count"}},
		{"by the second of two that may", claim{by: "B", signers: candidates{candidate("A"), candidate("B")}}, "", []string{"A", "B", "says", "count"}},
		{"names a trusted key that is ours as well", claim{by: "X", signers: candidates{candidate("A", named), candidate("OWN", ours, material("A"))}}, envelope.Misdirected, []string{"OWN"}},
		{"what it says cannot be read", claim{by: "A", signers: candidates{candidate("A")}, unsaid: &exchange.Refusal{Reason: envelope.Malformed}}, envelope.Malformed, []string{"A", "says"}},
		{"almost by a key that may", claim{by: "X", signers: candidates{candidate("OWN", ours), candidate("OLD", revoked), candidate("A", unfit), candidate("B")}, almost: &exchange.Refusal{Reason: envelope.Forbidden}}, envelope.Forbidden, []string{"B", "OWN", "OLD", "almost B"}},
		{"time goes before direction", claim{by: "A", signers: candidates{candidate("A", ended)}, says: elsewhere}, envelope.OutOfTime, []string{"A", "says"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inCall(t, config(t), func(call *exchange.Call) {
				var asked []string
				v, err := exchange.Judge(call, []*exchange.Signature[string]{tt.claim.signature(&asked)})
				require.NoError(t, err)
				var m envelope.Message
				err = v.Fill(&m)
				assert.Equal(t, tt.asked, asked)
				if tt.reason == "" {
					require.NoError(t, err)
					require.Len(t, m.Signers, 1)
					assert.Equal(t, tt.claim.by, strings.TrimSuffix(string(m.Signers[0].ID), "2"))
					assert.Equal(t, tt.claim.says.Made, m.Signers[0].Time)
					for _, k := range tt.claim.signers {
						if k.Key.ID() == m.Signers[0].ID {
							assert.Nil(t, k.Refused, "it counts under an entry that may not")
						}
					}
					return
				}
				var oe *envelope.OpenError
				require.ErrorAs(t, err, &oe)
				assert.Equal(t, tt.reason, oe.Reason)
			})
		})
	}
}

// Of a signature by nobody whom we know, the operator learns how many keys were tried.
func TestJudgementOfAStranger(t *testing.T) {
	for cause, signers := range map[string]candidates{
		"2 trusted keys fit the signature, and did not make it": {candidate("A"), candidate("B"), candidate("C", unfit), candidate("OLD", revoked)},
		"no trusted key fits the signature":                     {candidate("C", unfit), candidate("OLD", revoked)},
	} {
		inCall(t, config(t), func(call *exchange.Call) {
			v, err := exchange.Judge(call, []*exchange.Signature[string]{claim{by: "X", signers: signers}.signature(new([]string))})
			require.NoError(t, err)
			oe, ok := errors.AsType[*envelope.OpenError](v.Fill(new(envelope.Message)))
			require.True(t, ok)
			assert.EqualError(t, oe.Cause(), cause)
		})
	}
}

// To explain a signature is work, too, for all signatures of a message together.
func TestExplanationIsBounded(t *testing.T) {
	var many candidates
	for i := range exchange.MaxVerifyingWork - 3 {
		many = append(many, candidate(keyset.ID(fmt.Sprint("K", i))))
	}
	inCall(t, config(t), func(call *exchange.Call) {
		var asked []string
		s := claim{by: "X", signers: many}.signature(&asked)
		explained := 0
		s.Almost = func(*exchange.Signer[string]) *exchange.Refusal { explained++; return nil }
		again := *s
		again.Signers = many[:1]
		_, err := exchange.Judge(call, []*exchange.Signature[string]{s, &again})
		require.NoError(t, err)
		assert.Len(t, asked, len(many)+1)
		assert.Equal(t, 2, explained)
	})
}

func TestHashLimit(t *testing.T) {
	l := exchange.HashLimit{Work: 10, Times: 3}
	for _, tt := range []struct {
		hashed, payload int64
		allowed         bool
	}{{10, 0, true}, {11, 0, false}, {10, 3, true}, {11, 3, false}, {30, 10, true}, {31, 10, false}} {
		assert.Equal(t, tt.allowed, l.Allows(tt.hashed, tt.payload), tt)
	}
}

// Of several signatures one that counts is enough; what names a trusted key is verified
// before what does not; what one signer says twice counts once.
func TestJudgementOfSeveral(t *testing.T) {
	inCall(t, config(t), func(call *exchange.Call) {
		var asked []string
		all := []*exchange.Signature[string]{
			claim{by: "X", signers: candidates{candidate("A"), candidate("B")}, digest: 1}.signature(&asked),
			claim{by: "A", signers: candidates{candidate("A", named)}, digest: 2}.signature(&asked),
			claim{by: "A", signers: candidates{candidate("A", named)}, digest: 2}.signature(&asked),
			claim{by: "B", signers: candidates{candidate("B", named)}, digest: 3, says: exchange.Statement{Bound: true}}.signature(&asked),
		}
		v, err := exchange.Judge(call, all)
		require.NoError(t, err)
		var m envelope.Message
		require.NoError(t, v.Fill(&m))
		assert.Equal(t, []string{"A", "A", "B", "A", "B"}, asked[:5], "named ones first")
		require.Len(t, m.Signers, 2)
		assert.True(t, m.Signers[1].Bound)
		assert.False(t, m.Bound, "A said so of nobody")
		assert.Equal(t, map[string]any{"by": "A"}, m.Header)
	})
}

// Where the work ends, what was found counts, and if nothing was, that is the reason.
func TestJudgementIsBounded(t *testing.T) {
	var many candidates
	for i := range exchange.MaxVerifyingWork {
		many = append(many, candidate(keyset.ID(fmt.Sprint("K", i))))
	}
	last := many[len(many)-1].Material
	for _, tt := range []struct {
		first, second string // who made them
		counts        int
		reason        envelope.Reason
	}{
		{"K0", "X", 1, ""}, {last, "X", 1, ""}, {"X", "K0", 0, envelope.TooLarge}, {last, last, 1, ""},
	} {
		inCall(t, config(t), func(call *exchange.Call) {
			var asked []string
			v, err := exchange.Judge(call, []*exchange.Signature[string]{
				claim{by: tt.first, signers: many, digest: 1}.signature(&asked),
				claim{by: tt.second, signers: many, digest: 2}.signature(&asked),
			})
			require.NoError(t, err)
			var m envelope.Message
			err = v.Fill(&m)
			assert.Len(t, m.Signers, tt.counts)
			if tt.reason != "" {
				var oe *envelope.OpenError
				require.ErrorAs(t, err, &oe)
				assert.Equal(t, tt.reason, oe.Reason)
			}
		})
	}
}

// What costs more is done less often.
func TestJudgementIsBoundedByCost(t *testing.T) {
	var many candidates
	for i := range exchange.MaxVerifyingWork {
		many = append(many, candidate(keyset.ID(fmt.Sprint("K", i)), func(s *exchange.Signer[string]) { s.Cost = 8 }))
	}
	for by, counts := range map[string]int{"K0": 1, "K7": 1, "K8": 0, "X": 0} {
		inCall(t, config(t), func(call *exchange.Call) {
			var asked []string
			v, err := exchange.Judge(call, []*exchange.Signature[string]{claim{by: by, signers: many, digest: 1}.signature(&asked)})
			require.NoError(t, err)
			var m envelope.Message
			err = v.Fill(&m)
			assert.Len(t, m.Signers, counts, by)
			if counts == 0 {
				var oe *envelope.OpenError
				require.ErrorAs(t, err, &oe)
				assert.Equal(t, envelope.TooLarge, oe.Reason)
			}
		})
	}
}

// A fault of ours is none of the message.
func TestJudgementFails(t *testing.T) {
	fault := errors.New("the hash broke")
	inCall(t, config(t), func(call *exchange.Call) {
		_, err := exchange.Judge(call, []*exchange.Signature[string]{{
			Signers: candidates{candidate("A")},
			Verify:  func(*exchange.Signer[string]) (bool, error) { return false, fault },
		}})
		assert.ErrorIs(t, err, fault)
	})
}

// The layer outside lends nothing, and is named.
func TestFillOuter(t *testing.T) {
	m := envelope.Message{Signers: []envelope.KeyUse{use("IN")}, Bound: true, Header: map[string]any{"in": 1}}
	var v exchange.Verdicts
	v.Count(bound(use("OUT")), map[string]any{"out": 1})
	v.Ignore(use("OLD"), envelope.OutOfTime, nil)
	require.NoError(t, v.FillOuter(&m))
	require.Len(t, m.Signers, 2)
	assert.Equal(t, envelope.Outer, m.Signers[1].Layer)
	assert.False(t, m.Signers[1].Bound)
	assert.Equal(t, envelope.Outer, m.Ignored[0].Layer)
	assert.True(t, m.Bound)
	assert.Equal(t, map[string]any{"in": 1}, m.Header)
	assert.True(t, m.SignedBy("IN"))
	assert.False(t, m.SignedBy("OUT"))

	m = envelope.Message{}
	require.NoError(t, v.FillOuter(&m))
	assert.False(t, m.Bound)
	assert.Equal(t, map[string]any{"out": 1}, m.Header)
	assert.True(t, m.SignedBy("OUT"))

	var none exchange.Verdicts
	none.Stranger("X", nil)
	assert.ErrorIs(t, none.FillOuter(&m), envelope.ErrRejected)
}
