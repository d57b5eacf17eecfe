// Package pkcs12 reads keys for package jwe from PKCS #12 files ([RFC 7292]), also
// called .p12 and .pfx, in which Visa, Mastercard, and CyberSource hand them out. It is a
// module of its own, so that package jwe does not need the library beneath it,
// software.sslmate.com/src/go-pkcs12.
//
// A PKCS #12 file holds one private key, its certificate, and perhaps those above it.
// What it says of the key counts as in PEM: the key is valid as long as its certificate,
// and for what the key usage allows. Old files under RC2 and 3DES are read too. The
// password of a file is not retained.
//
// [RFC 7292]: https://www.rfc-editor.org/rfc/rfc7292.html
package pkcs12

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"unicode/utf8"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// ErrPassword is wrapped by the error of a file under another password.
var ErrPassword = errors.New("the password is wrong")

const (
	maxFile   = 1 << 20 // of what is read of a file, in bytes
	maxRounds = 10 << 20
)

// ReadKeys is [jwe.ReadKeys] for files that may be PKCS #12. password is called for
// those, and may be nil if there is none; what it returns is UTF-8 and is not retained.
//
// A file whose key derivation has more than 10 million rounds is an error.
func ReadKeys(r io.Reader, use keyset.Use, password func() ([]byte, error)) ([]*jwe.Key, []jwe.PassedOver, error) {
	text, err := read(r, password)
	if err != nil {
		return nil, nil, fmt.Errorf("jwe/pkcs12: %w", err)
	}
	defer clear(text)
	return jwe.ReadKeys(bytes.NewReader(text), use)
}

// ReadKey is [jwe.ReadKey] for the private key of a PKCS #12 file, with its certificate.
// use must not contradict the key usage of the certificate.
func ReadKey(r io.Reader, use keyset.Use, password []byte) (*jwe.Key, error) {
	text, err := read(r, func() ([]byte, error) { return password, nil })
	if err != nil {
		return nil, fmt.Errorf("jwe/pkcs12: %w", err)
	}
	defer clear(text)
	return jwe.ReadKey(bytes.NewReader(text), use)
}

// OpenFile is [jwe.OpenFile] for files that may be PKCS #12, with sources "file:NAME" in
// fsys. password is called for those; what it returns is UTF-8 and is not retained.
func OpenFile(fsys fs.FS, password func(ctx context.Context, k keyset.ManifestKey) ([]byte, error)) keyset.Opener {
	return func(ctx context.Context, k keyset.ManifestKey) (keyset.Material, error) {
		return jwe.OpenFile(decoding{fsys, func() ([]byte, error) {
			if password == nil {
				return nil, errNoPassword
			}
			return password(ctx, k)
		}})(ctx, k)
	}
}

var errNoPassword = errors.New("it has a password, and none is given")

// decoding is a file system whose PKCS #12 files read as PEM.
type decoding struct {
	fs.FS
	password func() ([]byte, error)
}

func (d decoding) Open(name string) (fs.File, error) {
	f, err := d.FS.Open(name)
	if err != nil {
		return nil, err
	}
	text, err := read(f, d.password)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%.128q: %w", name, err), f.Close())
	}
	return &decoded{f, bytes.NewReader(text)}, nil
}

// read returns a file, and one of PKCS #12 as PEM.
func read(r io.Reader, password func() ([]byte, error)) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: reading a key: %w", keyset.ErrUnavailable, err)
	case len(raw) > maxFile || !isPKCS12(raw):
		return raw, nil // package jwe says what is wrong with it, if anything is
	}
	text, err := decode(raw, password)
	if err != nil {
		return nil, fmt.Errorf("PKCS #12: %w", err)
	}
	return text, nil
}

// decoded is a file with other content.
type decoded struct {
	fs.File
	text *bytes.Reader
}

func (d *decoded) Read(b []byte) (int, error) { return d.text.Read(b) }

// isPKCS12 reports whether DER is that of a PFX: RFC 7292, Section 4.
func isPKCS12(der []byte) bool {
	var pfx struct {
		Version int
		Content asn1.RawValue
		MAC     asn1.RawValue `asn1:"optional"`
	}
	_, err := asn1.Unmarshal(der, &pfx)
	return err == nil && pfx.Version == 3 && pfx.Content.Tag == asn1.TagSequence
}

// decode returns what is in the file as PEM, which package jwe reads in the one way in
// which it reads keys.
func decode(der []byte, password func() ([]byte, error)) ([]byte, error) {
	if err := checkRounds(der, 0); err != nil {
		return nil, err
	}
	if password == nil {
		return nil, errNoPassword
	}
	secret, err := password()
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(secret) {
		return nil, errors.New("a password that is not UTF-8")
	}
	private, leaf, above, err := pkcs12.DecodeChain(der, string(secret))
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword), errors.Is(err, pkcs12.ErrDecryption):
		return nil, ErrPassword
	case err != nil:
		return nil, fmt.Errorf(`not one private key with its certificate (%s); take them out with "openssl pkcs12 -in FILE -nocerts -nodes -out key.pem" and "openssl pkcs12 -in FILE -clcerts -nokeys -out cert.pem"`, strings.TrimPrefix(err.Error(), "pkcs12: "))
	}
	p8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("a private key of type %T, which is not supported", private)
	}
	defer clear(p8)
	var text bytes.Buffer
	_ = pem.Encode(&text, &pem.Block{Type: "PRIVATE KEY", Bytes: p8}) // which a buffer never refuses
	for _, c := range append([]*x509.Certificate{leaf}, above...) {
		_ = pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	return text.Bytes(), nil
}

// checkRounds looks for parameters of a key derivation, a salt and a number of rounds,
// whose work is without bound.
func checkRounds(der []byte, depth int) error {
	var before asn1.RawValue
	for len(der) != 0 && depth < 32 {
		var v asn1.RawValue
		rest, err := asn1.Unmarshal(der, &v)
		if err != nil {
			return nil // not DER; where it should be, the library says so
		}
		der = rest
		var rounds int64
		if v.Tag == asn1.TagInteger && before.Tag == asn1.TagOctetString {
			if _, err := asn1.Unmarshal(v.FullBytes, &rounds); err != nil || rounds > maxRounds {
				return fmt.Errorf("a key derivation of more than %d rounds", maxRounds)
			}
		}
		if v.IsCompound || v.Tag == asn1.TagOctetString {
			if err := checkRounds(v.Bytes, depth+1); err != nil {
				return err
			}
		}
		before = v
	}
	return nil
}
