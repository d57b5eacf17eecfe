package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"

	josecipher "github.com/go-jose/go-jose/v4/cipher"

	"github.com/sealwax/sealwax/jwe"
)

// An rsaWrapping has one header for all messages.
type rsaWrapping struct {
	key    *rsa.PrivateKey
	pkcs1  bool
	header []byte
	cek    []byte
}

func newRSAWrapping(k joseKeys) *rsaWrapping {
	w := &rsaWrapping{key: k.decrypt.(*rsa.PrivateKey), pkcs1: k.algs.Key == jwe.RSA1_5, cek: make([]byte, 32)}
	zip := ""
	if k.zip {
		zip = `"zip":"DEF",`
	}
	w.header = []byte(b64.EncodeToString([]byte(`{"alg":"` + string(k.algs.Key) + `","enc":"` + string(k.algs.Content) + `",` + zip + `"cty":"JWT"}`)))
	return w
}

func (w *rsaWrapping) wrap(cek []byte) (header, key []byte, err error) {
	if w.pkcs1 {
		//lint:ignore SA1019 what RSA1_5 is
		key, err = rsa.EncryptPKCS1v15(rand.Reader, &w.key.PublicKey, cek)
	} else {
		key, err = rsa.EncryptOAEP(sha256.New(), rand.Reader, &w.key.PublicKey, cek, nil)
	}
	return w.header, key, err
}

func (w *rsaWrapping) unwrap(_, key []byte) ([]byte, error) {
	if !w.pkcs1 {
		return rsa.DecryptOAEP(sha256.New(), nil, w.key, key, nil)
	}
	rand.Read(w.cek) // RFC 7516, Section 11.5
	//lint:ignore SA1019 what RSA1_5 is
	err := rsa.DecryptPKCS1v15SessionKey(nil, w.key, key, w.cek)
	return w.cek, err
}

// An ecWrapping is ECDH-ES+A256KW on P-256.
type ecWrapping struct {
	key          *ecdh.PrivateKey
	before       []byte // of the header, up to "x"
	text, header []byte
	kdf          []byte
}

const (
	coordinate = 32
	between    = `","y":"`
	after      = `"}}`
)

func newECWrapping(k joseKeys) (*ecWrapping, error) {
	key, err := k.decrypt.(*ecdsa.PrivateKey).ECDH()
	if err != nil {
		return nil, err
	}
	w := &ecWrapping{key: key, header: make([]byte, 1024), text: make([]byte, 1024),
		before: []byte(`{"alg":"ECDH-ES+A256KW","enc":"A256GCM","cty":"JWT","epk":{"kty":"EC","crv":"P-256","x":"`)}
	// RFC 7518, Section 4.6.2: the algorithm, no parties, 256 bits.
	w.kdf = binary.BigEndian.AppendUint32(nil, uint32(len(k.algs.Key)))
	w.kdf = append(w.kdf, k.algs.Key...)
	w.kdf = append(w.kdf, make([]byte, 8)...)
	w.kdf = binary.BigEndian.AppendUint32(w.kdf, 256)
	return w, nil
}

func (w *ecWrapping) wrap(cek []byte) (header, key []byte, err error) {
	ephemeral, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	z, err := ephemeral.ECDH(w.key.PublicKey())
	if err != nil {
		return nil, nil, err
	}
	block, err := w.block(z)
	if err != nil {
		return nil, nil, err
	}
	point := ephemeral.PublicKey().Bytes() // 4, X, Y
	text := append(w.text[:0], w.before...)
	text = append(b64.AppendEncode(text, point[1:1+coordinate]), between...)
	text = append(b64.AppendEncode(text, point[1+coordinate:]), after...)
	key, err = josecipher.KeyWrap(block, cek)
	return b64.AppendEncode(w.header[:0], text), key, err
}

func (w *ecWrapping) unwrap(header, key []byte) ([]byte, error) {
	text, err := b64.AppendDecode(w.text[:0], header)
	if err != nil {
		return nil, err
	}
	size := b64.EncodedLen(coordinate)
	if len(text) != len(w.before)+2*size+len(between)+len(after) {
		return nil, errLimit
	}
	x := text[len(w.before):]
	point := append(w.header[:0], 4)
	if point, err = b64.AppendDecode(point, x[:size]); err != nil {
		return nil, err
	}
	if point, err = b64.AppendDecode(point, x[size+len(between):][:size]); err != nil {
		return nil, err
	}
	ephemeral, err := ecdh.P256().NewPublicKey(point)
	if err != nil {
		return nil, err
	}
	z, err := w.key.ECDH(ephemeral)
	if err != nil {
		return nil, err
	}
	block, err := w.block(z)
	if err != nil {
		return nil, err
	}
	return josecipher.KeyUnwrap(block, key)
}

func (w *ecWrapping) block(z []byte) (cipher.Block, error) {
	h := sha256.New()
	h.Write([]byte{0, 0, 0, 1})
	h.Write(z)
	h.Write(w.kdf)
	return aes.NewCipher(h.Sum(nil))
}

// gcm is AES-GCM, in place.
type gcm struct{}

func (gcm) sizes() (key, iv, tag int) { return 32, 12, 16 }

func (gcm) seal(cek, iv, plain, aad []byte) ([]byte, error) {
	aead, err := newGCM(cek)
	if err != nil {
		return nil, err
	}
	return aead.Seal(plain[:0], iv, plain, aad), nil
}

func (gcm) open(cek, iv, body, aad []byte) ([]byte, error) {
	aead, err := newGCM(cek)
	if err != nil {
		return nil, err
	}
	return aead.Open(body[:0], iv, body, aad)
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// cbcHMAC is A128CBC-HS256, RFC 7518, Section 5.2.3, in place.
type cbcHMAC struct{}

func (cbcHMAC) sizes() (key, iv, tag int) { return 32, 16, 16 }

func (cbcHMAC) seal(cek, iv, plain, aad []byte) ([]byte, error) {
	block, err := aes.NewCipher(cek[16:])
	if err != nil {
		return nil, err
	}
	padding := aes.BlockSize - len(plain)%aes.BlockSize
	for range padding {
		plain = append(plain, byte(padding))
	}
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(plain, plain)
	return append(plain, cbcTag(cek[:16], iv, plain, aad)...), nil
}

func (cbcHMAC) open(cek, iv, body, aad []byte) ([]byte, error) {
	body, tag := body[:len(body)-16], body[len(body)-16:]
	if subtle.ConstantTimeCompare(tag, cbcTag(cek[:16], iv, body, aad)) != 1 {
		return nil, errLimit
	}
	block, err := aes.NewCipher(cek[16:])
	if err != nil {
		return nil, err
	}
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(body, body)
	return body[:len(body)-int(body[len(body)-1])], nil
}

func cbcTag(key, iv, body, aad []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(aad)
	h.Write(iv)
	h.Write(body)
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(aad))*8)
	h.Write(length[:])
	return h.Sum(nil)[:16]
}
