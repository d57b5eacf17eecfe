package rehearsal_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sealwax/sealwax/internal/rehearsal"
	"github.com/sealwax/sealwax/keyset"
)

// newestFirst is how an endpoint sees the network that seals to the newest key at once.
func newestFirst(t testing.TB) func(*keyset.Set) *keyset.Set {
	return func(s *keyset.Set) *keyset.Set {
		keys := slices.Collect(s.All())
		slices.Reverse(keys)
		return must[*keyset.Set](t)(keyset.New(s.Revision(), keys...))
	}
}

// A reply may be sealed to the new key as soon as it is trusted, also while others are still
// sealed to the old one.
func TestSealedToTheNewestAtOnce(t *testing.T) {
	results := rehearse(t, owns(t)[keyset.JOSE], option{quiet: true, network: newestFirst(t)}, func(h *rehearsal.Rehearsal) {
		h.Only = func(name string) bool { return strings.HasPrefix(name, "rotation/") }
	})
	assert.Empty(t, not(results, rehearsal.Held))
	assert.Contains(t, results, "rotation/second")
}

// Of the steps of a rotation that are left out, those before one that is wanted are taken
// all the same. Where nobody installs keys, a step that was asked for says so.
func TestOnlySomeSteps(t *testing.T) {
	own := owns(t)[keyset.JOSE]
	for _, only := range []string{"rotation/second", "rotation/first rotation/third", "rotation/first rotation/second"} {
		for _, installs := range []bool{true, false} {
			results := rehearse(t, own, option{quiet: true}, func(h *rehearsal.Rehearsal) {
				h.Only = func(name string) bool { return slices.Contains(strings.Fields(only), name) }
				if !installs {
					h.Install = nil
				}
			})
			want := rehearsal.NotTried
			if installs {
				want = rehearsal.Held
			}
			assert.Len(t, results, len(strings.Fields(only)), only)
			assert.Empty(t, not(results, want), only)
		}
	}
}
