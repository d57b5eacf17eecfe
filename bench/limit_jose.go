package main

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"io"

	"github.com/sealwax/sealwax/jwe"
)

// bare returns the primitives of a message: the JWS is base64 of the payload, hashed and
// signed; the JWE is base64 of what the cipher makes of that.
func (k joseKeys) bare(size int) (seal, open []step, err error) {
	key, iv := make([]byte, 32), make([]byte, 16)
	sign, err := signature(k.sign, crypto.SHA256, k.algs.Signature == jwe.PS256)
	if err != nil {
		return nil, nil, err
	}
	wrap, err := wrapping(k.decrypt, key, k.algs.Key == jwe.RSAOAEP256)
	if err != nil {
		return nil, nil, err
	}
	const header = 24 // of a JWS, with the dots
	in, out := payload(size), make([]byte, size)
	signed := header + b64.EncodedLen(size) + b64.EncodedLen(len(sign.made))
	jws := make([]byte, signed, signed+2*aes.BlockSize)
	text := make([]byte, b64.EncodedLen(cap(jws)))
	body := jws // what the cipher works on
	base64 := func() error { b64.Encode(jws[header:], in); return nil }
	hash := func() error { sha256.Sum256(jws); return nil }
	outer := func() error { b64.Encode(text, body); return nil }
	inward := func() error { _, err := b64.Decode(body, text[:b64.EncodedLen(len(body))]); return err }
	back := func() error {
		_, err := b64.Decode(out, jws[header:header+b64.EncodedLen(size)])
		return err
	}
	c := gcm
	if k.algs.Content != jwe.A256GCM {
		c = cbcHMAC
	}
	encrypt := func() (err error) {
		rand.Read(key)
		rand.Read(iv)
		body, err = c(key, iv, body, true)
		return err
	}
	decrypt := func() error { _, err := c(key, iv, body, false); return err }
	seal = []step{{name: stepText, do: base64}, {name: stepHash, do: hash}, {name: stepSign, do: sign.do}}
	open = []step{{name: stepText, do: inward}, {name: stepUnwrap, do: wrap.undo}, {name: stepCipher, do: decrypt}}
	fresh := func() error { body = jws; return nil }
	if k.zip {
		var packed bytes.Buffer
		deflate, err := flate.NewWriter(&packed, flate.BestSpeed)
		if err != nil {
			return nil, nil, err
		}
		inflate := flate.NewReader(nil)
		fresh = func() error {
			packed.Reset()
			deflate.Reset(&packed)
			_, err := deflate.Write(jws)
			if err == nil {
				err = deflate.Close()
			}
			body = packed.Bytes()
			return err
		}
		whole := make([]byte, signed)
		open = append(open, step{name: "inflate", do: func() error {
			if err := inflate.(flate.Resetter).Reset(bytes.NewReader(body), nil); err != nil {
				return err
			}
			_, err := io.ReadFull(inflate, whole)
			return err
		}})
	}
	seal = append(seal, step{name: "deflate", do: fresh, free: !k.zip}, step{name: stepWrap, do: wrap.do}, step{name: stepCipher, do: encrypt}, step{name: stepText, do: outer})
	open = append(open, step{name: stepText, do: back}, step{name: stepHash, do: hash}, step{name: stepVerify, do: sign.undo})
	return seal, open, prepare(seal)
}

// prepare makes what the steps that take it back are given.
func prepare(seal []step) error {
	for _, s := range seal {
		if err := s.do(); err != nil {
			return err
		}
	}
	return nil
}

// gcm encrypts in place, or decrypts.
func gcm(key, iv, body []byte, seal bool) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	if seal {
		return aead.Seal(body[:0], iv[:aead.NonceSize()], body, nil), nil
	}
	return aead.Open(body[:0], iv[:aead.NonceSize()], body, nil)
}

// cbcHMAC is A128CBC-HS256, RFC 7518, Section 5.2.3.
func cbcHMAC(key, iv, body []byte, seal bool) ([]byte, error) {
	block, err := aes.NewCipher(key[16:])
	if err != nil {
		return nil, err
	}
	tag := func(of []byte) []byte {
		h := hmac.New(sha256.New, key[:16])
		h.Write(iv)
		h.Write(of)
		return h.Sum(nil)[:16]
	}
	if seal {
		body = append(body, make([]byte, aes.BlockSize-len(body)%aes.BlockSize)...)
		cipher.NewCBCEncrypter(block, iv).CryptBlocks(body, body)
		return append(body, tag(body)...), nil
	}
	end := len(body) - 16
	if subtle.ConstantTimeCompare(tag(body[:end]), body[end:]) != 1 {
		return nil, errBroken
	}
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(body[:end], body[:end])
	return body[:end], nil
}
