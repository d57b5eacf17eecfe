package jwe_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// newMemory returns a memory that knows what was accepted since the second before.
func newMemory(t testing.TB) *since {
	return &since{envelope.NewMemory(1000), t}
}

type since struct {
	*envelope.Memory
	t testing.TB
}

func (m *since) Remember(ctx context.Context, s envelope.Sighting) (bool, error) {
	assert.WithinDuration(m.t, time.Now(), s.Made, time.Minute)
	s.Made = time.Time{} // what is made in a test is made in the second in which it began
	return m.Memory.Remember(ctx, s)
}

// A message that is spelled, encrypted, or put together anew is the same message.
func TestRepackedIsReplayed(t *testing.T) {
	s := newStage(t, jwe.Config{MaxAge: time.Minute})
	second := newEC(t, curve256)
	peer := setOf(t, slices.Concat(slices.Collect(s.peer.Load().All()), entries(keyset.Active, public(signing(t, "second", second))...))...)
	to := &s.decrypt.PublicKey
	header := fmt.Sprintf(`{"alg":"ES256","kid":"sig","iat":%d}`, time.Now().Unix())
	compactJWS := signES256(t, s.sign, header, "{}")
	p := strings.Split(compactJWS, ".")
	one := members{"protected": p[0], "signature": p[2]}
	other := signatureOf(t, second, strings.Replace(header, "sig", "second", 1), "{}")
	flat := string(with(one, members{"payload": p[1]}).text(t))
	const protected = `{"alg":"RSA-OAEP-256","enc":"A256GCM"}`
	compact := func(content string) []byte { return []byte(encryptTo(t, to, goodJWE, content)) }
	base := sealedJSON(t, to, protected, "", compactJWS)

	forms := map[string][]byte{
		"as it was":                       compact(compactJWS),
		"encrypted to another key of us":  []byte(agreeWith(t, ecdhOf(t, s.agree), func(epk string) string { return `{"alg":"ECDH-ES","enc":"A256GCM","epk":` + epk + `}` }, compactJWS)),
		"JWE in JSON":                     base.text(t),
		"JWE in JSON, general":            generalOf(base, nil).text(t),
		"with aad":                        sealedJSON(t, to, protected, "aad", compactJWS).text(t),
		"other unprotected parameters":    with(base, members{"unprotected": map[string]any{"iat": 1, "jti": "another"}, "comment": "x"}).text(t),
		"another protected header around": sealedJSON(t, to, `{"alg":"RSA-OAEP-256","enc":"A256GCM","iat":1,"x":"y"}`, "", compactJWS).text(t),
		"JWS in JSON, flattened":          compact(flat),
		"JWS in JSON, with spaces":        compact(" " + strings.ReplaceAll(flat, ",", " ,\n")),
		"JWS in JSON, general":            compact(signedJSON(t, "{}", one)),
		"unprotected parameters inside":   compact(signedJSON(t, "{}", with(one, members{"header": map[string]any{"x": "y"}}))),
		"signed again by the same key":    compact(signES256(t, s.sign, header, "{}")),
		"beside another signature":        compact(signedJSON(t, "{}", one, other)),
		"beside another, in other order":  compact(signedJSON(t, "{}", other, one)),
		"beside a stranger's signature":   compact(signedJSON(t, "{}", signatureOf(t, s.stranger, header, "{}"), one)),
		"twice":                           compact(signedJSON(t, "{}", one, one)),
	}
	plain := newEnvelope(t, jwe.Config{Own: s.own, Peer: peer, MaxAge: time.Minute})
	for _, a := range forms {
		open(t, plain, a) // it is good
		e := newEnvelope(t, jwe.Config{Own: s.own, Peer: peer, MaxAge: time.Minute, Replays: newMemory(t)})
		open(t, e, a)
		for _, b := range forms {
			rejects(t, e, b, envelope.Replayed)
		}
	}
}

// Whoever carries a JWS around a JWE can take signatures off it. What is left is the same
// message, and so is another part of what was there.
func TestSplitSignaturesAroundAreReplayed(t *testing.T) {
	for _, layers := range []jwe.Layers{jwe.EncryptThenSign, jwe.SignEncryptSign} {
		w := newWorld(t)
		second := signing(t, "second", newEC(t, curve256))
		them := w.theirs(t, jwe.Config{JSON: true, Layers: layers, Own: set(t, w.theirSign, second, w.theirDecrypt)})
		us := func() *jwe.Envelope {
			return w.ours(t, jwe.Config{Layers: layers, MaxAge: time.Minute, Replays: newMemory(t), Peer: set(t, public(w.theirSign, second, w.theirDecrypt)...)})
		}
		var whole members
		require.NoError(t, json.Unmarshal(seal(t, them, "x"), &whole))
		signatures := whole["signatures"].([]any)
		require.Len(t, signatures, 2)
		reversed := slices.Clone(signatures)
		slices.Reverse(reversed)
		forms := map[string][]byte{"whole": whole.text(t), "reversed": with(whole, members{"signatures": reversed}).text(t)}
		for i := range signatures {
			forms[fmt.Sprint("only ", i)] = with(whole, members{"signatures": signatures[i : i+1]}).text(t)
		}
		for first, a := range forms {
			for second, b := range forms {
				e := us()
				open(t, e, a)
				m, err := e.Open(t.Context(), b)
				assert.Nil(t, m)
				oe, _ := errors.AsType[*envelope.OpenError](err)
				if assert.NotNil(t, oe, "%v: %s, and then %s", layers, first, second) {
					assert.Equal(t, envelope.Replayed, oe.Reason)
				}
			}
		}
	}
}

// What Seal makes is accepted once, and sealed anew it is another message.
func TestReplays(t *testing.T) {
	w := newWorld(t)
	for _, c := range []jwe.Config{
		{}, {JSON: true}, {Members: true}, {Layers: jwe.EncryptThenSign}, {Layers: jwe.SignEncryptSign}, {Layers: jwe.SignEncryptSign, JSON: true},
		{Layers: jwe.SignEncryptSign, Members: true},
	} {
		them, ours := w.theirs(t, c), c
		ours.MaxAge, ours.Replays = time.Minute, newMemory(t)
		us := w.ours(t, ours)
		for range 3 {
			sealed := seal(t, them, "same")
			open(t, us, sealed)
			rejects(t, us, sealed, envelope.Replayed)
		}
	}
	// A message without a number is the same as another of its second.
	at := time.Now()
	them := w.theirs(t, jwe.Config{Bare: true, Now: clock(at), SignedHeader: map[string]any{"iat": at.Unix()}})
	us := w.ours(t, jwe.Config{MaxAge: time.Minute, Replays: newMemory(t), Now: clock(at)})
	open(t, us, seal(t, them, "same"))
	rejects(t, us, seal(t, them, "same"), envelope.Replayed)
	open(t, us, seal(t, them, `{"id":2}`))

	// What is rejected for anything else is not remembered.
	memory := newMemory(t)
	us = w.ours(t, jwe.Config{MaxAge: time.Minute, Replays: memory, RequireTyp: "order"})
	rejects(t, us, seal(t, w.theirs(t, jwe.Config{}), "x"), envelope.Misdirected)
	assert.Zero(t, memory.Len())
}

func TestReplaysConfig(t *testing.T) {
	w := newWorld(t)
	memory := envelope.NewMemory(1)
	for want, c := range map[string]jwe.Config{
		"no MaxAge beside Replays": {Replays: memory},
		"Replays is a nil":         {Replays: (*envelope.Memory)(nil), MaxAge: time.Minute},
		"jwe.InsecureEncryptOnly beside Replays": {Replays: memory, MaxAge: time.Minute,
			Waive: []envelope.Waiver{jwe.InsecureEncryptOnly("test")}},
		"InsecureForgetfulStart without Replays": {MaxAge: time.Minute, Waive: []envelope.Waiver{jwe.InsecureForgetfulStart("test")}},
	} {
		c.Own, c.Peer = set(t, w.ourSign, w.ourDecrypt), set(t, public(w.theirSign, w.theirDecrypt)...)
		_, err := jwe.New(c)
		assert.ErrorContains(t, err, want)
	}
}

// What is older than the memory is an outage of ours, or accepted under the waiver.
func TestMessageBeforeTheMemory(t *testing.T) {
	w := newWorld(t)
	before := seal(t, w.theirs(t, jwe.Config{Now: clock(time.Now().Add(-10 * time.Second))}), "x")
	c := jwe.Config{MaxAge: time.Minute, Replays: envelope.NewMemory(10)}
	m, err := w.ours(t, c).Open(t.Context(), before)
	assert.Nil(t, m)
	assert.ErrorIs(t, err, keyset.ErrUnavailable)
	assert.ErrorIs(t, err, envelope.ErrForgotten)
	c.Waive = []envelope.Waiver{jwe.InsecureForgetfulStart("a deploy each hour")}
	us := w.ours(t, c)
	assert.Equal(t, c.Waive, open(t, us, before).Waived)
	rejects(t, us, before, envelope.Replayed)
}
