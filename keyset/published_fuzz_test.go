package keyset_test

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

// A partner publishes any sets, one a day. Nothing that is published removes or revokes a
// key, takes back a revocation, or leaves nothing that seals; while
// there is room for its keys, the same set again changes nothing, and its order makes no
// difference. What came of it is written and read after each set.
func FuzzTakePublished(f *testing.F) {
	f.Add([]byte{0b1, 0b11, 0b10, 0b10}, true, uint8(2))
	f.Add([]byte{0b11111111, 0b1000_0000, 0}, false, uint8(0))
	f.Fuzz(func(t *testing.T, sets []byte, retire bool, days uint8) {
		if len(sets) > 16 {
			return
		}
		policy := keyset.PublicationPolicy{PublishedFor: time.Duration(days%8) * 24 * time.Hour, RetireVanished: retire}
		synctest.Test(t, func(t *testing.T) {
			start := list{{"A", "active"}, {"B", "pending"}, {"R", "revoked"}}
			room := true
			forth, back := relate(t, peerCert, start...), relate(t, peerCert, start...)
			for _, set := range sets {
				var keys []*fake
				for n, id := range []keyset.ID{"A", "B", "R", "C", "D", "E", "F", "G"} {
					if set>>n&1 != 0 {
						keys = append(keys, peerCert.key(id))
					}
				}
				if len(keys) == 0 {
					_, err := keyset.TakePublished(t.Context(), forth.ring, keyset.Publication[*fake]{Write: writeFake}, forth.open, policy)
					require.ErrorIs(t, err, keyset.ErrNothingPublished)
					continue
				}
				before := statesOf(forth.ring.Load())
				o := forth.publish(policy, keys...)
				for _, id := range []string{"A ", "B ", "R revoked;"} {
					require.Contains(t, statesOf(forth.ring.Load()), id, before)
				}
				require.NotContains(t, strings.ReplaceAll(statesOf(forth.ring.Load()), "R revoked", ""), "revoked")
				require.NotEmpty(t, sealing(forth.ring.Load()), before)
				require.Equal(t, o.Changed(), before != statesOf(forth.ring.Load()), o.String())
				if len(o.Refused) == 0 { // and so none waits until there is room
					require.False(t, forth.publish(policy, keys...).Changed(), "the same again, after %s", o)
				}

				room = room && len(o.Refused) == 0
				slices.Reverse(keys)
				back.publish(policy, keys...)
				time.Sleep(24 * time.Hour)
			}
			if !room {
				return
			}
			sorted := func(r *keyset.Ring) []string {
				return slices.Sorted(slices.Values(strings.Split(statesOf(r.Load()), ";")))
			}
			require.Equal(t, sorted(forth.ring), sorted(back.ring), "in another order")
		})
	})
}

// A key that came by publication is its own source. Of any other text none is read.
func FuzzOpenPublished(f *testing.F) {
	f.Add("published:eyJJRCI6IkEifQ")
	f.Add("published:eyJJRCI6IkEifR")
	f.Add("file:key")
	f.Fuzz(func(t *testing.T, source string) {
		var got []byte
		open := keyset.OpenPublished(func(files fs.FS) keyset.Opener {
			raw, err := fs.ReadFile(files, "key")
			require.NoError(t, err)
			got = append([]byte{}, raw...)
			_, err = fs.ReadFile(files, "another")
			require.ErrorIs(t, err, fs.ErrNotExist)
			return openFake(files)
		})
		m, err := open(t.Context(), keyset.ManifestKey{ID: "A", Source: source})
		if err != nil {
			require.Nil(t, m)
		}
		if got != nil {
			require.Equal(t, source, keyset.PublishedSource(got), "one spelling")
			require.LessOrEqual(t, len(got), 1<<16)
		}
	})
}
