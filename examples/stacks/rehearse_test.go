package stacks_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelopetest"
	"github.com/sealwax/sealwax/keyset"
)

// Every stack is what a network tests before a launch, over its own sockets: the network's
// keys are replaced under load, one is revoked, and what is bad is rejected in one way.
func TestRehearse(t *testing.T) {
	record(t)
	for name, f := range formats {
		t.Run(name, func(t *testing.T) {
			var keys []keyset.Key
			for _, party := range []string{"old", "new"} {
				for _, k := range f.keys(t, party) {
					keys = append(keys, keyset.Key{Material: k, State: keyset.Active})
				}
			}
			own, err := keyset.New(1, keys...)
			require.NoError(t, err)
			each(t, func(t *testing.T, stack string) {
				envelopetest.Rehearse(t, own, []byte("12.50 EUR"), func(network *keyset.Set) func([]byte) ([]byte, int) {
					env, err := f.newEnvelope(own, network, "", "", "", "")
					require.NoError(t, err)
					s := start[stack](t, env)
					return func(body []byte) ([]byte, int) {
						status, text := s.send(t, body)
						return []byte(text), status
					}
				})
			})
		})
	}
}
