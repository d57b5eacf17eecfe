package keyset_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

var allStates = []keyset.State{keyset.Pending, keyset.Active, keyset.Retiring, keyset.Revoked}

func TestStateText(t *testing.T) {
	for state, want := range map[keyset.State]string{
		keyset.Pending: "pending", keyset.Active: "active", keyset.Retiring: "retiring", keyset.Revoked: "revoked",
	} {
		assert.Equal(t, want, state.String())
		text, err := json.Marshal(state)
		require.NoError(t, err)
		assert.Equal(t, `"`+want+`"`, string(text))
		var back keyset.State
		require.NoError(t, json.Unmarshal(text, &back))
		assert.Equal(t, state, back)
	}
	for _, bad := range []keyset.State{0, 5, 255} {
		_, err := bad.MarshalText()
		assert.Error(t, err, "state %d", bad)
		assert.Contains(t, bad.String(), "invalid")
	}
	for _, bad := range []string{"", "Active", "ACTIVE", " active", "active ", "enabled", "0", "1"} {
		s := keyset.Retiring
		assert.Error(t, s.UnmarshalText([]byte(bad)), "%q", bad)
		assert.Equal(t, keyset.Retiring, s, "an error leaves the value alone")
	}
}

func TestUseString(t *testing.T) {
	for use, want := range map[keyset.Use]string{
		0: "none", keyset.Signing: "signing", keyset.Encryption: "encryption", both: "signing+encryption", 4: "invalid use 4",
	} {
		assert.Equal(t, want, use.String())
	}
}

// TestStateTable is the table of the package documentation: every state in
// every role.
func TestStateTable(t *testing.T) {
	for _, r := range roles {
		for _, state := range allStates {
			t.Run(r.name+"/"+state.String(), func(t *testing.T) {
				k := r.in(state, "A")
				assert.Equal(t, r.seals, k.Material.Info().Seals())
				assert.Equal(t, r.opens, k.Material.Info().Opens())

				s := newSet(t, 1, k)
				var seal, open []keyset.ID
				if r.seals && state == keyset.Active {
					seal = []keyset.ID{"A"}
				}
				if r.opens && state != keyset.Revoked {
					open = []keyset.ID{"A"}
				}
				assert.Equal(t, seal, sealing(s))
				assert.Equal(t, open, opening(s))
			})
		}
	}
}

func TestSealingKeepsTheOrderAndStops(t *testing.T) {
	s := newSet(t, 1, ownCert.in(keyset.Pending, "A"), ownCert.in(keyset.Active, "B"), ownCert.in(keyset.Active, "C"))
	assert.Equal(t, []keyset.ID{"B", "C"}, sealing(s))
	assert.Equal(t, []keyset.ID{"A", "B", "C"}, opening(s))
	for k := range s.Sealing(time.Now()) {
		assert.Equal(t, keyset.ID("B"), k.ID())
		break
	}
	for k := range s.Opening() {
		assert.Equal(t, keyset.ID("A"), k.ID())
		break
	}
	for k := range s.All() {
		assert.Equal(t, keyset.ID("A"), k.ID())
		break
	}
}

// TestValidity moves one key through its bounds, given by the material, by the
// key, or by both: the narrower one counts, ends included.
func TestValidity(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2027, 1, n, 0, 0, 0, 0, time.UTC) }
	var none time.Time
	tests := []struct {
		name                     string
		material                 [2]time.Time
		key                      [2]time.Time
		wantNotBefore, wantAfter time.Time
	}{
		{"no bounds", [2]time.Time{}, [2]time.Time{}, none, none},
		{"material", [2]time.Time{day(5), day(10)}, [2]time.Time{}, day(5), day(10)},
		{"key", [2]time.Time{}, [2]time.Time{day(5), day(10)}, day(5), day(10)},
		{"key narrows", [2]time.Time{day(2), day(20)}, [2]time.Time{day(5), day(10)}, day(5), day(10)},
		{"key cannot widen", [2]time.Time{day(5), day(10)}, [2]time.Time{day(2), day(20)}, day(5), day(10)},
		{"one end each", [2]time.Time{day(5), none}, [2]time.Time{none, day(10)}, day(5), day(10)},
		{"one end each, reversed", [2]time.Time{none, day(10)}, [2]time.Time{day(5), none}, day(5), day(10)},
		{"lower only", [2]time.Time{day(5), none}, [2]time.Time{}, day(5), none},
		{"upper only", [2]time.Time{none, day(10)}, [2]time.Time{}, none, day(10)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := ownCert.in(keyset.Active, "A", valid(tt.material[0], tt.material[1]))
			k.NotBefore, k.NotAfter = tt.key[0], tt.key[1]
			notBefore, notAfter := k.Bounds()
			assert.Equal(t, tt.wantNotBefore, notBefore)
			assert.Equal(t, tt.wantAfter, notAfter)

			s := newSet(t, 1, k)
			check := func(at time.Time, want bool) {
				t.Helper()
				assert.Equal(t, want, k.ValidAt(at))
				n := 0
				for range s.Sealing(at) {
					n++
				}
				assert.Equal(t, want, n == 1, "sealing at %v", at)
				assert.Len(t, opening(s), 1, "a key opens outside of its validity")
			}
			check(day(7), true)
			check(day(5), true)
			check(day(10), true)
			check(day(5).Add(-1), tt.wantNotBefore.IsZero())
			check(day(10).Add(1), tt.wantAfter.IsZero())
		})
	}
}
