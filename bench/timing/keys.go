package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"github.com/sealwax/sealwax/internal/timing"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// howMany RSA keys the party has that is asked.
const howMany = 8

// keys are messages to the first and to the last of several keys, which name it, or do not.
// What does not is known to be told apart, because the keys are tried in turn: it shows that
// the method finds what is there. Each message has a new envelope, which has opened none.
func keys(context.Context) ([]timing.Pair, error) {
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	sign, err := jwe.NewKey("sign", signer, keyset.Signing)
	if err != nil {
		return nil, err
	}
	var own []keyset.Key
	var public []*rsa.PublicKey
	for i := range howMany {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, err
		}
		k, err := jwe.NewKey(fmt.Sprint("read-", i), key, keyset.Encryption)
		if err != nil {
			return nil, err
		}
		own, public = append(own, keyset.Key{Material: k, State: keyset.Active}), append(public, &key.PublicKey)
	}
	ours, err := keyset.New(1, own...)
	if err != nil {
		return nil, err
	}
	theirs, err := keyset.New(1, keyset.Key{Material: sign.Public(), State: keyset.Active})
	if err != nil {
		return nil, err
	}
	var all []timing.Pair
	for _, named := range []bool{true, false} {
		p := timing.Pair{Name: fmt.Sprintf("jwe Open, the right one of %d RSA-2048 keys, which the message names", howMany), Kinds: [2]timing.Kind{{Name: "the first"}, {Name: "the last"}}}
		if !named {
			p.Name = fmt.Sprintf("jwe Open, the right one of %d RSA-2048 keys, which the message does not name", howMany)
		}
		for side, i := range []int{0, howMany - 1} {
			to := jose.JSONWebKey{Key: public[i]}
			if named {
				to.KeyID = fmt.Sprint("read-", i)
			}
			for range timing.Each {
				sealed, err := sealTo(to, jose.JSONWebKey{Key: signer, KeyID: "sign"})
				if err != nil {
					return nil, err
				}
				p.Kinds[side].Messages = append(p.Kinds[side].Messages, sealed)
			}
		}
		var e *jwe.Envelope
		p.Before = func() (err error) { e, err = jweEnvelope(ours, theirs); return err }
		p.Do = func(ctx context.Context, m []byte) error { _, err := e.Open(ctx, m); return err }
		all = append(all, p)
	}
	return all, nil
}

// sealTo seals as go-jose does, which writes no "kid" where the key has none.
func sealTo(to jose.JSONWebKey, by jose.JSONWebKey) ([]byte, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: by}, nil)
	if err != nil {
		return nil, err
	}
	signed, err := signer.Sign(make([]byte, 1<<10))
	if err != nil {
		return nil, err
	}
	content, err := signed.CompactSerialize()
	if err != nil {
		return nil, err
	}
	encrypter, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.RSA_OAEP_256, Key: &to}, (&jose.EncrypterOptions{}).WithContentType("JWT"))
	if err != nil {
		return nil, err
	}
	sealed, err := encrypter.Encrypt([]byte(content))
	if err != nil {
		return nil, err
	}
	text, err := sealed.CompactSerialize()
	return []byte(text), err
}
