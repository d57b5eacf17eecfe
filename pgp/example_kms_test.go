package pgp_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"io"
	"log"
	"time"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// A service stands for a key service whose keys never leave it. A real one sends
// the digest or the ciphertext over the network, within ctx.
type service struct{ key *rsa.PrivateKey }

func (s *service) Public() crypto.PublicKey                   { return s.key.Public() }
func (s *service) Bind(ctx context.Context) crypto.PrivateKey { return &call{s, ctx} }
func (s *service) Undecryptable(err error) bool               { return err == rsa.ErrDecryption }

type call struct {
	*service
	ctx context.Context
}

func (c *call) Decrypt(_ io.Reader, ciphertext []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	if c.ctx.Err() != nil {
		return nil, c.ctx.Err()
	}
	return c.key.Decrypt(nil, ciphertext, opts)
}

// Keys in a key service. What signs is any crypto.Signer; what decrypts is a
// keyset.Remote, which also tells an outage from a bad ciphertext. The
// certificate is made once and stored; then each start reads it.
func ExampleNewRemoteKey() {
	signer := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) // stands for a signer of the service
	decrypter := &service{must(rsa.GenerateKey(rand.Reader, 2048))}
	ctx := context.Background()

	first := must(pgp.NewRemoteCertificate(ctx, "Bank <keys@bank.example>", signer, decrypter, 365*24*time.Hour))
	var certificate bytes.Buffer
	if err := first.WriteCertificate(&certificate); err != nil {
		log.Fatal(err)
	}

	ours := must(pgp.NewRemoteKey(&certificate, signer, decrypter))
	if err := ours.SelfTest(ctx); err != nil { // asks the service for each operation
		log.Fatal(err)
	}
	theirs := must(pgp.GenerateKey("Partner", pgp.Curve25519, 365*24*time.Hour))
	set := func(m keyset.Material) *keyset.Set {
		return must(keyset.New(1, keyset.Key{Material: m, State: keyset.Active}))
	}
	bank := must(pgp.New(pgp.Config{Own: set(ours), Peer: set(theirs.Public())}))
	partner := must(pgp.New(pgp.Config{Own: set(theirs), Peer: set(ours.Public())}))
	reply := must(partner.Open(ctx, must(bank.Seal(ctx, []byte("signed in the service")))))
	order := must(bank.Open(ctx, must(partner.Seal(ctx, []byte("decrypted in the service")))))
	fmt.Printf("%s\n%s\n", reply.Payload, order.Payload)
	// Output:
	// signed in the service
	// decrypted in the service
}
