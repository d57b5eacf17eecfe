package jwe

import (
	"context"
	"crypto"
	"crypto/aes"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // for crypto.Hash
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	josecipher "github.com/go-jose/go-jose/v4/cipher"

	"github.com/sealwax/sealwax/internal/secret"
)

// oaepHash is that of RSAES-OAEP and of its MGF1: RFC 7518, Section 4.3. SHA-1
// is what RSA-OAEP means; its collisions do not matter there.
func (a Algorithm) oaepHash() crypto.Hash {
	if a == RSAOAEP {
		return crypto.SHA1
	}
	return crypto.SHA256
}

// kekSize is that of the key that wraps the content key, or zero where the
// agreed key is the content key.
func (a Algorithm) kekSize() int {
	switch a {
	case ECDHESA128KW:
		return 16
	case ECDHESA192KW:
		return 24
	case ECDHESA256KW:
		return 32
	}
	return 0
}

// A wrapped key is a content key and how the recipient gets it.
type wrapped struct {
	content   []byte
	encrypted []byte
	ephemeral *ecdh.PublicKey // nil for RSA
}

// wrap encrypts the content key of one message to k. For ECDH-ES without key
// wrapping, it makes another.
func (k *Key) wrap(alg, enc Algorithm, content []byte) (wrapped, error) {
	return secret.Value(func() (wrapped, error) { return k.wrapped(alg, enc, content) })
}

func (k *Key) wrapped(alg, enc Algorithm, content []byte) (wrapped, error) {
	w := wrapped{content: content}
	if k.kind != kindRSA {
		return w, k.wrapAgreed(&w, alg, enc)
	}
	var err error
	if alg == RSA1_5 {
		//lint:ignore SA1019 what RSA1_5 is; the waiver says why
		w.encrypted, err = rsa.EncryptPKCS1v15(rand.Reader, k.rsaPublic(), w.content)
		return w, err
	}
	w.encrypted, err = rsa.EncryptOAEP(alg.oaepHash().New(), rand.Reader, k.rsaPublic(), w.content, nil)
	return w, err
}

func (k *Key) wrapAgreed(w *wrapped, alg, enc Algorithm) error {
	ephemeral, err := k.dh.Curve().GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	w.ephemeral = ephemeral.PublicKey()
	z, err := ephemeral.ECDH(k.dh)
	if err != nil {
		return err
	}
	if alg == ECDHES {
		w.content, err = derive(z, enc, len(w.content), nil, nil)
		return err
	}
	kek, err := derive(z, alg, alg.kekSize(), nil, nil)
	if err != nil {
		return err
	}
	block, err := aes.NewCipher(kek)
	if err != nil {
		return err
	}
	w.encrypted, err = josecipher.KeyWrap(block, w.content)
	return err
}

// derive is the Concat KDF of RFC 7518, Section 4.6.2.
func derive(z []byte, alg Algorithm, size int, apu, apv []byte) ([]byte, error) {
	counted := func(b []byte) []byte {
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
	}
	bits := binary.BigEndian.AppendUint32(nil, uint32(size)*8)
	out := make([]byte, size)
	_, err := io.ReadFull(josecipher.NewConcatKDF(crypto.SHA256, z,
		counted([]byte(alg)), counted(apu), counted(apv), bits, nil), out)
	return out, err
}

// An agreement is what the header of a JWE says for ECDH-ES.
type agreement struct {
	kind     kind
	epk      *ecdh.PublicKey
	apu, apv []byte
}

// agreement returns nil for other algorithms. The point is on its curve, or it
// is an error: RFC 8725, Section 3.4.
func (h *header) agreement() (*agreement, error) {
	if h.alg.purpose() != forKey || h.alg.fits(kindRSA) {
		return nil, nil
	}
	v, _ := h.parameter("epk")
	epk, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("header: no ephemeral key")
	}
	a := &agreement{}
	var err error
	if a.kind, a.epk, err = parseEphemeral(epk); err != nil {
		return nil, fmt.Errorf("header: epk: %w", err)
	}
	for name, p := range map[string]*[]byte{"apu": &a.apu, "apv": &a.apv} {
		v, present := h.parameter(name)
		if !present {
			continue
		}
		s, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("header: %q is not a string", name)
		}
		if *p, err = decodeText(s); err != nil {
			return nil, fmt.Errorf("header: %q: %w", name, err)
		}
	}
	return a, nil
}

// fits reports whether k can open the way, by what anyone can see: the
// algorithm, the curve, the size.
func (r *recipient) fits(k *Key) bool {
	if k.private == nil || !k.may(r.header.alg.use(), r.header.alg) {
		return false
	}
	if r.agreed != nil {
		return r.agreed.kind == k.kind
	}
	return len(r.key) == k.rsaPublic().Size()
}

// unwrap returns the content key that k gets from the message, and 1 if it does, or
// else 0. For ECDH-ES without key wrapping it always gets one: only the content shows
// whether it is right. For RSA1_5, it is a random one if it does not. An error is that
// of a key service.
func (r *recipient) unwrap(ctx context.Context, k *Key, enc Algorithm) (key []byte, conforms int, err error) {
	if k.remote() != nil {
		return r.unwrapped(ctx, k, enc)
	}
	secret.Do(func() { key, conforms, err = r.unwrapped(ctx, k, enc) })
	return key, conforms, err
}

func (r *recipient) unwrapped(ctx context.Context, k *Key, enc Algorithm) (key []byte, conforms int, err error) {
	alg := r.header.alg
	if alg == RSA1_5 {
		return k.decryptRSA15(ctx, r.key, enc.sizes().key)
	}
	ok := false
	switch far := k.remote(); {
	case r.agreed != nil:
		var z []byte
		if z, ok, err = k.agree(ctx, r.agreed.epk); ok && err == nil {
			var failed error
			key, failed = r.unwrapAgreed(z, enc)
			ok = failed == nil
		}
	case far != nil:
		key, ok, err = far.Decrypt(ctx, k.info.ID, r.key, &rsa.OAEPOptions{Hash: alg.oaepHash()})
	default:
		var failed error
		key, failed = rsa.DecryptOAEP(alg.oaepHash().New(), nil, k.private.(*rsa.PrivateKey), r.key, nil)
		ok = failed == nil
	}
	if err != nil || !ok {
		return nil, 0, err
	}
	return key, 1, nil
}

// agree returns the secret that k and the ephemeral key agree on.
func (k *Key) agree(ctx context.Context, epk *ecdh.PublicKey) (z []byte, ok bool, err error) {
	if far := k.remote(); far != nil {
		return k.agreeRemote(ctx, far, epk)
	}
	z, err = k.dhPrivate.ECDH(epk)
	return z, err == nil, nil
}

func (r *recipient) unwrapAgreed(z []byte, enc Algorithm) ([]byte, error) {
	alg, a := r.header.alg, r.agreed
	if alg == ECDHES {
		return derive(z, enc, enc.sizes().key, a.apu, a.apv)
	}
	kek, err := derive(z, alg, alg.kekSize(), a.apu, a.apv)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, err
	}
	return josecipher.KeyUnwrap(block, r.key)
}
