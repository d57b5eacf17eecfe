package pgp_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// The state table of package keyset, on both sides.
func TestStates(t *testing.T) {
	for _, tt := range []struct {
		state   keyset.State
		seals   bool
		decrypt envelope.Reason // of a message to the key in this state
		verify  envelope.Reason // of a message signed by the key in this state
	}{
		{keyset.Pending, false, "", ""},
		{keyset.Active, true, "", ""},
		{keyset.Retiring, false, "", ""},
		{keyset.Revoked, false, envelope.RevokedRecipient, envelope.RevokedSigner},
	} {
		t.Run(tt.state.String(), func(t *testing.T) {
			// The other party has us as an active key all along.
			_, theirs := conversation(t, bank(), partner())
			sealed := seal(t, theirs, body)

			ours := newEnvelope(t, pgp.Config{Own: inState(t, tt.state, bank()), Peer: active(t, public(partner()))})
			check(t, ours, sealed, tt.decrypt)
			_, err := ours.Seal(context.Background(), body)
			assert.Equal(t, tt.seals, err == nil, "sign: %v", err)

			ours = newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: inState(t, tt.state, public(partner()))})
			check(t, ours, sealed, tt.verify)
			_, err = ours.Seal(context.Background(), body)
			assert.Equal(t, tt.seals, err == nil, "encrypt: %v", err)
		})
	}
}

func check(t *testing.T, e *pgp.Envelope, sealed []byte, want envelope.Reason) {
	if want == "" {
		assert.Equal(t, body, open(t, e, sealed).Payload)
		return
	}
	rejected(t, e, sealed, want)
}

// Trap T19: what a stranger can make us do is bounded.
func TestT19WorkIsBounded(t *testing.T) {
	var keys []*pgp.Key
	for i := range keyset.MaxKeys {
		keys = append(keys, newKey(t, fmt.Sprint("own ", i)))
	}
	e := newEnvelope(t, pgp.Config{Own: active(t, keys...), Peer: active(t, public(partner()))})
	f := newForger(t, newKey(t, "stranger"))
	f.hidden = true
	lit, sig := literalPacket(body), signaturePacket(t, partner(), body, nil)

	one := f.message(lit, sig)
	rejected(t, e, one, envelope.NotForUs)                                        // 16 private-key operations
	rejected(t, e, append(bytes.Repeat(f.pkesk(), 3), one...), envelope.NotForUs) // 64
	rejected(t, e, append(bytes.Repeat(f.pkesk(), 4), one...), envelope.TooLarge)

	// What is limited is trials, and not places: a session key that names us is
	// found wherever it stands.
	g := newForger(t, keys[3])
	named := newForger(t, newKey(t, "somebody else"))
	mine := g.message(lit, sig)
	open(t, e, append(bytes.Repeat(named.pkesk(), 31), mine...))
	open(t, e, append(bytes.Repeat(named.pkesk(), 200), mine...))
	rejected(t, e, append(bytes.Repeat(named.pkesk(), 256), mine...), envelope.Malformed)

	// Of 33 signatures only 32 are looked at.
	bad := signaturePacket(t, partner(), []byte("other"), nil)
	open(t, e, g.message(append([][]byte{lit}, append(repeat(bad, 31), sig)...)...))
	rejected(t, e, g.message(append([][]byte{lit}, append(repeat(bad, 32), sig)...)...), envelope.BadSignature)

	// Of wrong session keys that conform, as many reach the body as its size is
	// worth: four of a large one.
	other := newForger(t, keys[3])
	other.session = bytes.Repeat([]byte{8}, 32)
	open(t, e, append(bytes.Repeat(other.pkesk(), 3), mine...))
	open(t, e, append(bytes.Repeat(other.pkesk(), 31), mine...))
	rejected(t, e, append(bytes.Repeat(other.pkesk(), 32), mine...), envelope.Corrupt)
	long := octets(1 << 20)
	large := g.message(literalPacket(long), signaturePacket(t, partner(), long, nil))
	open(t, e, append(bytes.Repeat(other.pkesk(), 3), large...))
	rejected(t, e, append(bytes.Repeat(other.pkesk(), 4), large...), envelope.Corrupt)
}

func repeat(p []byte, n int) [][]byte {
	var out [][]byte
	for range n {
		out = append(out, p)
	}
	return out
}
