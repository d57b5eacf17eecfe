package main

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"math/big"

	"github.com/sealwax/sealwax/jwe"
)

var errLimit = errors.New("the limit does not open what is not its own")

// A joseBare is the limit of a JOSE profile: it signs, wraps, encrypts, and
// encodes into its buffers. Headers are templates.
type joseBare struct {
	joseKeys
	wrap    keyWrapping
	content contentEncryption

	jwsHeader                                 []byte // as it is sent
	jws, inflated, body, token, result, small []byte
	packed                                    bytes.Buffer
	deflate                                   *flate.Writer
	inflate                                   io.ReadCloser
}

// A keyWrapping returns the header of a message, as it is sent, and the wrapped
// content key, and back.
type keyWrapping interface {
	wrap(cek []byte) (header, key []byte, err error)
	unwrap(header, key []byte) (cek []byte, err error)
}

// A contentEncryption works in place where it can. The ciphertext ends with the
// tag.
type contentEncryption interface {
	sizes() (key, iv, tag int)
	seal(cek, iv, plain, aad []byte) ([]byte, error)
	open(cek, iv, body, aad []byte) ([]byte, error)
}

func joseLimit(k joseKeys, size int) (implementation, error) {
	encoded := b64.EncodedLen(size) + 1024 // and the rest of the JWS
	l := &joseBare{
		joseKeys:  k,
		jwsHeader: []byte(b64.EncodeToString([]byte(`{"alg":"` + string(k.algs.Signature) + `"}`))),
		jws:       make([]byte, 0, encoded),
		body:      make([]byte, encoded+64),
		token:     make([]byte, b64.EncodedLen(encoded+64)+2048),
		result:    make([]byte, size+64),
		small:     make([]byte, 1024),
	}
	switch k.algs.Key {
	case jwe.RSAOAEP256, jwe.RSA1_5:
		l.wrap = newRSAWrapping(k)
	default:
		w, err := newECWrapping(k)
		if err != nil {
			return implementation{}, err
		}
		l.wrap = w
	}
	if k.algs.Content == jwe.A256GCM {
		l.content = gcm{}
	} else {
		l.content = cbcHMAC{}
	}
	if k.zip {
		l.packed.Grow(encoded)
		l.inflated = make([]byte, encoded)
		l.deflate, _ = flate.NewWriter(&l.packed, flate.BestSpeed) // a level that exists
		l.inflate = flate.NewReader(bytes.NewReader(nil))
	}
	return implementation{name: limit, seal: l.seal, open: l.open}, nil
}

var b64 = base64.RawURLEncoding

func (l *joseBare) seal(payload []byte) ([]byte, error) {
	jws := append(append(l.jws[:0], l.jwsHeader...), '.')
	jws = b64.AppendEncode(jws, payload)
	sum := sha256.Sum256(jws)
	signature, err := l.signed(sum[:])
	if err != nil {
		return nil, err
	}
	jws = b64.AppendEncode(append(jws, '.'), signature)
	if l.zip {
		l.packed.Reset()
		l.deflate.Reset(&l.packed)
		if _, err := l.deflate.Write(jws); err != nil {
			return nil, err
		}
		if err := l.deflate.Close(); err != nil {
			return nil, err
		}
		jws = l.packed.Bytes()
	}
	keySize, ivSize, tag := l.content.sizes()
	cek, iv := l.small[:keySize], l.small[keySize:keySize+ivSize]
	rand.Read(l.small[:keySize+ivSize])
	header, key, err := l.wrap.wrap(cek)
	if err != nil {
		return nil, err
	}
	body, err := l.content.seal(cek, iv, jws, header)
	if err != nil {
		return nil, err
	}
	out := append(append(l.token[:0], header...), '.')
	out = append(b64.AppendEncode(out, key), '.')
	out = append(b64.AppendEncode(out, iv), '.')
	out = append(b64.AppendEncode(out, body[:len(body)-tag]), '.')
	return b64.AppendEncode(out, body[len(body)-tag:]), nil
}

func (l *joseBare) open(sealed []byte) ([]byte, error) {
	header, rest, ok1 := bytes.Cut(sealed, dot)
	key64, rest, ok2 := bytes.Cut(rest, dot)
	iv64, rest, ok3 := bytes.Cut(rest, dot)
	_, _, tagSize := l.content.sizes()
	tag64 := b64.EncodedLen(tagSize)
	if !ok1 || !ok2 || !ok3 || len(rest) < tag64+1 {
		return nil, errLimit
	}
	key, err := b64.AppendDecode(l.small[:0], key64)
	if err != nil {
		return nil, err
	}
	iv, err := b64.AppendDecode(l.small[512:512], iv64)
	if err != nil {
		return nil, err
	}
	n, err := b64.Decode(l.body, rest[:len(rest)-tag64-1])
	if err != nil {
		return nil, err
	}
	m, err := b64.Decode(l.body[n:], rest[len(rest)-tag64:])
	if err != nil {
		return nil, err
	}
	cek, err := l.wrap.unwrap(header, key)
	if err != nil {
		return nil, err
	}
	jws, err := l.content.open(cek, iv, l.body[:n+m], header)
	if err != nil {
		return nil, err
	}
	if l.zip {
		if jws, err = l.inflateTo(l.inflated, jws); err != nil {
			return nil, err
		}
	}
	return l.verify(jws)
}

func (l *joseBare) inflateTo(out, packed []byte) ([]byte, error) {
	if err := l.inflate.(flate.Resetter).Reset(bytes.NewReader(packed), nil); err != nil {
		return nil, err
	}
	n, err := io.ReadFull(l.inflate, out)
	if err == io.ErrUnexpectedEOF {
		err = nil
	}
	return out[:n], err
}

func (l *joseBare) verify(jws []byte) ([]byte, error) {
	end := len(jws) - b64.EncodedLen(l.signatureSize()) - 1
	if end <= len(l.jwsHeader) {
		return nil, errLimit
	}
	signature, err := b64.AppendDecode(l.small[:0], jws[end+1:])
	if err != nil {
		return nil, err
	}
	n, err := b64.Decode(l.result, jws[len(l.jwsHeader)+1:end])
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(jws[:end])
	if !l.verified(sum[:], signature) {
		return nil, errLimit
	}
	return l.result[:n], nil
}

func (k joseKeys) signed(sum []byte) ([]byte, error) {
	switch key := k.sign.(type) {
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, key, sum)
		if err != nil {
			return nil, err
		}
		out := make([]byte, 64)
		r.FillBytes(out[:32])
		s.FillBytes(out[32:])
		return out, nil
	case *rsa.PrivateKey:
		if k.algs.Signature == jwe.RS256 {
			return rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum)
		}
		return rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum, pss)
	}
	return nil, errLimit
}

var (
	dot = []byte(".")
	pss = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash} // RFC 7518, Section 3.5
)

func (k joseKeys) signatureSize() int {
	if key, ok := k.sign.(*rsa.PrivateKey); ok {
		return key.Size()
	}
	return 64
}

func (k joseKeys) verified(sum, signature []byte) bool {
	switch key := k.sign.(type) {
	case *ecdsa.PrivateKey:
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		return ecdsa.Verify(&key.PublicKey, sum, r, s)
	case *rsa.PrivateKey:
		if k.algs.Signature == jwe.RS256 {
			return rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum, signature) == nil
		}
		return rsa.VerifyPSS(&key.PublicKey, crypto.SHA256, sum, signature, pss) == nil
	}
	return false
}
