package pkcs11

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"math/big"

	"github.com/miekg/pkcs11"

	"github.com/sealwax/sealwax/internal/remote"
	"github.com/sealwax/sealwax/keyset"
)

// Bind returns a signer, a decrypter, a key exchanger, or two of them: what k is for.
func (k *key) Bind(ctx context.Context) crypto.PrivateKey {
	c := call{k, ctx}
	signs, opens := k.use&keyset.Signing != 0, k.use&keyset.Encryption != 0
	switch {
	case signs && opens && k.dh != nil:
		return struct {
			signer
			agreement
		}{signer{c}, agreement{c}}
	case signs && opens:
		return struct {
			signer
			decryption
		}{signer{c}, decryption{c}}
	case signs:
		return signer{c}
	case k.dh != nil:
		return exchanger{c, agreement{c}}
	}
	return decrypter{c, decryption{c}}
}

type call struct {
	key *key
	ctx context.Context
}

func (c call) Public() crypto.PublicKey { return c.key.public }

type (
	signer     struct{ call }
	decryption struct{ c call }
	agreement  struct{ c call }
	decrypter  struct {
		call
		decryption
	}
	exchanger struct {
		call
		agreement
	}
)

// use asks the token for one operation with k.
func use(ctx context.Context, k *key, f func(s *session, h pkcs11.ObjectHandle) ([]byte, error)) ([]byte, error) {
	return do(ctx, k.t, func(s *session) ([]byte, error) {
		h, err := s.object(k)
		if err != nil {
			return nil, err
		}
		return f(s, h)
	})
}

// failed returns the error of what a stranger has no part in.
func (k *key) failed(what string, err error) error {
	if isLacking(err) {
		return fmt.Errorf("pkcs11: %.128q: the token does not do %s: %w: %w", k, what, errors.ErrUnsupported, err)
	}
	return k.t.outage(what, err)
}

func (c signer) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	what, m, in, err := c.key.signature(digest, opts)
	if err != nil {
		return nil, err
	}
	out, err := use(c.ctx, c.key, func(s *session, h pkcs11.ObjectHandle) ([]byte, error) {
		err := s.SignInit(s.handle, []*pkcs11.Mechanism{m}, h)
		if err == nil {
			var out []byte
			if out, err = s.Sign(s.handle, in); err == nil {
				return out, nil
			}
		}
		return nil, c.key.failed(what, err)
	})
	if _, is := c.key.public.(*ecdsa.PublicKey); is && err == nil {
		return remote.DER(out)
	}
	return out, err
}

// signature returns how the token is asked for a signature, and of what: a copy.
func (k *key) signature(digest []byte, opts crypto.SignerOpts) (what string, m *pkcs11.Mechanism, in []byte, err error) {
	scheme, h, err := remote.Signature(k.public, digest, opts)
	if err != nil {
		return "", nil, nil, fmt.Errorf("pkcs11: %.128q: %w", k, err)
	}
	in = bytes.Clone(digest)
	switch scheme {
	case remote.PKCS1v15:
		in, err = remote.DigestInfo(h, digest)
		return fmt.Sprint("RSASSA-PKCS1-v1_5 with ", h), pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS, nil), in, err
	case remote.PSS:
		hash, mgf, _ := hashOf(h)
		return fmt.Sprint("RSASSA-PSS with ", h), pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_PSS, pkcs11.NewPSSParams(hash, mgf, uint(h.Size()))), in, nil
	case remote.Ed25519:
		return "Ed25519", pkcs11.NewMechanism(ckmEdDSA, nil), in, nil
	}
	// Some tokens refuse a digest that is longer than the order: FIPS 186-5, Section 6.4.1.
	n := min(len(in), (k.public.(*ecdsa.PublicKey).Params().N.BitLen()+7)/8)
	return "ECDSA", pkcs11.NewMechanism(pkcs11.CKM_ECDSA, nil), in[:n], nil
}

func hashOf(h crypto.Hash) (hash, mgf uint, ok bool) {
	switch h {
	case crypto.SHA1:
		return pkcs11.CKM_SHA_1, pkcs11.CKG_MGF1_SHA1, true
	case crypto.SHA256:
		return pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256, true
	case crypto.SHA384:
		return pkcs11.CKM_SHA384, pkcs11.CKG_MGF1_SHA384, true
	case crypto.SHA512:
		return pkcs11.CKM_SHA512, pkcs11.CKG_MGF1_SHA512, true
	}
	return 0, 0, false
}

func (d decryption) Decrypt(_ io.Reader, ciphertext []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	k, ctx, size := d.c.key, d.c.ctx, 0
	//lint:ignore SA1019 OpenPGP has no other padding
	if o, is := opts.(*rsa.PKCS1v15DecryptOptions); is {
		size, opts = o.SessionKeyLen, nil // which RSA15 knows, and no service
	}
	scheme, h, err := remote.Decryption(k.public, ciphertext, opts, func(scheme remote.Scheme, h crypto.Hash) error {
		if _, _, known := hashOf(h); scheme == remote.OAEP && !known {
			return fmt.Errorf("RSA-OAEP with %v", h)
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("pkcs11: %.128q: %w", k, err)
	case scheme == remote.PKCS1v15:
		return k.decryptRSA15(ctx, ciphertext, size)
	}
	hash, mgf, _ := hashOf(h)
	return k.decrypt(ctx, fmt.Sprint("RSA-OAEP with ", h), pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_OAEP, pkcs11.NewOAEPParams(hash, mgf, pkcs11.CKZ_DATA_SPECIFIED, nil)), ciphertext, false)
}

// decryptRSA15 takes the padding off here if the token lets it. Otherwise the token does,
// and its answers are all there is to go by.
func (k *key) decryptRSA15(ctx context.Context, ciphertext []byte, size int) ([]byte, error) {
	if k.raw == nil {
		return k.decrypt(ctx, "RSAES-PKCS1-v1_5", pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS, nil), ciphertext, false)
	}
	em, err := k.decrypt(ctx, "raw RSA", pkcs11.NewMechanism(pkcs11.CKM_RSA_X_509, nil), ciphertext, true)
	if err != nil {
		return nil, err
	}
	defer clear(em)
	return k.raw.Unpad(ciphertext, em, size), nil
}

// decrypt asks the token. If every ciphertext decrypts, it is a fault of the token when one
// does not. Else only codes of a lost token are: whatever else it says is taken for the
// ciphertext's, because SoftHSM, and others, say CKR_GENERAL_ERROR to bad padding.
func (k *key) decrypt(ctx context.Context, what string, m *pkcs11.Mechanism, ciphertext []byte, every bool) ([]byte, error) {
	in := bytes.Clone(ciphertext)
	return use(ctx, k, func(s *session, h pkcs11.ObjectHandle) ([]byte, error) {
		if err := s.DecryptInit(s.handle, []*pkcs11.Mechanism{m}, h); err != nil {
			return nil, k.failed(what, err)
		}
		out, err := k.t.m.decrypt(s.Ctx, s.handle, in)
		switch {
		case err == nil:
			return out, nil
		case every || isLost(err):
			return nil, answeredError{k.failed(what, err)}
		}
		return nil, errCiphertext
	})
}

func (a agreement) PublicKey() *ecdh.PublicKey { return a.c.key.dh }
func (a agreement) Curve() ecdh.Curve          { return a.c.key.dh.Curve() }

// ECDH derives the secret, which leaves the token: CKM_ECDH1_DERIVE with CKD_NULL. Every
// point that gets here is on the curve, so that a failure is the token's.
func (a agreement) ECDH(ephemeral *ecdh.PublicKey) ([]byte, error) {
	k := a.c.key
	if ephemeral.Curve() != a.Curve() {
		return nil, errCiphertext
	}
	size := (len(ephemeral.Bytes()) - 1) / 2
	if a.Curve() == ecdh.X25519() {
		size = len(ephemeral.Bytes())
	}
	m := pkcs11.NewMechanism(pkcs11.CKM_ECDH1_DERIVE, pkcs11.NewECDH1DeriveParams(pkcs11.CKD_NULL, nil, ephemeral.Bytes()))
	secret, err := use(a.c.ctx, k, func(s *session, h pkcs11.ObjectHandle) ([]byte, error) {
		derived, err := s.DeriveKey(s.handle, []*pkcs11.Mechanism{m}, h, []*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
			pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET),
			pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, size),
			pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false),
			pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, false),
			pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true),
		})
		if err != nil {
			return nil, k.failed("ECDH", err)
		}
		secret := s.get(derived, pkcs11.CKA_VALUE)
		if err := s.DestroyObject(s.handle, derived); err != nil {
			return nil, k.failed("ECDH", err)
		}
		return secret, nil
	})
	switch {
	case err != nil:
		return nil, err
	case len(secret) == 0 || len(secret) > size:
		return nil, fmt.Errorf("pkcs11: %.128q: the token does not hand out what was agreed: %w", k, errors.ErrUnsupported)
	}
	out := make([]byte, size)
	copy(out[size-len(secret):], secret)
	return out, nil
}

// try finds out at load what the mechanisms of the token do not tell: whether it agrees,
// and whether it does raw RSA with this key.
func (k *key) try(ctx context.Context) error {
	if k.use&keyset.Encryption == 0 {
		return nil
	}
	if k.dh != nil {
		e, err := k.dh.Curve().GenerateKey(rand.Reader)
		if err == nil {
			_, err = agreement{call{k, ctx}}.ECDH(e.PublicKey())
		}
		return err
	}
	public := k.public.(*rsa.PublicKey)
	m, err := rand.Int(rand.Reader, new(big.Int).Rsh(public.N, 1))
	if err != nil {
		return err
	}
	c := new(big.Int).Exp(m, big.NewInt(int64(public.E)), public.N).FillBytes(make([]byte, public.Size()))
	em, err := k.decrypt(ctx, "raw RSA", pkcs11.NewMechanism(pkcs11.CKM_RSA_X_509, nil), c, true)
	switch {
	case err == nil && new(big.Int).SetBytes(em).Cmp(m) == 0:
		k.raw = remote.NewRSA15()
		return nil
	case err == nil || errors.Is(err, errors.ErrUnsupported):
		return nil // PKCS #1 v1.5 is the token's
	}
	return err
}
