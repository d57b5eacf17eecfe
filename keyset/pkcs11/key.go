package pkcs11

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"

	"github.com/miekg/pkcs11"

	"github.com/sealwax/sealwax/internal/remote"
	"github.com/sealwax/sealwax/keyset"
)

// A key is a private key on a token: a [keyset.Remote].
type key struct {
	t      *token
	uri    uri // of this key alone
	public crypto.PublicKey
	dh     *ecdh.PublicKey // the same, for agreement
	use    keyset.Use      // that the token grants, and that was asked for
	raw    *remote.RSA15   // if PKCS #1 v1.5 is taken off here: CKM_RSA_X_509
}

func (k *key) Public() crypto.PublicKey { return k.public }
func (k *key) Undecryptable(err error) bool {
	return errors.Is(err, errCiphertext) || errors.Is(err, remote.ErrCiphertext)
}
func (k *key) String() string { return k.uri.text }

// Remote returns the private key that the URI names, which has to be one:
// "pkcs11:token=bank;object=sign-2027". It uses the key once for what decrypts or agrees.
//
// The attributes token, serial, manufacturer, and model name the token, object and id the
// key (RFC 7512); others are errors. A use of zero is whatever the token grants. The key
// needs CKA_SIGN to sign, CKA_DECRYPT to decrypt, and CKA_DERIVE to agree.
//
// The error wraps [keyset.ErrUnavailable] if the token is not there, and
// [errors.ErrUnsupported] if the token cannot do what the use needs.
func (m *Module) Remote(ctx context.Context, uri string, use keyset.Use) (keyset.Remote, error) {
	keys, err := m.keys(ctx, uri, use)
	switch {
	case err != nil:
		return nil, err
	case len(keys) > 1:
		return nil, fmt.Errorf("pkcs11: %.128q: %d private keys have this name; add id=%%01, or whatever tells them apart", uri, len(keys))
	}
	return keys[0], nil
}

const maxKeys = 32 // that one URI names

// keys returns every private key that a URI names.
func (m *Module) keys(ctx context.Context, text string, use keyset.Use) ([]*key, error) {
	u, err := parseURI(text)
	if err != nil {
		return nil, fmt.Errorf("pkcs11: %w", err)
	}
	t := m.token(u)
	keys, err := do(ctx, t, func(s *session) ([]*key, error) {
		handles, err := s.find(append(u.object, pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY)))
		switch {
		case err != nil:
			return nil, t.outage("find the key", err)
		case len(handles) == 0:
			return nil, fmt.Errorf("pkcs11: %.128q: the token has no such private key, or this user does not see it", u.text)
		case len(handles) > maxKeys:
			return nil, fmt.Errorf("pkcs11: %.128q: more than %d private keys; add object=LABEL", u.text, maxKeys)
		}
		var keys []*key
		for _, h := range handles {
			k, err := s.read(t, u, h)
			if err == nil {
				err = s.grant(k, h, use)
			}
			if err != nil && (len(handles) == 1 || isLost(err)) {
				return nil, err
			}
			if err == nil {
				keys = append(keys, k)
			}
		}
		if len(keys) == 0 {
			return nil, fmt.Errorf("pkcs11: %.128q: none of %d private keys can be used; name one with id= to see why", u.text, len(handles))
		}
		return keys, nil
	})
	for _, k := range keys {
		if err == nil {
			err = k.try(ctx)
		}
	}
	return keys, err
}

func (s *session) find(what []*pkcs11.Attribute) ([]pkcs11.ObjectHandle, error) {
	if err := s.FindObjectsInit(s.handle, what); err != nil {
		return nil, err
	}
	handles, _, err := s.FindObjects(s.handle, maxKeys+1)
	return handles, errors.Join(err, s.FindObjectsFinal(s.handle))
}

// get returns an attribute, nil if the object has none.
func (s *session) get(h pkcs11.ObjectHandle, attribute uint) []byte {
	a, err := s.GetAttributeValue(s.handle, h, []*pkcs11.Attribute{pkcs11.NewAttribute(attribute, nil)})
	if err != nil || len(a) != 1 {
		return nil
	}
	return a[0].Value
}

func (s *session) is(h pkcs11.ObjectHandle, attribute uint) bool {
	return bytes.Equal(s.get(h, attribute), []byte{1})
}

// read reads what can be seen of a private key.
func (s *session) read(t *token, u uri, h pkcs11.ObjectHandle) (k *key, err error) {
	label, id := s.get(h, pkcs11.CKA_LABEL), s.get(h, pkcs11.CKA_ID)
	k = &key{t: t, uri: u.of(label, id)}
	switch kind := s.get(h, pkcs11.CKA_KEY_TYPE); {
	case bytes.Equal(kind, number(pkcs11.CKK_RSA)):
		e := new(big.Int).SetBytes(s.get(h, pkcs11.CKA_PUBLIC_EXPONENT))
		n := new(big.Int).SetBytes(s.get(h, pkcs11.CKA_MODULUS))
		if !e.IsInt64() || e.Sign() == 0 || n.Sign() == 0 {
			return nil, fmt.Errorf("pkcs11: %.128q: the token does not tell the public half", k)
		}
		k.public = &rsa.PublicKey{N: n, E: int(e.Int64())}
		return k, nil
	case bytes.Equal(kind, number(pkcs11.CKK_EC)), bytes.Equal(kind, number(ckkEdwards)), bytes.Equal(kind, number(ckkMontgomery)):
		like := k.uri.object
		if len(id) != 0 {
			like = []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_ID, id)}
		}
		halves, err := s.find(append(like, pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY), pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, kind)))
		if err != nil {
			return nil, t.outage("find the public half", err)
		}
		if len(halves) != 1 {
			return nil, fmt.Errorf(`pkcs11: %.128q: the token has %d public keys with this ID, and must have one: write the public half with "pkcs11-tool --write-object KEY.der --type pubkey --id ID"`, k, len(halves))
		}
		k.public, k.dh = curvePoint(s.get(h, pkcs11.CKA_EC_PARAMS), s.get(halves[0], pkcs11.CKA_EC_POINT))
		if k.public != nil {
			return k, nil
		}
		return nil, fmt.Errorf("pkcs11: %.128q: a curve or a point that is not known here: P-256, P-384, P-521, Ed25519, and X25519 are", k)
	default:
		return nil, fmt.Errorf("pkcs11: %.128q: a private key of kind CKK 0x%x, and only RSA and elliptic curves are used", k, kind)
	}
}

const (
	ckkEdwards    = 0x40 // PKCS #11 3.0, which the binding does not name
	ckkMontgomery = 0x41
	ckmEdDSA      = 0x1057
)

func number(n uint) []byte { return pkcs11.NewAttribute(0, n).Value }

// curvePoint returns a public key: as it signs, and as it agrees.
func curvePoint(params, point []byte) (crypto.PublicKey, *ecdh.PublicKey) {
	var octets []byte // PKCS #11 wants an OCTET STRING, and some tokens have the point alone
	if rest, err := asn1.Unmarshal(point, &octets); err == nil && len(rest) == 0 {
		point = octets
	}
	for _, c := range []struct {
		params string
		curve  elliptic.Curve
	}{
		{"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", elliptic.P256()},
		{"\x06\x05\x2b\x81\x04\x00\x22", elliptic.P384()},
		{"\x06\x05\x2b\x81\x04\x00\x23", elliptic.P521()},
	} {
		if string(params) == c.params {
			if p, err := ecdsa.ParseUncompressedPublicKey(c.curve, point); err == nil {
				dh, _ := p.ECDH()
				return p, dh
			}
		}
	}
	switch string(params) {
	case "\x06\x03\x2b\x65\x70", "\x13\x0cedwards25519":
		if len(point) == ed25519.PublicKeySize {
			return ed25519.PublicKey(point), nil
		}
	case "\x06\x03\x2b\x65\x6e", "\x13\x0acurve25519":
		if p, err := ecdh.X25519().NewPublicKey(point); err == nil {
			return p, p
		}
	}
	return nil, nil
}

// A grant is what an attribute of the key, and one of the mechanisms, are needed for.
type grant struct {
	use        keyset.Use
	attribute  uint
	name, what string
	flag       uint
	mechanisms []uint
}

func (k *key) grants() []grant {
	switch k.public.(type) {
	case *rsa.PublicKey:
		return []grant{
			{keyset.Signing, pkcs11.CKA_SIGN, "CKA_SIGN", "signs with RSA", pkcs11.CKF_SIGN, []uint{pkcs11.CKM_RSA_PKCS_PSS, pkcs11.CKM_RSA_PKCS}},
			{keyset.Encryption, pkcs11.CKA_DECRYPT, "CKA_DECRYPT", "decrypts with RSA", pkcs11.CKF_DECRYPT, []uint{pkcs11.CKM_RSA_PKCS_OAEP, pkcs11.CKM_RSA_X_509, pkcs11.CKM_RSA_PKCS}},
		}
	case ed25519.PublicKey:
		return []grant{{keyset.Signing, pkcs11.CKA_SIGN, "CKA_SIGN", "signs with Ed25519", pkcs11.CKF_SIGN, []uint{ckmEdDSA}}}
	}
	agree := grant{keyset.Encryption, pkcs11.CKA_DERIVE, "CKA_DERIVE", "agrees by ECDH", pkcs11.CKF_DERIVE, []uint{pkcs11.CKM_ECDH1_DERIVE}}
	if _, is := k.public.(*ecdsa.PublicKey); !is {
		return []grant{agree}
	}
	return []grant{{keyset.Signing, pkcs11.CKA_SIGN, "CKA_SIGN", "signs with ECDSA", pkcs11.CKF_SIGN, []uint{pkcs11.CKM_ECDSA}}, agree}
}

// grant sets the use: all that was asked for, or, if nothing was, whatever is granted.
func (s *session) grant(k *key, h pkcs11.ObjectHandle, use keyset.Use) (err error) {
	if s.is(h, pkcs11.CKA_ALWAYS_AUTHENTICATE) {
		return fmt.Errorf("pkcs11: %.128q wants the PIN for each operation (CKA_ALWAYS_AUTHENTICATE), which no server can give: make a key without", k)
	}
	possible := keyset.Use(0)
	for _, g := range k.grants() {
		possible |= g.use
		does := false
		for _, mechanism := range g.mechanisms {
			i, err := s.GetMechanismInfo(s.epoch.slot, []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, nil)})
			does = does || err == nil && i.Flags&g.flag != 0
		}
		switch granted := s.is(h, g.attribute); {
		case granted && does:
			k.use |= g.use
		case use&g.use != 0 && !granted:
			return fmt.Errorf("pkcs11: %.128q: the key is not for %s: it needs %s, which is set when a key is made", k, g.use, g.name)
		case use&g.use != 0:
			return fmt.Errorf("pkcs11: %.128q: no mechanism of the token %s: %w", k, g.what, errors.ErrUnsupported)
		}
	}
	switch {
	case use&^possible != 0:
		return fmt.Errorf("pkcs11: %.128q: a %T is not for %s: %w", k, k.public, use, errors.ErrUnsupported)
	case k.use == 0:
		return fmt.Errorf("pkcs11: %.128q: the token grants nothing of this key: it needs CKA_SIGN, CKA_DECRYPT, or CKA_DERIVE", k)
	case use != 0:
		k.use = use
	}
	return nil
}

// object returns the handle of k for this epoch, and finds out whether it still is k.
func (s *session) object(k *key) (pkcs11.ObjectHandle, error) {
	if h, ok := s.epoch.handles.Load(k); ok {
		return h.(pkcs11.ObjectHandle), nil
	}
	handles, err := s.find(append(k.uri.object[:len(k.uri.object):len(k.uri.object)], pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY)))
	if err != nil {
		return 0, k.t.outage("find the key", err)
	}
	if len(handles) != 1 {
		return 0, fmt.Errorf("pkcs11: %w: %.128q: the token has %d such keys now", keyset.ErrUnavailable, k, len(handles))
	}
	now, err := s.read(k.t, k.uri, handles[0])
	if err != nil {
		return 0, err
	}
	if same, ok := k.public.(interface{ Equal(crypto.PublicKey) bool }); !ok || !same.Equal(now.public) {
		return 0, fmt.Errorf("pkcs11: %w: %.128q: the token has another key of this name now", keyset.ErrUnavailable, k)
	}
	s.epoch.handles.Store(k, handles[0])
	return handles[0], nil
}
