package jwe_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

func TestHostileTokens(t *testing.T) {
	s := newStage(t, jwe.Config{})
	require.Greater(t, len(hostileTokens), 40)
	good := s.good(t)
	require.Equal(t, "{}", string(open(t, s.receiver, []byte(good)).Payload))
	want := envelope.ErrRejected.Error()
	seen := map[string]bool{}
	for _, tt := range hostileTokens {
		t.Run(tt.name, func(t *testing.T) {
			require.False(t, seen[tt.name], "two cases of one name")
			seen[tt.name] = true
			token := tt.make(t, s)
			own, peer := s.own.Load(), s.peer.Load()
			before := usages(t, s)

			oe := rejects(t, s.receiver, []byte(token), tt.reason)
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t", "%e"} { // fmt answers %T and %p without asking
				assert.Equal(t, want, fmt.Sprintf(verb, oe), verb)
				assert.Equal(t, want, fmt.Sprintf(verb, *oe), verb)
				assert.Equal(t, "reply: "+want, fmt.Sprintf("%v", fmt.Errorf("reply: "+verb, oe)))
			}
			for _, v := range []any{oe, *oe, map[string]error{"err": oe}["err"]} {
				text, err := json.Marshal(v)
				require.NoError(t, err)
				assert.JSONEq(t, fmt.Sprintf("%q", want), string(text))
			}
			for err := error(oe); err != nil; err = errors.Unwrap(err) {
				assert.Equal(t, want, err.Error())
			}
			if oe.Cause() != nil {
				assert.LessOrEqual(t, len(oe.Cause().Error()), 512)
				assert.NotContains(t, oe.Cause().Error(), "amount", "what was decrypted")
			}
			assert.Same(t, own, s.own.Load())
			assert.Same(t, peer, s.peer.Load())
			assert.Equal(t, before, usages(t, s))

			assert.Equal(t, "{}", string(open(t, s.receiver, []byte(good)).Payload), "the next good message")
		})
	}
}

func usages(t testing.TB, s *stage) map[keyset.ID]keyset.Usage {
	out := map[keyset.ID]keyset.Usage{}
	for _, r := range []*keyset.Ring{s.own, s.peer} {
		for k := range r.Load().All() {
			u, ok := r.Usage(k.ID())
			require.True(t, ok)
			out[k.ID()] = u
		}
	}
	return out
}

// A flipped bit anywhere in a whole token is refused: there is one spelling for
// each message.
func TestEveryBitMatters(t *testing.T) {
	w := newWorld(t)
	us, them := w.ours(t, jwe.Config{}), w.theirs(t, jwe.Config{})
	sealed := seal(t, them, "{}")
	open(t, us, sealed)
	for i := range sealed {
		broken := append([]byte(nil), sealed...)
		broken[i] ^= 1 << (i % 7)
		m, err := us.Open(t.Context(), broken)
		require.ErrorIs(t, err, envelope.ErrRejected, "octet %d", i)
		require.Nil(t, m)
		m, err = us.Open(t.Context(), sealed[:i])
		require.ErrorIs(t, err, envelope.ErrRejected, "cut off at %d", i)
		require.Nil(t, m)
	}
}
