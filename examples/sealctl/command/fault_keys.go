package command

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// picked is a source with some of the keys of another, as they are at the time.
type picked struct {
	from keyset.Source
	pick func([]keyset.Key) []keyset.Key
}

// Load implements [keyset.Source].
func (p picked) Load() *keyset.Set {
	s := p.from.Load()
	some, err := keyset.New(s.Revision(), p.pick(slices.Collect(s.All()))...)
	if err != nil { // a pick never makes keys that do not fit together
		return s
	}
	return some
}

func firstOpener(keys []keyset.Key) []keyset.Key {
	for _, k := range keys {
		if k.State != keyset.Revoked && k.Material.Info().Opens() {
			return []keyset.Key{k}
		}
	}
	return nil
}

// oldestSigner is the key that a program goes on with which never looks again.
func oldestSigner(keys []keyset.Key) []keyset.Key {
	keys = slices.DeleteFunc(keys, func(k keyset.Key) bool {
		return k.State == keyset.Revoked || k.Material.Info().Use&keyset.Signing == 0
	})
	if len(keys) == 0 {
		return nil
	}
	oldest := slices.MinFunc(keys, func(a, b keyset.Key) int { return born(a).Compare(born(b)) })
	oldest.State = keyset.Active
	return []keyset.Key{oldest}
}

// born is when a key began, as far as it says. In JOSE the manifest does.
func born(k keyset.Key) time.Time {
	begin, _ := k.Bounds()
	return cmp.Or(begin, k.Since)
}

func isExpired(k keyset.Key) bool { return !isRevoked(k) && !k.ValidAt(time.Now()) }

// isRevoked reports whether a key is revoked here, or in its own certificate.
func isRevoked(k keyset.Key) bool {
	return k.State == keyset.Revoked || slices.ContainsFunc(entities(k.Material, (*pgp.Key).WriteCertificate), func(e *openpgp.Entity) bool {
		return len(e.Revocations) != 0
	})
}

// material is that of a key of the partner. Of a key that a manifest revokes, a ring keeps
// none, and it is read anew.
func (e *endpoint) material(k keyset.Key) keyset.Material {
	if k.State != keyset.Revoked || k.Source == "" {
		return k.Material
	}
	open := e.s.keys.opener(e.peer.Load().Format(), e.s.peer[0])
	m, err := open(context.Background(), keyset.ManifestKey{ID: k.ID(), Source: k.Source})
	if err != nil {
		return k.Material
	}
	return m.Public()
}

// forgiven returns JOSE keys that verify again, of those that do not for the one reason.
func (e *endpoint) forgiven(keys []keyset.Key, is func(keyset.Key) bool) (good []keyset.Key) {
	for _, k := range keys {
		if key, ok := e.material(k).(*jwe.Key); ok && is(k) && key.Info().Use&keyset.Signing != 0 {
			if key, err := unbounded(key); err == nil {
				good = append(good, keyset.Key{Material: key, State: keyset.Active})
			}
		}
	}
	return good
}

// unbounded is a key without what its JWK says of its end.
func unbounded(k *jwe.Key) (*jwe.Key, error) {
	var b bytes.Buffer
	if err := k.WritePublicJWK(&b); err != nil {
		return nil, err
	}
	var members map[string]any
	if err := json.Unmarshal(b.Bytes(), &members); err != nil {
		return nil, err
	}
	for _, name := range []string{"nbf", "exp", "revoked", "x5c", "x5t", "x5t#S256"} {
		delete(members, name)
	}
	raw, err := json.Marshal(members)
	if err != nil {
		return nil, err
	}
	return jwe.ReadKey(bytes.NewReader(raw), keyset.Signing)
}
