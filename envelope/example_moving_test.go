package envelope_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// Both opens messages in either format and seals in the format of Envelope. A
// partner that moves from OpenPGP to JOSE is never asked to switch at an instant:
// first both sides open both, then each seals in the new format when it is ready,
// and the old one goes when Message.SealedAs no longer says it.
type Both struct {
	envelope.Envelope // seals
	PGP, JOSE         envelope.Envelope
}

// Open implements envelope.Envelope. Each format refuses what is not its own, and
// what a message says about itself needs no key.
func (b Both) Open(ctx context.Context, sealed []byte) (*envelope.Message, error) {
	if _, err := jwe.Inspect(sealed); err == nil {
		return b.JOSE.Open(ctx, sealed)
	}
	return b.PGP.Open(ctx, sealed)
}

// From OpenPGP to JOSE, with both under way at once.
func Example_movingToJOSE() {
	oldOurs, oldTheirs := pgpKey("Bank"), pgpKey("Partner")
	newOurs := []keyset.Material{joseKey(jwe.ES256), joseKey(jwe.ECDHESA256KW)}
	newTheirs := []keyset.Material{joseKey(jwe.ES256), joseKey(jwe.ECDHESA256KW)}

	bank := Both{
		PGP:  must(pgp.New(pgp.Config{Own: keys(oldOurs), Peer: keys(oldTheirs).Public()})),
		JOSE: must(jwe.New(jwe.Config{Own: keys(newOurs...), Peer: keys(newTheirs...).Public()})),
	}
	bank.Envelope = bank.PGP // for now

	partnerPGP := must(pgp.New(pgp.Config{Own: keys(oldTheirs), Peer: keys(oldOurs).Public()}))
	partnerJOSE := must(jwe.New(jwe.Config{Own: keys(newTheirs...), Peer: keys(newOurs...).Public()}))
	for _, partner := range []envelope.Envelope{partnerPGP, partnerJOSE} {
		sealed := must(partner.Seal(context.Background(), []byte("order 7")))
		m := must(bank.Open(context.Background(), sealed))
		fmt.Printf("%s arrived as %s\n", m.Payload, m.SealedAs)
	}
	bank.Envelope = bank.JOSE // the partner is ready
	fmt.Println(bank.ContentType())
	// Output:
	// order 7 arrived as openpgp
	// order 7 arrived as jose
	// application/jose; charset=utf-8
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

func pgpKey(name string) keyset.Material {
	return must(pgp.GenerateKey(name, pgp.Curve25519, 365*24*time.Hour))
}

func joseKey(alg jwe.Algorithm) keyset.Material { return must(jwe.GenerateKey("", alg)) }

// keys returns a set in which every key is active.
func keys(materials ...keyset.Material) *keyset.Set {
	var all []keyset.Key
	for _, m := range materials {
		all = append(all, keyset.Key{Material: m, State: keyset.Active})
	}
	return must(keyset.New(1, all...))
}
