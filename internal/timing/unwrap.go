package timing

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// Each is how many messages a [Kind] of ours has.
const Each = 32

// Open is what a pair of an envelope does.
func Open(e envelope.Envelope) func(context.Context, []byte) error {
	return func(ctx context.Context, message []byte) error {
		_, err := e.Open(ctx, message)
		return err
	}
}

// Rejected wants messages to be rejected for one of the reasons.
func Rejected(reasons ...envelope.Reason) func(error) error {
	return func(err error) error {
		oe, ok := errors.AsType[*envelope.OpenError](err)
		switch {
		case !ok:
			return fmt.Errorf("not rejected: %w", err)
		case !slices.Contains(reasons, oe.Reason):
			return fmt.Errorf("rejected as %s: %w", oe.Reason, oe.Cause())
		}
		return nil
	}
}

// Remote returns the pairs of everything that a key in a service decrypts, in both formats:
// what the self-test of the key finds that it does not do is left out. name is that of the
// service. The key is an RSA key.
func Remote(ctx context.Context, name string, r keyset.Remote) ([]Pair, error) {
	public, ok := r.Public().(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("a key of kind %T: %w", r.Public(), errors.ErrUnsupported)
	}
	sign, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	var all []Pair
	certificate, err := pgp.NewRemoteCertificate(ctx, name, sign, r, 24*time.Hour)
	switch {
	case errors.Is(err, keyset.ErrUnavailable):
		return nil, err
	case err == nil:
		if all, err = PGP(ctx, name, certificate, public); err != nil {
			return nil, err
		}
	}
	for _, alg := range []jwe.Algorithm{jwe.RSA1_5, jwe.RSAOAEP, jwe.RSAOAEP256} {
		pairs, err := JWE(ctx, name, alg, r, public)
		if errors.Is(err, keyset.ErrUnavailable) {
			return nil, err
		}
		all = append(all, pairs...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("it decrypts nothing: %w", errors.ErrUnsupported)
	}
	return all, nil
}

// RunRemote measures what [Remote] returns in so many rounds, and prints it.
func RunRemote(ctx context.Context, w io.Writer, rounds int, name string, r keyset.Remote) error {
	pairs, err := Remote(ctx, name, r)
	if err != nil {
		return err
	}
	return Run(ctx, w, pairs, "-rounds", strconv.Itoa(rounds))
}

// unwrapped is what comes of a key that does not unwrap: the format decides what it is called.
var unwrapped = Rejected(envelope.Corrupt, envelope.NotForUs)

// PGP returns the pairs of session keys under an RSA key: one that unwraps against one whose
// padding is bad, and against one whose padding is good and whose checksum is not. The body
// behind each is damaged, so that all are rejected alike.
func PGP(ctx context.Context, name string, own *pgp.Key, public *rsa.PublicKey) ([]Pair, error) {
	theirs, err := pgp.GenerateKey("Partner", pgp.Curve25519, 24*time.Hour)
	if err != nil {
		return nil, err
	}
	seals, opens, err := Sides(theirs, own, func(own, peer *keyset.Set) (*pgp.Envelope, error) {
		return pgp.New(pgp.Config{Own: own, Peer: peer, Encoding: pgp.Binary})
	})
	if err != nil {
		return nil, err
	}
	kinds := [3]Kind{{Name: "unwraps", Want: Rejected(envelope.Corrupt)}, {Name: "bad padding", Want: unwrapped}, {Name: "bad checksum", Want: unwrapped}}
	for range Each {
		sealed, err := seals.Seal(ctx, make([]byte, 1<<10))
		if err != nil {
			return nil, err
		}
		packets := packet.NewOpaqueReader(bytes.NewReader(sealed))
		session, err := packets.Next()
		if err != nil {
			return nil, err
		}
		data, err := packets.Next()
		if err != nil {
			return nil, err
		}
		data.Contents[len(data.Contents)-5] ^= 1
		head := session.Contents[:10] // version 3, key ID, algorithm: RFC 9580, Section 5.1.1
		for i, contents := range [][]byte{
			session.Contents,
			append(bytes.Clone(head), mpi(raw(public, padding(public, 3, 35)))...),
			append(bytes.Clone(head), mpi(raw(public, padding(public, 2, 35)))...),
		} {
			var out bytes.Buffer
			if err := errors.Join((&packet.OpaquePacket{Tag: session.Tag, Contents: contents}).Serialize(&out), data.Serialize(&out)); err != nil {
				return nil, err
			}
			kinds[i].Messages = append(kinds[i].Messages, out.Bytes())
		}
	}
	name = "pgp Open, PKCS #1 v1.5, " + name
	return []Pair{{Name: name, Kinds: [2]Kind{kinds[0], kinds[1]}, Do: Open(opens)}, {Name: name, Kinds: [2]Kind{kinds[0], kinds[2]}, Do: Open(opens)}}, nil
}

// JWE returns the pair of content keys under an RSA key. For RSA1_5 these are one that
// unwraps, before a damaged tag, and one whose padding is bad. For RSA-OAEP, whose plaintext
// is authentic, they are what Manger's attack tells apart: two that do not unwrap, of which
// one decrypts to a number with a leading zero byte, and one to a larger one.
func JWE(ctx context.Context, name string, alg jwe.Algorithm, private crypto.PrivateKey, public *rsa.PublicKey) ([]Pair, error) {
	key, err := jwe.NewKey("read", private, keyset.Encryption)
	if err != nil {
		return nil, err
	}
	if key, err = key.WithAlgorithm(alg); err != nil {
		return nil, err
	}
	if err := key.SelfTest(ctx); err != nil {
		return nil, err
	}
	theirs, err := jwe.GenerateKey("sign", jwe.ES256)
	if err != nil {
		return nil, err
	}
	seals, opens, err := Sides(theirs, key, func(own, peer *keyset.Set) (*jwe.Envelope, error) {
		c := jwe.Config{Own: own, Peer: peer, Seal: jwe.Algorithms{Key: alg, Content: jwe.A256GCM, Signature: jwe.ES256}}
		if alg == jwe.RSA1_5 {
			c.Waive = append(c.Waive, jwe.InsecureRSA1_5("to time what partners insist on"))
		}
		return jwe.New(c)
	})
	if err != nil {
		return nil, err
	}
	kinds := [2]Kind{{Name: "unwraps", Want: unwrapped}, {Name: "bad padding", Want: unwrapped}}
	if alg != jwe.RSA1_5 {
		kinds[0].Name, kinds[1].Name = "leading zero byte", "none"
	}
	for range Each {
		sealed, err := seals.Seal(ctx, make([]byte, 1<<10))
		if err != nil {
			return nil, err
		}
		parts := strings.Split(string(sealed), ".")
		if len(parts) != 5 {
			return nil, fmt.Errorf("a JWE of %d parts", len(parts))
		}
		text := base64.RawURLEncoding
		tag, err := text.DecodeString(parts[4])
		if err != nil {
			return nil, err
		}
		tag[0] ^= 1
		parts[4] = text.EncodeToString(tag)
		first, second := parts[1], text.EncodeToString(raw(public, padding(public, 3, 32)))
		if alg != jwe.RSA1_5 {
			larger := padding(public, 2, 32)
			larger[0] = public.N.Bytes()[0] >> 1 // below the modulus
			first, second = text.EncodeToString(raw(public, padding(public, 2, 32))), text.EncodeToString(raw(public, larger))
		}
		for i, k := range []string{first, second} {
			kinds[i].Messages = append(kinds[i].Messages, []byte(strings.Join([]string{parts[0], k, parts[2], parts[3], parts[4]}, ".")))
		}
	}
	return []Pair{{Name: fmt.Sprintf("jwe Open, %s, %s", alg, name), Kinds: kinds, Do: Open(opens)}}, nil
}

// Sides returns the envelopes of a partner and of ours, each with one key of its own.
func Sides[E envelope.Envelope](theirs, ours keyset.Material, make func(own, peer *keyset.Set) (E, error)) (seals, opens E, err error) {
	var sets [4]*keyset.Set
	for i, m := range []keyset.Material{theirs, ours.Public(), ours, theirs.Public()} {
		if sets[i], err = keyset.New(1, keyset.Key{Material: m, State: keyset.Active}); err != nil {
			return seals, opens, err
		}
	}
	if seals, err = make(sets[0], sets[1]); err == nil {
		opens, err = make(sets[2], sets[3])
	}
	return seals, opens, err
}

// padding returns 0, the type of a block, bytes that are not zero, a zero, and a random
// message: RFC 8017, Section 7.2.1, where the type is 2.
func padding(public *rsa.PublicKey, kind byte, message int) []byte {
	block := make([]byte, public.Size())
	_, _ = io.ReadFull(rand.Reader, block)
	for i := range block {
		block[i] |= 1
	}
	block[0], block[1] = 0, kind
	block[len(block)-message-1] = 0
	_, _ = io.ReadFull(rand.Reader, block[len(block)-message:])
	return block
}

// raw encrypts a block as it is.
func raw(public *rsa.PublicKey, block []byte) []byte {
	c := new(big.Int).Exp(new(big.Int).SetBytes(block), big.NewInt(int64(public.E)), public.N)
	return c.FillBytes(make([]byte, public.Size()))
}

// mpi is a number as OpenPGP writes it: RFC 9580, Section 3.2.
func mpi(number []byte) []byte {
	n := new(big.Int).SetBytes(number)
	return append([]byte{byte(n.BitLen() >> 8), byte(n.BitLen())}, n.Bytes()...)
}
