package main

import (
	"errors"
	"fmt"
	"sync"

	"github.com/go-jose/go-jose/v4"
	"github.com/lestrrat-go/jwx/v3/jwa"
	jwxjwe "github.com/lestrrat-go/jwx/v3/jwe"
	"github.com/lestrrat-go/jwx/v3/jws"
)

// joseGoJOSE uses go-jose as its documentation shows it, with a signer and an
// encrypter that are made once.
func joseGoJOSE(k joseKeys, _ int) (implementation, error) {
	signer, err := k.goJOSESigner(k.sign)
	if err != nil {
		return implementation{}, err
	}
	encrypter, err := k.goJOSEEncrypter(k.decrypt.Public())
	if err != nil {
		return implementation{}, err
	}
	return implementation{
		name: goJOSE,
		seal: func(payload []byte) ([]byte, error) { return goJOSESeal(signer, encrypter, payload) },
		open: func(sealed []byte) ([]byte, error) {
			return k.goJOSEOpen(sealed, []any{k.decrypt}, []any{k.sign.Public()})
		},
	}, nil
}

// goJOSESigner takes a private key, or a JWK that names it.
func (k joseKeys) goJOSESigner(key any) (jose.Signer, error) {
	return jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(k.algs.Signature), Key: key}, nil)
}

// goJOSEEncrypter takes a public key, or a JWK that names it.
func (k joseKeys) goJOSEEncrypter(key any) (jose.Encrypter, error) {
	options := (&jose.EncrypterOptions{}).WithContentType("JWT")
	if k.zip {
		options.Compression = jose.DEFLATE
	}
	return jose.NewEncrypter(jose.ContentEncryption(k.algs.Content),
		jose.Recipient{Algorithm: jose.KeyAlgorithm(k.algs.Key), Key: key}, options)
}

func goJOSESeal(signer jose.Signer, encrypter jose.Encrypter, payload []byte) ([]byte, error) {
	signed, err := signer.Sign(payload)
	if err != nil {
		return nil, err
	}
	content, err := signed.CompactSerialize()
	if err != nil {
		return nil, err
	}
	encrypted, err := encrypter.Encrypt([]byte(content))
	if err != nil {
		return nil, err
	}
	text, err := encrypted.CompactSerialize()
	return []byte(text), err
}

// goJOSEOpen tries the keys one after another, as a program must that does not know which
// one a message is for, and whose it is.
func (k joseKeys) goJOSEOpen(sealed []byte, decrypt, verify []any) ([]byte, error) {
	token, err := jose.ParseEncryptedCompact(string(sealed),
		[]jose.KeyAlgorithm{jose.KeyAlgorithm(k.algs.Key)}, []jose.ContentEncryption{jose.ContentEncryption(k.algs.Content)})
	if err != nil {
		return nil, err
	}
	content, err := tried(decrypt, token.Decrypt)
	if err != nil {
		return nil, err
	}
	signed, err := jose.ParseSignedCompact(string(content), []jose.SignatureAlgorithm{jose.SignatureAlgorithm(k.algs.Signature)})
	if err != nil {
		return nil, err
	}
	return tried(verify, signed.Verify)
}

func tried(keys []any, by func(key any) ([]byte, error)) (out []byte, err error) {
	for _, key := range keys {
		if out, err = by(key); err == nil {
			break
		}
	}
	return out, err
}

// jwxSettings raises a limit of jwx that the largest payload would exceed.
var jwxSettings = sync.OnceFunc(func() { jwxjwe.Settings(jwxjwe.WithMaxDecompressBufferSize(64 << 20)) })

// joseJWX uses jwx as its documentation shows it, with raw keys: with a jwk.Key
// it is slower.
func joseJWX(k joseKeys, _ int) (implementation, error) {
	jwxSettings()
	signature, ok1 := jwa.LookupSignatureAlgorithm(string(k.algs.Signature))
	wrap, ok2 := jwa.LookupKeyEncryptionAlgorithm(string(k.algs.Key))
	content, ok3 := jwa.LookupContentEncryptionAlgorithm(string(k.algs.Content))
	if !ok1 || !ok2 || !ok3 {
		return implementation{}, errors.New("jwx does not know the algorithms")
	}
	header := jwxjwe.NewHeaders()
	if err := header.Set(jwxjwe.ContentTypeKey, "JWT"); err != nil {
		return implementation{}, err
	}
	options := []jwxjwe.EncryptOption{jwxjwe.WithKey(wrap, k.decrypt.Public()), jwxjwe.WithContentEncryption(content), jwxjwe.WithProtectedHeaders(header)}
	if k.zip {
		options = append(options, jwxjwe.WithCompress(jwa.Deflate()))
	}
	return implementation{
		name: jwxName,
		seal: func(payload []byte) ([]byte, error) {
			signed, err := jws.Sign(payload, jws.WithKey(signature, k.sign))
			if err != nil {
				return nil, err
			}
			return jwxjwe.Encrypt(signed, options...)
		},
		open: func(sealed []byte) ([]byte, error) {
			signed, err := jwxjwe.Decrypt(sealed, jwxjwe.WithKey(wrap, k.decrypt))
			if err != nil {
				return nil, fmt.Errorf("decrypt: %w", err)
			}
			return jws.Verify(signed, jws.WithKey(signature, k.sign.Public()))
		},
	}, nil
}
