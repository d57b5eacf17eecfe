package main

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/ProtonMail/go-crypto/openpgp/mldsa_eddsa"
	"github.com/ProtonMail/go-crypto/openpgp/mlkem_ecdh"
	josecipher "github.com/go-jose/go-jose/v4/cipher"
)

// Names of steps, of which a message of either format has these.
const (
	stepSign, stepVerify = "sign", "verify"
	stepWrap, stepUnwrap = "wrap", "unwrap"
	stepHash, stepCipher = "hash", "cipher"
	stepIntegrity        = "integrity"
	stepText             = "base64"
)

var (
	b64       = base64.RawURLEncoding
	errBroken = errors.New("what the limit made does not hold")
)

// A pair is a primitive and the one that takes it back, and what the first has made.
type pair struct {
	do, undo func() error
	made     []byte
}

// held makes an error of a verification that fails.
func held(ok bool) error {
	if !ok {
		return errBroken
	}
	return nil
}

// signature is a signature over a digest.
func signature(key any, hash crypto.Hash, pss bool) (*pair, error) {
	p, sum := &pair{}, make([]byte, hash.Size())
	switch key := key.(type) {
	case *rsa.PrivateKey:
		options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		if pss {
			p.do = func() (err error) { p.made, err = rsa.SignPSS(rand.Reader, key, hash, sum, options); return err }
			p.undo = func() error { return rsa.VerifyPSS(&key.PublicKey, hash, sum, p.made, options) }
			break
		}
		p.do = func() (err error) { p.made, err = rsa.SignPKCS1v15(nil, key, hash, sum); return err }
		p.undo = func() error { return rsa.VerifyPKCS1v15(&key.PublicKey, hash, sum, p.made) }
	case *ecdsa.PrivateKey:
		p.do = func() (err error) { p.made, err = ecdsa.SignASN1(rand.Reader, key, sum); return err }
		p.undo = func() error { return held(ecdsa.VerifyASN1(&key.PublicKey, sum, p.made)) }
	case ed25519.PrivateKey:
		public := key.Public().(ed25519.PublicKey)
		p.do = func() error { p.made = ed25519.Sign(key, sum); return nil }
		p.undo = func() error { return held(ed25519.Verify(public, sum, p.made)) }
	case *mldsa_eddsa.PrivateKey: // as the library computes it: the standard library has it from Go 1.27 on
		var classical []byte
		p.do = func() (err error) { p.made, classical, err = mldsa_eddsa.Sign(key, sum); return err }
		p.undo = func() error { return held(mldsa_eddsa.Verify(&key.PublicKey, sum, p.made, classical)) }
	default:
		return nil, fmt.Errorf("no signature by %T", key)
	}
	return p, p.do()
}

// wrapping wraps what the cipher is keyed with.
func wrapping(key any, session []byte, oaep bool) (*pair, error) {
	p := &pair{}
	var err error
	switch key := key.(type) {
	case *rsa.PrivateKey:
		if oaep {
			p.do = func() (err error) {
				p.made, err = rsa.EncryptOAEP(sha256.New(), rand.Reader, &key.PublicKey, session, nil)
				return err
			}
			p.undo = func() error { _, err := rsa.DecryptOAEP(sha256.New(), nil, key, p.made, nil); return err }
			break
		}
		p.do = func() (err error) {
			//lint:ignore SA1019 OpenPGP has nothing else
			p.made, err = rsa.EncryptPKCS1v15(rand.Reader, &key.PublicKey, session)
			return err
		}
		//lint:ignore SA1019 OpenPGP has nothing else
		p.undo = func() error { _, err := rsa.DecryptPKCS1v15(nil, key, p.made); return err }
	case *ecdsa.PrivateKey:
		var private *ecdh.PrivateKey
		if private, err = key.ECDH(); err == nil {
			p.agree(private, session)
		}
	case *ecdh.PrivateKey:
		p.agree(key, session)
	case *mlkem_ecdh.PrivateKey:
		var classical, wrapped []byte
		p.do = func() (err error) {
			p.made, classical, wrapped, err = mlkem_ecdh.Encrypt(rand.Reader, &key.PublicKey, session)
			return err
		}
		p.undo = func() error { _, err := mlkem_ecdh.Decrypt(key, p.made, classical, wrapped); return err }
	default:
		err = fmt.Errorf("nothing wraps for %T", key)
	}
	if err != nil {
		return nil, err
	}
	return p, p.do()
}

// agree is ECDH with a key of its own for each message, one hash, and AES key wrap.
func (p *pair) agree(key *ecdh.PrivateKey, session []byte) {
	var point []byte
	whole := make([]byte, (len(session)+7)/8*8) // the wrap is of blocks
	wrapper := func(z []byte) (cipher.Block, error) {
		sum := sha256.Sum256(z)
		return aes.NewCipher(sum[:])
	}
	p.do = func() error {
		ephemeral, err := key.Curve().GenerateKey(rand.Reader)
		if err != nil {
			return err
		}
		z, err := ephemeral.ECDH(key.PublicKey())
		if err != nil {
			return err
		}
		block, err := wrapper(z)
		if err != nil {
			return err
		}
		point = ephemeral.PublicKey().Bytes()
		p.made, err = josecipher.KeyWrap(block, whole)
		return err
	}
	p.undo = func() error {
		ephemeral, err := key.Curve().NewPublicKey(point)
		if err != nil {
			return err
		}
		z, err := key.ECDH(ephemeral)
		if err != nil {
			return err
		}
		block, err := wrapper(z)
		if err != nil {
			return err
		}
		_, err = josecipher.KeyUnwrap(block, p.made)
		return err
	}
}
