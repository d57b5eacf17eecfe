package jwe_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// The table of package keyset: Seal uses the active keys, Open accepts every
// key that is not revoked.
func TestStates(t *testing.T) {
	for _, tt := range []struct {
		state     keyset.State
		seals     bool
		opens     bool
		signer    envelope.Reason // of what a partner's key in this state signed
		recipient envelope.Reason // of what was encrypted to a key of ours in it
	}{
		{keyset.Pending, false, true, "", ""},
		{keyset.Active, true, true, "", ""},
		{keyset.Retiring, false, true, "", ""},
		{keyset.Revoked, false, false, envelope.RevokedSigner, envelope.RevokedRecipient},
	} {
		t.Run(tt.state.String(), func(t *testing.T) {
			w := newWorld(t)
			them := w.theirs(t, jwe.Config{})
			sealed := seal(t, them, "payload")
			spare := newWorld(t) // keeps each set alive

			t.Run("our signing key", func(t *testing.T) {
				us := w.ours(t, jwe.Config{Own: setOf(t, append(entries(tt.state, w.ourSign), entries(keyset.Active, w.ourDecrypt)...)...)})
				seals(t, us, tt.seals)
			})
			t.Run("the partner's encryption key", func(t *testing.T) {
				us := w.ours(t, jwe.Config{Peer: setOf(t, append(entries(tt.state, public(w.theirDecrypt)...), entries(keyset.Active, public(w.theirSign)...)...)...)})
				seals(t, us, tt.seals)
			})
			t.Run("our decryption key", func(t *testing.T) {
				us := w.ours(t, jwe.Config{Own: setOf(t, append(entries(tt.state, w.ourDecrypt), entries(keyset.Active, spare.ourDecrypt)...)...)})
				if !tt.opens {
					rejects(t, us, sealed, tt.recipient)
					return
				}
				assert.Equal(t, tt.state, open(t, us, sealed).Decrypter.State)
			})
			t.Run("the partner's signing key", func(t *testing.T) {
				us := w.ours(t, jwe.Config{Peer: setOf(t, append(entries(tt.state, public(w.theirSign)...), entries(keyset.Active, public(spare.theirSign)...)...)...)})
				if !tt.opens {
					oe := rejects(t, us, sealed, tt.signer)
					assert.Equal(t, []keyset.ID{w.theirSign.Info().ID}, oe.Keys)
					return
				}
				assert.Equal(t, tt.state, open(t, us, sealed).Signers[0].State)
			})
		})
	}
}

func seals(t *testing.T, e *jwe.Envelope, want bool) {
	sealed, err := e.Seal(t.Context(), []byte("payload"))
	if want {
		assert.NoError(t, err)
		return
	}
	assert.ErrorIs(t, err, envelope.ErrNoKey)
	assert.Nil(t, sealed)
}

// Only revoked keys of ours fit: the message was not for somebody else.
func TestOnlyRevokedKeysFit(t *testing.T) {
	w := newWorld(t)
	const unnamed = `{"alg":"RSA-OAEP-256","enc":"A256GCM"}`
	token := []byte(encryptTo(t, &rsaKeys[1]().PublicKey, unnamed, "x"))
	old := encryption(t, "old", rsaKeys[1]())
	for name, m := range map[string]keyset.Material{"key": old, "tombstone": keyset.Tombstone(old.Info())} {
		t.Run(name, func(t *testing.T) {
			us := w.ours(t, jwe.Config{Own: setOf(t, append(entries(keyset.Active, w.ourSign, w.ourDecrypt),
				keyset.Key{Material: m, State: keyset.Revoked})...)})
			rejects(t, us, token, envelope.RevokedRecipient)
		})
	}
	us := w.ours(t, jwe.Config{Own: setOf(t, append(entries(keyset.Active, encryption(t, "other", rsaKeys[2]())), entries(keyset.Revoked, old)...)...)})
	rejects(t, us, token, envelope.NotForUs) // the other key might have been meant
}

// The most preferred key on either side is the one in the message.
func TestPreference(t *testing.T) {
	w := newWorld(t)
	next := newWorld(t)
	own := keyset.NewRing(setOf(t, append(entries(keyset.Active, w.theirSign, w.theirDecrypt), entries(keyset.Pending, next.theirSign)...)...))
	peer := keyset.NewRing(setOf(t, append(entries(keyset.Active, public(w.ourSign, w.ourDecrypt)...), entries(keyset.Pending, public(next.ourDecrypt)...)...)...))
	them := w.theirs(t, jwe.Config{Own: own, Peer: peer})
	us := newEnvelope(t, jwe.Config{
		Own:  set(t, w.ourDecrypt, next.ourDecrypt),
		Peer: set(t, public(w.theirSign, next.theirSign)...),
	})
	m := open(t, us, seal(t, them, "x"))
	assert.Equal(t, w.ourDecrypt.Info().ID, m.Decrypter.ID)
	assert.Equal(t, w.theirSign.Info().ID, m.Signers[0].ID)

	require.NoError(t, own.Acknowledge(next.theirSign.Info().ID, "test"))
	require.NoError(t, own.Promote(next.theirSign.Info().ID))
	require.NoError(t, peer.Acknowledge(next.ourDecrypt.Info().ID, "test"))
	require.NoError(t, peer.Promote(next.ourDecrypt.Info().ID))
	m = open(t, us, seal(t, them, "x"))
	assert.Equal(t, next.ourDecrypt.Info().ID, m.Decrypter.ID)
	assert.Equal(t, next.theirSign.Info().ID, m.Signers[0].ID)
}

// What a ring counts is what a message was sealed or opened with, once each.
func TestUsageIsRecorded(t *testing.T) {
	w := newWorld(t)
	own, peer := keyset.NewRing(set(t, w.ourSign, w.ourDecrypt)), keyset.NewRing(set(t, public(w.theirSign, w.theirDecrypt)...))
	at := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	us := newEnvelope(t, jwe.Config{Own: own, Peer: peer, Now: clock(at)})
	seal(t, us, "x")
	open(t, us, seal(t, w.theirs(t, jwe.Config{Now: clock(at)}), "x"))
	for _, tt := range []struct {
		ring           *keyset.Ring
		key            *jwe.Key
		sealed, opened uint64
	}{{own, w.ourSign, 1, 0}, {own, w.ourDecrypt, 0, 1}, {peer, w.theirSign, 0, 1}, {peer, w.theirDecrypt, 1, 0}} {
		u, ok := tt.ring.Usage(tt.key.Info().ID)
		require.True(t, ok)
		assert.Equal(t, tt.sealed, u.Sealed, tt.key)
		assert.Equal(t, tt.opened, u.Opened, tt.key)
		assert.True(t, u.LastUsed().Equal(at))
	}
}

// Sets are swapped while messages are under way.
func TestConcurrentRotation(t *testing.T) {
	w, next := newWorld(t), newWorld(t)
	own := keyset.NewRing(set(t, w.ourSign, w.ourDecrypt))
	us := w.ours(t, jwe.Config{Own: own})
	sealed := seal(t, w.theirs(t, jwe.Config{}), "payload")
	done := make(chan error)
	for range 4 {
		go func() {
			var err error
			for range 100 {
				if _, err = us.Open(t.Context(), sealed); err != nil {
					break
				}
				if _, err = us.Seal(t.Context(), []byte("x")); err != nil {
					break
				}
			}
			done <- err
		}()
	}
	for i := range 50 {
		if i%2 == 0 {
			require.NoError(t, own.Add(t.Context(), next.ourDecrypt, ""))
		} else {
			require.NoError(t, own.RemoveUnchecked(next.ourDecrypt.Info().ID, "undone"))
		}
	}
	for range 4 {
		assert.NoError(t, why(<-done))
	}
}

// Older profiles have no JWS. Their keys are busy while they are used, and are replaced
// by who knows better, or under a waiver that says that the transport knows the partner.
func TestRotationWithoutSignatures(t *testing.T) {
	for name, tt := range map[string]struct {
		waive []envelope.Waiver
		want  error // of a removal once the old key is idle
	}{
		"a stranger could have made it":   {nil, keyset.ErrUnproven},
		"the transport knows the partner": {[]envelope.Waiver{jwe.InsecureUnsignedEvidence("mutual TLS ends here")}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			waive := append(tt.waive, jwe.InsecureEncryptOnly("the profile has no signatures"))
			old, fresh, theirs := encryption(t, "2026", rsaKeys[1]()), encryption(t, "2027", rsaKeys[2]()), encryption(t, "theirs", rsaKeys[3]())
			own := keyset.NewRing(setOf(t, append(entries(keyset.Retiring, old), entries(keyset.Active, fresh)...)...))
			us := newEnvelope(t, jwe.Config{Own: own, Peer: set(t, public(theirs)...), Waive: waive})
			receive := func(to *jwe.Key) {
				them := newEnvelope(t, jwe.Config{Own: set(t, theirs), Peer: set(t, public(to)...), Waive: waive[len(tt.waive):]})
				m := open(t, us, seal(t, them, "{}"))
				assert.Len(t, m.Waived, 1+len(tt.waive))
			}
			receive(fresh)
			receive(old)
			id := old.Info().ID
			require.ErrorIs(t, own.Remove(id, time.Hour), keyset.ErrBusy, "it is in use, though nothing is proven")
			receive(fresh)
			time.Sleep(2 * time.Millisecond)
			err := own.Remove(id, time.Millisecond)
			if tt.want == nil {
				assert.NoError(t, err)
				return
			}
			assert.ErrorIs(t, err, tt.want)
			assert.ErrorContains(t, err, "only messages without a signature")
			assert.ErrorContains(t, err, "remove it unchecked", "the way out")
			assert.NoError(t, own.RemoveUnchecked(id, "out of use"))
		})
	}
}
