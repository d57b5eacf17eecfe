package modeltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sealwax/sealwax/keyset"
)

func openKey(files fs.FS) keyset.Opener {
	return func(_ context.Context, k keyset.ManifestKey) (keyset.Material, error) {
		raw, err := fs.ReadFile(files, "key")
		var i keyset.Info
		if err == nil {
			err = json.Unmarshal(raw, &i)
		}
		return &key{i}, err
	}
}

// TestPublicationsTakeNothingAway: whatever a partner publishes, in whatever order, no key
// goes, none is revoked or comes back, nothing that sealed or opened stops to, a key that
// would seal has evidence, and a restart has the same.
func TestPublicationsTakeNothingAway(t *testing.T) {
	did := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		use := rapid.SampledFrom([]keyset.Use{keyset.Signing, keyset.Encryption, keyset.Signing | keyset.Encryption}).Draw(t, "use")
		name := func(n int) keyset.ID { return keyset.ID(fmt.Sprint("K", n)) }
		file := func(n int) *key {
			return &key{keyset.Info{ID: name(n), Format: keyset.JOSE, Use: use}}
		}
		open := keyset.Schemes(map[string]keyset.Opener{
			"file": func(_ context.Context, k keyset.ManifestKey) (keyset.Material, error) {
				return &key{keyset.Info{ID: k.ID, Format: keyset.JOSE, Use: use}}, nil
			},
			"published": keyset.OpenPublished(openKey),
		})
		s, err := keyset.New(1, keyset.Key{Material: file(0), State: keyset.Active, Source: "file:0", Since: time.Now().Add(-time.Hour)})
		holds(t, err == nil, "%v", err)
		ring := keyset.NewRing(s)
		for range rapid.IntRange(1, 12).Draw(t, "publications") {
			var p keyset.Publication[*key]
			p.Write = func(k *key, w io.Writer) error { return json.NewEncoder(w).Encode(k.info) }
			for _, n := range rapid.SliceOfN(rapid.IntRange(0, 8), 0, 7).Draw(t, "set") {
				p.Keys = append(p.Keys, file(n))
			}
			if rapid.IntRange(0, 4).Draw(t, "damaged") == 0 {
				p.PassedOver = []string{"an entry"}
			}
			policy := keyset.PublicationPolicy{
				PublishedFor:   rapid.SampledFrom([]time.Duration{0, 1, time.Hour}).Draw(t, "for"),
				RetireVanished: rapid.Bool().Draw(t, "retire"),
			}
			before := ring.Load()
			o, err := keyset.TakePublished(context.Background(), ring, p, open, policy)
			after := ring.Load()
			if err != nil {
				holds(t, errors.Is(err, keyset.ErrNothingPublished) && len(p.Keys) == 0, "%v", err)
				did["nothing"]++
			}
			holds(t, o.Changed() || before == after, "it says that nothing has changed: %v", o)
			waits := 0
			for k := range after.All() {
				old, had := before.Lookup(k.ID())
				switch {
				case !had:
					holds(t, k.State == keyset.Pending || policy.PublishedFor == 1, "%v enters as %v", k, k.State)
					did["enters"]++
				case old.State != k.State:
					holds(t, old.State == keyset.Pending && k.State == keyset.Active && policy.PublishedFor != 0 ||
						old.State == keyset.Active && k.State == keyset.Retiring && policy.RetireVanished, "%v was %v", k, old.State)
					holds(t, len(p.PassedOver) == 0, "%v was %v, and an entry was passed over", k, old.State)
					did[k.State.String()]++
				}
				if k.State == keyset.Active && k.ID() != name(0) && use != keyset.Signing {
					holds(t, strings.Contains(k.Evidence, "published since"), "%v: evidence %q", k, k.Evidence)
				}
				if k.State == keyset.Pending {
					waits++
				}
			}
			holds(t, waits <= 4, "%d keys are pending", waits)
			for old := range before.All() {
				k, has := after.Lookup(old.ID())
				holds(t, has && (k.State == keyset.Revoked) == (old.State == keyset.Revoked), "%v was, and %v is", old, k)
			}
			sealed := func(s *keyset.Set) bool {
				for range s.Sealing(time.Now()) {
					return true
				}
				return false
			}
			holds(t, sealed(after) || !sealed(before), "nothing seals any more: %v", o)
			for _, r := range o.Refused {
				did["waits"] += map[bool]int{true: 1}[errors.Is(r.Err, keyset.ErrUnconfirmed)]
			}

			var fresh keyset.Ring
			_, err = fresh.Reload(context.Background(), after.Manifest(), open)
			holds(t, err == nil, "%v", err)
			holds(t, slices.Equal(listed(&fresh), listed(ring)), "%v restarted is %v", listed(ring), listed(&fresh))
			if ids := after.Manifest().Keys; rapid.IntRange(0, 7).Draw(t, "revoke") == 0 {
				_ = ring.Revoke(ids[rapid.IntRange(0, len(ids)-1).Draw(t, "which")].ID)
			}
		}
	})
	for _, what := range []string{"nothing", "enters", "active", "retiring", "waits"} {
		holds(t, did[what] > 100, "%q hardly ever happens: %v", what, did)
	}
}
