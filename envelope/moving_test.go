package envelope_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/envelopetest"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// The composition of two formats keeps every promise of an envelope, whichever
// of them it seals in.
func TestBothKeepsItsPromises(t *testing.T) {
	party := func(t *testing.T, own, peer *keyset.Set) (envelopetest.Party, envelope.Envelope) {
		p := envelopetest.Party{Own: keyset.NewRing(own), Peer: keyset.NewRing(peer)}
		var err error
		if own.Format() == keyset.OpenPGP {
			p.Envelope, err = pgp.New(pgp.Config{Own: p.Own, Peer: p.Peer})
		} else {
			p.Envelope, err = jwe.New(jwe.Config{Own: p.Own, Peer: p.Peer})
		}
		require.NoError(t, err)
		return p, p.Envelope
	}
	set := func(t *testing.T, newKeys func() []keyset.Material) *keyset.Set {
		var all []keyset.Key
		for _, state := range []keyset.State{keyset.Active, keyset.Pending} {
			for _, m := range newKeys() {
				all = append(all, keyset.Key{Material: m, State: state})
			}
		}
		s, err := keyset.New(1, all...)
		require.NoError(t, err)
		return s
	}
	inPGP := func() []keyset.Material { return []keyset.Material{pgpKey("suite")} }
	inJOSE := func() []keyset.Material {
		return []keyset.Material{joseKey(jwe.ES256), joseKey(jwe.ECDHESA256KW)}
	}
	for _, format := range []keyset.Format{keyset.OpenPGP, keyset.JOSE} {
		t.Run("seals in "+string(format), func(t *testing.T) {
			envelopetest.TestEnvelope(t, func(t *testing.T) (a, b envelopetest.Party) {
				var both [2]Both
				var parties [2]envelopetest.Party
				for _, newKeys := range []func() []keyset.Material{inPGP, inJOSE} {
					sets := [2]*keyset.Set{set(t, newKeys), set(t, newKeys)}
					for i := range both {
						p, e := party(t, sets[i], sets[1-i].Public())
						if sets[i].Format() == keyset.OpenPGP {
							both[i].PGP = e
						} else {
							both[i].JOSE = e
						}
						if sets[i].Format() == format {
							both[i].Envelope, parties[i] = e, p
						}
					}
				}
				for i := range parties {
					parties[i].Envelope = both[i]
				}
				return parties[0], parties[1]
			})
		})
	}
}
