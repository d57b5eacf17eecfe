package jwe

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/sealwax/sealwax/internal/text"
)

const fileJWKSet = "JWK Set"

// What files are that are not keys here, and what to do.
var (
	errPKCS12    = errors.New(`PKCS #12 is read by package jwe/pkcs12; or take out the private key with "openssl pkcs12 -in FILE -nocerts -nodes -out key.pem" and the certificate with "openssl pkcs12 -in FILE -clcerts -nokeys -out cert.pem"`)
	errEncrypted = errors.New(`the private key is encrypted; decrypt it first, with "openssl pkey -in FILE -out key.pem"`)
	errPKCS7     = errors.New(`take the certificates out with "openssl pkcs7 -in FILE -print_certs -out certs.pem"`)
	errOpenPGP   = errors.New("read it with package pgp")
	errSSH       = errors.New(`write the public half as PEM with "ssh-keygen -e -m PKCS8 -f FILE"; for a private key, turn a copy of the file into PEM with "ssh-keygen -p -m PKCS8 -f COPY"`)
	errNoKeyFile = errors.New("neither a JWK, nor a JWK Set, nor PEM, nor a key or a certificate as DER or base64")
)

// sniff finds out what a file is, and what it says of its key.
func sniff(octets []byte) (what string, f finding, err error) {
	octets = bytes.TrimPrefix(octets, []byte("\xef\xbb\xbf"))
	trimmed := bytes.TrimSpace(octets)
	switch {
	case len(trimmed) == 0:
		return "", f, errors.New("the file is empty")
	case trimmed[0] == '{':
		return sniffJSON(trimmed)
	case bytes.Contains(trimmed, []byte("-----BEGIN ")):
		return sniffPEM(trimmed)
	case octets[0] == 0x30:
		what, f, err = sniffOne(octets)
		return what + " (DER)", f, err
	}
	if der := base64DER(trimmed); der != nil {
		what, f, err = sniffOne(der)
		return what + " (base64 of DER)", f, err
	}
	for _, b := range []struct {
		octets, what string
		err          error
	}{
		{"ssh-", "SSH key", errSSH}, {"ecdsa-sha2-", "SSH key", errSSH}, {"---- BEGIN SSH2", "SSH key", errSSH},
		{"\xfe\xed\xfe\xed", "Java keystore", errors.New(`turn it into PKCS #12 with "keytool -importkeystore -srckeystore FILE -destkeystore FILE.p12 -deststoretype PKCS12"`)},
		{"LS0tLS1CRUdJTi", "base64 of PEM", errors.New("it is encoded twice; take one encoding off")},
	} {
		if bytes.HasPrefix(trimmed, []byte(b.octets)) {
			return b.what, f, b.err
		}
	}
	if seems := text.Seems(trimmed); seems != "" {
		return "", f, fmt.Errorf("%w: %s", errNoKeyFile, seems)
	}
	if trimmed[0] >= 0x80 {
		return "", f, fmt.Errorf("%w; if it is OpenPGP, %w", errNoKeyFile, errOpenPGP)
	}
	return "", f, errNoKeyFile
}

func sniffOne(der []byte) (what string, f finding, err error) {
	what, f, err = sniffDER(der)
	if err == nil && f.chain != nil {
		err = f.certify(f.chain, "the certificate")
	}
	return what, f, err
}

func sniffJSON(octets []byte) (what string, f finding, err error) {
	object, err := parseObject(octets, jwkMembers)
	if err != nil {
		return "JSON", f, err
	}
	if _, set := object["keys"]; set {
		return fileJWKSet, finding{set: object}, nil
	}
	if _, jwk := object["kty"]; !jwk {
		return "JSON", f, errors.New(`neither a JWK nor a JWK Set: no "kty", and no array "keys"`)
	}
	f, err = findJWK(object)
	return "JWK", f, err
}

// base64DER returns DER that is written in base64 or base64url, with or without
// padding and line ends, or nil.
func base64DER(s []byte) []byte {
	plain := strings.NewReplacer("\r", "", "\n", "", " ", "", "-", "+", "_", "/").Replace(string(s))
	der, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(plain, "="))
	if err != nil || len(der) == 0 || der[0] != 0x30 {
		return nil
	}
	return der
}

// Labels of PEM blocks that are no keys here, and what to do.
var otherBlocks = map[string]error{
	"ENCRYPTED PRIVATE KEY": errEncrypted,
	"OPENSSH PRIVATE KEY":   errSSH,
	"PKCS7":                 errPKCS7,
	"CMS":                   errPKCS7,
	"TRUSTED CERTIFICATE":   errors.New(`write it as a plain certificate, with "openssl x509 -in FILE -out cert.pem"`),
	"CERTIFICATE REQUEST":   errors.New("a request for a certificate is not a key; ask for the certificate"),
}

// sniffPEM reads every block of a file. What stands around them is for people: the
// attributes of "openssl pkcs12", what "-text" prints.
func sniffPEM(octets []byte) (what string, f finding, err error) {
	what = "PEM"
	blocks := bytes.Count(octets, []byte("-----BEGIN "))
	var all findings
	for rest := octets; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		blocks--
		label := block.Type
		switch {
		case strings.HasPrefix(label, "PGP "):
			return "OpenPGP", f, errOpenPGP
		case otherBlocks[label] != nil:
			return pemBlock(label, ""), f, otherBlocks[label]
		case block.Headers["DEK-Info"] != "":
			return pemBlock(label, ""), f, errEncrypted
		case label == "EC PARAMETERS": // openssl writes the curve once more before the key
			continue
		}
		kind, one, err := sniffDER(block.Bytes)
		if err != nil {
			return pemBlock(label, kind), f, err
		}
		all.add(one)
	}
	switch {
	case blocks != 0 && bytes.Contains(octets, []byte(`-----\n`)):
		return what, f, errors.New(`its line ends are spelled out as "\n"; they must be line ends`)
	case blocks != 0:
		return what, f, errors.New("a block that is not complete, or is damaged")
	}
	f, err = all.one()
	return what, f, err
}

func pemBlock(label, kind string) string {
	if kind == "" {
		return fmt.Sprintf("PEM block %q", cut(label))
	}
	return fmt.Sprintf("PEM block %q (%s)", cut(label), kind)
}

// findings are those of the blocks of one file.
type findings struct {
	private, public []finding
	certificates    [][]byte
}

func (all *findings) add(f finding) {
	switch {
	case f.chain != nil:
		all.certificates = append(all.certificates, f.chain...)
	case f.private != nil:
		all.private = append(all.private, f)
	default:
		all.public = append(all.public, f)
	}
}

// one returns the one key of a file: a private key, perhaps with its certificate and
// its public half, or the key of a chain of certificates, or a public key.
func (all *findings) one() (f finding, err error) {
	switch {
	case len(all.private) > 1:
		return f, fmt.Errorf("%d private keys; write each into a file of its own", len(all.private))
	case len(all.private) == 1:
		f = all.private[0]
	case len(all.certificates) == 0 && len(all.public) == 0:
		return f, errors.New("no key in it")
	case len(all.certificates) == 0:
		f, all.public = all.public[0], all.public[1:]
	}
	if len(all.certificates) != 0 {
		if err := f.certify(all.certificates, "the certificate"); err != nil {
			return f, err
		}
	}
	for _, other := range all.public {
		if !equalPublic(f.publicHalf(), other.public) {
			return f, errors.New("keys that do not belong together; write each into a file of its own")
		}
	}
	return f, nil
}

// publicHalf returns the public key of a finding, or nil.
func (f *finding) publicHalf() crypto.PublicKey {
	if f.private == nil {
		return f.public
	}
	if p, ok := f.private.(interface{ Public() crypto.PublicKey }); ok {
		return p.Public()
	}
	return nil
}

func equalPublic(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}
