package main

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"

	gcecdh "github.com/ProtonMail/go-crypto/openpgp/ecdh"
	gcecdsa "github.com/ProtonMail/go-crypto/openpgp/ecdsa"
	gced25519 "github.com/ProtonMail/go-crypto/openpgp/ed25519"
	"github.com/ProtonMail/go-crypto/openpgp/eddsa"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	gcx25519 "github.com/ProtonMail/go-crypto/openpgp/x25519"
)

// bare returns the primitives of a message: the payload is hashed and signed, what the
// cipher makes of it and of the signature is base64.
func (k pgpKeys) bare(size int) (seal, open []step, err error) {
	signing, err := k.standard(k.sign.PrivateKey.PrivateKey)
	if err != nil {
		return nil, nil, err
	}
	sign, err := signature(signing, crypto.SHA384, false)
	if err != nil {
		return nil, nil, err
	}
	decrypting, err := k.standard(k.decrypt.Subkeys[0].PrivateKey.PrivateKey)
	if err != nil {
		return nil, nil, err
	}
	session := make([]byte, 35) // with a cipher before it and a checksum behind it: RFC 9580, Section 5.1
	if k.config.V6Keys {
		session = session[:32]
	}
	wrap, err := wrapping(decrypting, session, false)
	if err != nil {
		return nil, nil, err
	}
	const around = 150 // bytes of packets that are neither payload, nor signature, nor wrapped key
	in := payload(size)
	n := size + around + len(sign.made)
	plain, body := make([]byte, n, n+aes.BlockSize), make([]byte, n) // of the cipher, and what comes of it
	text := make([]byte, b64.EncodedLen(n+aes.BlockSize)+b64.EncodedLen(len(wrap.made)))
	wrapped, stream := bytes.Clone(wrap.made), make([]byte, cfbStep)
	hash := step{name: stepHash, do: func() error { sha512.Sum384(in); return nil }}
	integrity := step{name: stepIntegrity, do: func() error { sha1.Sum(body); return nil }}
	encrypt := func() error { rand.Read(session); return cfb(session[:32], body, plain, stream, true) }
	decrypt := func() error { return cfb(session[:32], body, body, stream, false) }
	if k.config.V6Keys {
		integrity.do, integrity.free = func() error { return nil }, true // the cipher has it
		derived := func() ([]byte, error) { return hkdf.Key(sha256.New, session, make([]byte, 32), "", 32+12) }
		encrypt = func() error {
			rand.Read(session)
			key, err := derived()
			if err != nil {
				return err
			}
			body, err = gcm(key[:32], key[32:], plain, true)
			return err
		}
		decrypt = func() error {
			key, err := derived()
			if err != nil {
				return err
			}
			_, err = gcm(key[:32], key[32:], body, false)
			return err
		}
	}
	end := func() int { return b64.EncodedLen(len(body)) }
	encode := func() error { b64.Encode(text, body); b64.Encode(text[end():], wrap.made); return nil }
	decode := func() error {
		_, err1 := b64.Decode(body, text[:end()])
		_, err2 := b64.Decode(wrapped, text[end():][:b64.EncodedLen(len(wrap.made))])
		return firstOf(err1, err2)
	}
	seal = []step{hash, {name: stepSign, do: sign.do}, {name: stepWrap, do: wrap.do}, integrity, {name: stepCipher, do: encrypt}, {name: stepText, do: encode}}
	open = []step{{name: stepText, do: decode}, {name: stepUnwrap, do: wrap.undo}, {name: stepCipher, do: decrypt}, integrity, hash, {name: stepVerify, do: sign.undo}}
	return seal, open, prepare(seal)
}

// standard returns a key like the one of go-crypto, of the standard library if it has any.
func (k pgpKeys) standard(key any) (any, error) {
	switch key.(type) {
	case *gcecdsa.PrivateKey:
		return newP256()
	case *eddsa.PrivateKey, *gced25519.PrivateKey:
		return newEd25519()
	case *gcx25519.PrivateKey:
		return newX25519()
	case *gcecdh.PrivateKey:
		if k.config.Curve == packet.CurveNistP256 {
			return newP256()
		}
		return newX25519()
	}
	return key, nil
}

// cfbStep fits in the first cache beside what it is applied to.
const cfbStep = 8 << 10

// cfb is AES-256 in CFB mode, composed of what the standard library does fastest. To
// encrypt: D = CBC(P) under the IV E(0) has D[i] = E(C[i]), and so C[i] = P[i] xor D[i-1]. To
// decrypt: blocks are independent. It takes as long, and leaves out what joins the steps.
func cfb(key, out, in, stream []byte, seal bool) error {
	block, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	mode := cipher.NewCBCEncrypter(block, stream[:aes.BlockSize])
	for len(in) != 0 {
		n := min(len(in), cfbStep)
		if seal {
			mode.CryptBlocks(stream, in[:n&^(aes.BlockSize-1)])
		} else {
			for i := 0; i+aes.BlockSize <= n; i += aes.BlockSize {
				block.Encrypt(stream[i:], in[i:])
			}
		}
		subtle.XORBytes(out, in[:n], stream)
		out, in = out[n:], in[n:]
	}
	return nil
}
