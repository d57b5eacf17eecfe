package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/timing"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// unwrapping is what Bleichenbacher and Manger tell apart, with keys in this process.
func unwrapping(ctx context.Context) ([]timing.Pair, error) {
	e, err := openpgp.NewEntity("Bank", "", "keys@bank.example", &packet.Config{Algorithm: packet.PubKeyAlgoRSA, RSABits: 2048})
	if err != nil {
		return nil, err
	}
	public, ok := e.Subkeys[0].PublicKey.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("a subkey of type %T", e.Subkeys[0].PublicKey.PublicKey)
	}
	own, err := ourKey(e)
	if err != nil {
		return nil, err
	}
	all, err := timing.PGP(ctx, "local RSA-2048", own, public)
	if err != nil {
		return nil, err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	for _, alg := range []jwe.Algorithm{jwe.RSA1_5, jwe.RSAOAEP256} {
		pairs, err := timing.JWE(ctx, "local RSA-2048", alg, key, &key.PublicKey)
		if err != nil {
			return nil, err
		}
		all = append(all, pairs...)
	}
	return all, nil
}

// ourKey is a key of go-crypto for package pgp.
func ourKey(e *openpgp.Entity) (*pgp.Key, error) {
	var b bytes.Buffer
	if err := e.SerializePrivate(&b, nil); err != nil {
		return nil, err
	}
	return pgp.ReadKey(&b)
}

// bodySize is that of the payloads whose first or last bytes are damaged.
const bodySize = 64 << 10

// bodies are messages that are damaged near the start of the encrypted data, and at its end:
// under a modification detection code, under AEAD in chunks, and under one tag.
func bodies(ctx context.Context) ([]timing.Pair, error) {
	var all []timing.Pair
	for _, name := range []string{"SEIPDv1", "SEIPDv2"} {
		c := configs()[name]
		own, err := newKey(c)
		if err != nil {
			return nil, err
		}
		theirs, err := newKey(c)
		if err != nil {
			return nil, err
		}
		seals, opens, err := timing.Sides(theirs, own, pgpEnvelope)
		if err != nil {
			return nil, err
		}
		p, err := damaged("pgp Open, damaged data, "+name, seals, opens, func(sealed []byte, last bool) []byte {
			out := bytes.Clone(sealed)
			if last {
				out[len(out)-1] ^= 1
			} else {
				out[len(out)-bodySize] ^= 1 // what surrounds the payload, 300 bytes, begins before the data
			}
			return out
		})
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	sign, err := jwe.GenerateKey("sign", jwe.ES256)
	if err != nil {
		return nil, err
	}
	read, err := jwe.GenerateKey("read", jwe.ECDHESA256KW)
	if err != nil {
		return nil, err
	}
	seals, opens, err := timing.Sides(sign, read, jweEnvelope)
	if err != nil {
		return nil, err
	}
	p, err := damaged("jwe Open, damaged data, A256GCM", seals, opens, func(sealed []byte, last bool) []byte {
		parts := strings.Split(string(sealed), ".")
		data, _ := base64.RawURLEncoding.DecodeString(parts[3])
		at := 0
		if last {
			at = len(data) - 1
		}
		data[at] ^= 1
		parts[3] = base64.RawURLEncoding.EncodeToString(data)
		return []byte(strings.Join(parts, "."))
	})
	return append(all, p), err
}

func damaged(name string, seals, opens envelope.Envelope, damage func(sealed []byte, last bool) []byte) (timing.Pair, error) {
	p := timing.Pair{Name: fmt.Sprintf("%s, %d KiB", name, bodySize>>10), Kinds: [2]timing.Kind{
		{Name: "at the start", Want: timing.Rejected(envelope.Corrupt)}, {Name: "at the end", Want: timing.Rejected(envelope.Corrupt)}}, Do: timing.Open(opens)}
	for range timing.Each {
		sealed, err := seals.Seal(context.Background(), make([]byte, bodySize))
		if err != nil {
			return p, err
		}
		for i := range p.Kinds {
			p.Kinds[i].Messages = append(p.Kinds[i].Messages, damage(sealed, i == 1))
		}
	}
	return p, nil
}

// configs are certificates whose messages are under SEIPD version 1, and version 2.
func configs() map[string]*packet.Config {
	return map[string]*packet.Config{
		"SEIPDv1": {Algorithm: packet.PubKeyAlgoEdDSA, Curve: packet.Curve25519},
		"SEIPDv2": {Algorithm: packet.PubKeyAlgoEd25519, V6Keys: true, AEADConfig: &packet.AEADConfig{DefaultMode: packet.AEADModeGCM}},
	}
}

func newKey(c *packet.Config) (*pgp.Key, error) {
	e, err := openpgp.NewEntity("Bank", "", "keys@bank.example", c)
	if err != nil {
		return nil, err
	}
	return ourKey(e)
}

func pgpEnvelope(own, peer *keyset.Set) (*pgp.Envelope, error) {
	return pgp.New(pgp.Config{Own: own, Peer: peer, Encoding: pgp.Binary})
}

func jweEnvelope(own, peer *keyset.Set) (*jwe.Envelope, error) {
	return jwe.New(jwe.Config{Own: own, Peer: peer})
}
