package envelopetest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // RSA-OAEP of JOSE
	_ "crypto/sha256"
	_ "crypto/sha512"
	"errors"
	"fmt"
	"slices"

	"github.com/sealwax/sealwax/keyset"
)

// An operation is one thing that a format may ask of a key.
type operation struct {
	kind, name string
	in         []byte // digest, message, or ciphertext
	ask        func(context.Context, RemoteSubject) ([]byte, error)
	wrong      func(out []byte) string // what is wrong with an answer, nothing if it is right

	// Of decryption only.
	opts     crypto.DecrypterOpts
	plain    []byte
	implicit bool // a random answer may stand for bad padding
	bad      func() map[string][]byte
}

// operations lists what may be asked of the kind of key that s has.
func operations(s RemoteSubject) []operation {
	var all []operation
	switch public := s.Remote.Public().(type) {
	case *rsa.PublicKey:
		if s.Use&keyset.Signing != 0 {
			for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
				all = append(all, signature(fmt.Sprint("sign PS", h.Size()*8), digest(h), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: h}, func(d, sig []byte) string {
					return said(rsa.VerifyPSS(public, h, d, sig, &rsa.PSSOptions{SaltLength: h.Size(), Hash: h}))
				}), signature(fmt.Sprint("sign RS", h.Size()*8), digest(h), h, func(d, sig []byte) string {
					return said(rsa.VerifyPKCS1v15(public, h, d, sig))
				}))
			}
		}
		if s.Use&keyset.Encryption != 0 {
			for _, h := range []crypto.Hash{crypto.SHA1, crypto.SHA256, crypto.SHA384, crypto.SHA512} {
				name := "decrypt RSA-OAEP"
				if h != crypto.SHA1 {
					name = fmt.Sprint(name, "-", h.Size()*8)
				}
				all = append(all, decryption(name, public, &rsa.OAEPOptions{Hash: h}, func(p []byte) ([]byte, error) {
					return rsa.EncryptOAEP(h.New(), rand.Reader, public, p, nil)
				}))
			}
			//lint:ignore SA1019 what OpenPGP and RSA1_5 are
			all = append(all, decryption("decrypt RSA1_5", public, &rsa.PKCS1v15DecryptOptions{}, func(p []byte) ([]byte, error) {
				//lint:ignore SA1019 as above
				return rsa.EncryptPKCS1v15(rand.Reader, public, p)
			}))
		}
	case *ecdsa.PublicKey:
		if s.Use&keyset.Signing != 0 {
			h := map[elliptic.Curve]crypto.Hash{elliptic.P256(): crypto.SHA256, elliptic.P384(): crypto.SHA384, elliptic.P521(): crypto.SHA512}[public.Curve]
			all = append(all, signature("sign ECDSA "+public.Curve.Params().Name, digest(h), h, func(d, sig []byte) string {
				if !ecdsa.VerifyASN1(public, d, sig) {
					return "the signature does not verify, as DER"
				}
				return ""
			}))
		}
		if s.Use&keyset.Encryption != 0 {
			if p, err := public.ECDH(); err == nil {
				all = append(all, agreement(p))
			}
		}
	case ed25519.PublicKey:
		all = append(all, signature("sign Ed25519", random(100), crypto.Hash(0), func(m, sig []byte) string {
			if !ed25519.Verify(public, m, sig) {
				return "the signature does not verify"
			}
			return ""
		}))
	case *ecdh.PublicKey:
		all = append(all, agreement(public))
	}
	return all
}

func signature(name string, in []byte, opts crypto.SignerOpts, verify func(in, sig []byte) string) operation {
	return operation{kind: "sign", name: name, in: in,
		ask: func(ctx context.Context, s RemoteSubject) ([]byte, error) {
			signer, ok := s.Remote.Bind(ctx).(crypto.Signer)
			if !ok {
				return nil, errNotBound
			}
			return signer.Sign(rand.Reader, in, opts)
		},
		wrong: func(out []byte) string { return verify(in, out) }}
}

func decryption(name string, public *rsa.PublicKey, opts crypto.DecrypterOpts, encrypt func([]byte) ([]byte, error)) operation {
	o := operation{kind: "decrypt", name: name, opts: opts, plain: random(32)}
	ciphertext, err := encrypt(o.plain)
	o.in = ciphertext
	_, oaep := opts.(*rsa.OAEPOptions)
	o.implicit = !oaep
	o.ask = func(ctx context.Context, s RemoteSubject) ([]byte, error) {
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errors.ErrUnsupported, err) // the key is too short for it
		}
		return s.decrypt(ctx, ciphertext, opts)
	}
	o.wrong = func(out []byte) string {
		if !bytes.Equal(out, o.plain) {
			return "it is not what was encrypted"
		}
		return ""
	}
	o.bad = func() map[string][]byte { return badCiphertexts(public, o, encrypt) }
	return o
}

// badCiphertexts are what a stranger can send in place of a good one.
func badCiphertexts(public *rsa.PublicKey, o operation, encrypt func([]byte) ([]byte, error)) map[string][]byte {
	size := public.Size()
	garbage := random(size)
	garbage[0] = 0 // below the modulus
	flipped := bytes.Clone(o.in)
	flipped[size-1] ^= 1
	bad := map[string][]byte{
		"garbage":            garbage,
		"one bit is changed": flipped,
		"nothing":            {},
		"zeros":              make([]byte, size),
		"too short":          o.in[:size-1],
		"too long":           append(bytes.Clone(o.in), 0),
		"above the modulus":  bytes.Repeat([]byte{0xff}, size),
	}
	if other, err := rsa.GenerateKey(rand.Reader, public.N.BitLen()); err == nil {
		if c, err := rsa.EncryptOAEP(crypto.SHA256.New(), rand.Reader, &other.PublicKey, o.plain, nil); err == nil {
			c[0] &= public.N.Bytes()[0] >> 1
			bad["one for another key"] = c
		}
	}
	if o.implicit {
		if c, err := rsa.EncryptOAEP(crypto.SHA1.New(), rand.Reader, public, o.plain, nil); err == nil {
			bad["one in another padding"] = c
		}
		return bad
	}
	//lint:ignore SA1019 the other padding
	if c, err := rsa.EncryptPKCS1v15(rand.Reader, public, o.plain); err == nil {
		bad["one in another padding"] = c
	}
	if c, err := rsa.EncryptOAEP(crypto.SHA256.New(), rand.Reader, public, o.plain, []byte("label")); err == nil {
		bad["one with a label"] = c
	}
	return bad
}

func (s RemoteSubject) decrypt(ctx context.Context, ciphertext []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	decrypter, ok := s.Remote.Bind(ctx).(crypto.Decrypter)
	if !ok {
		return nil, errNotBound
	}
	return decrypter.Decrypt(rand.Reader, ciphertext, opts)
}

func agreement(public *ecdh.PublicKey) operation {
	ephemeral, err := public.Curve().GenerateKey(rand.Reader)
	o := operation{kind: "agree", name: fmt.Sprint("agree ", public.Curve())}
	o.ask = func(ctx context.Context, s RemoteSubject) ([]byte, error) {
		if err != nil {
			return nil, err
		}
		exchanger, ok := s.Remote.Bind(ctx).(ecdh.KeyExchanger)
		if !ok {
			return nil, errNotBound
		}
		return exchanger.ECDH(ephemeral.PublicKey())
	}
	o.wrong = func(out []byte) string {
		if want, err := ephemeral.ECDH(public); err != nil || !bytes.Equal(want, out) {
			return "it is not the secret that the other side computes"
		}
		return ""
	}
	return o
}

// unknownOptions are questions that no service knows, and a stranger may provoke.
func unknownOptions(s RemoteSubject) map[string]func() ([]byte, error) {
	all := map[string]func() ([]byte, error){}
	bound := s.Remote.Bind(bg)
	if decrypter, ok := bound.(crypto.Decrypter); ok {
		if public, ok := s.Remote.Public().(*rsa.PublicKey); ok && s.Use&keyset.Encryption != 0 {
			all["RSA-OAEP with MD5"] = func() ([]byte, error) {
				return decrypter.Decrypt(rand.Reader, random(public.Size()), &rsa.OAEPOptions{Hash: crypto.MD5})
			}
			all["RSA-OAEP with another hash for MGF1"] = func() ([]byte, error) {
				return decrypter.Decrypt(rand.Reader, random(public.Size()), &rsa.OAEPOptions{Hash: crypto.SHA256, MGFHash: crypto.SHA384})
			}
		}
	}
	if exchanger, ok := bound.(ecdh.KeyExchanger); ok && s.Use&keyset.Encryption != 0 {
		for _, c := range []ecdh.Curve{ecdh.P256(), ecdh.P384(), ecdh.P521(), ecdh.X25519()} {
			if own := exchanger.PublicKey(); own != nil && own.Curve() != c {
				all[fmt.Sprintf("an ephemeral key on %v", c)] = func() ([]byte, error) {
					k, err := c.GenerateKey(rand.Reader)
					if err != nil {
						return nil, err
					}
					return exchanger.ECDH(k.PublicKey())
				}
			}
		}
	}
	return all
}

var errNotBound = fmt.Errorf("%w: the key is not bound to such an interface", errors.ErrUnsupported)

// anyPublic returns the key as one of the kind of like.
func anyPublic(k *ecdh.PublicKey, like any) crypto.PublicKey {
	if e, ok := like.(*ecdsa.PublicKey); ok {
		if p, err := e.ECDH(); err == nil && slices.Equal(p.Bytes(), k.Bytes()) {
			return e
		}
	}
	return k
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func digest(h crypto.Hash) []byte { return random(h.Size()) }

func said(err error) string {
	if err != nil {
		return "the signature does not verify: " + err.Error()
	}
	return ""
}
