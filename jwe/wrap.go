package jwe

import (
	"crypto"
	"crypto/aes"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	josecipher "github.com/go-jose/go-jose/v4/cipher"
)

// oaepHash is that of RSAES-OAEP and of its MGF1: RFC 7518, Section 4.3. SHA-1
// is what RSA-OAEP means; its collisions do not matter there.
func (a Algorithm) oaepHash() hash.Hash {
	if a == RSAOAEP {
		return sha1.New()
	}
	return sha256.New()
}

// kekSize is that of the key that wraps the content key, or zero where the
// agreed key is the content key.
func (a Algorithm) kekSize() int {
	switch a {
	case ECDHESA128KW:
		return 16
	case ECDHESA256KW:
		return 32
	}
	return 0
}

// A wrapped key is a new content key and how the recipient gets it.
type wrapped struct {
	content   []byte
	encrypted []byte
	ephemeral *ecdh.PublicKey // nil for RSA
}

// wrap makes a content key for one message and encrypts it to k.
func (k *Key) wrap(alg, enc Algorithm) (wrapped, error) {
	w := wrapped{content: make([]byte, enc.sizes().key)}
	if k.kind != kindRSA {
		return w, k.wrapAgreed(&w, alg, enc)
	}
	rand.Read(w.content)
	var err error
	w.encrypted, err = rsa.EncryptOAEP(alg.oaepHash(), rand.Reader, k.rsaPublic(), w.content, nil)
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
	rand.Read(w.content)
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
	epk, ok := h.all["epk"].(map[string]any)
	if !ok {
		return nil, errors.New("header: no ephemeral key")
	}
	a := &agreement{}
	var err error
	if a.kind, a.epk, err = parseEphemeral(epk); err != nil {
		return nil, fmt.Errorf("header: epk: %w", err)
	}
	for name, p := range map[string]*[]byte{"apu": &a.apu, "apv": &a.apv} {
		v, present := h.all[name]
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

// fits reports whether k can open the token, by what anyone can see: the
// algorithm, the curve, the size.
func (t *sealedToken) fits(k *Key, a *agreement) bool {
	if k.private == nil || !k.may(t.header.alg.use(), t.header.alg) {
		return false
	}
	if a != nil {
		return a.kind == k.kind
	}
	return len(t.key) == k.rsaPublic().Size()
}

// unwrap returns the content key that k gets from the token. For ECDH-ES
// without key wrapping it always gets one: only the content shows whether it
// is right.
func (t *sealedToken) unwrap(k *Key, a *agreement) ([]byte, error) {
	if a == nil {
		return rsa.DecryptOAEP(t.header.alg.oaepHash(), nil, k.private.(*rsa.PrivateKey), t.key, nil)
	}
	z, err := k.dhPrivate.ECDH(a.epk)
	if err != nil {
		return nil, err
	}
	if t.header.alg == ECDHES {
		return derive(z, t.header.enc, t.header.enc.sizes().key, a.apu, a.apv)
	}
	kek, err := derive(z, t.header.alg, t.header.alg.kekSize(), a.apu, a.apv)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, err
	}
	return josecipher.KeyUnwrap(block, t.key)
}
