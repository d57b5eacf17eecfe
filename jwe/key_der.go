package jwe

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"

	"github.com/sealwax/sealwax/internal/mldsa"
	"github.com/sealwax/sealwax/keyset"
)

var errParse = errors.New("it does not parse")

// sniffDER tells the structures apart in which keys are written: by what their outer
// sequence holds, not by what somebody wrote over it.
func sniffDER(der []byte) (what string, f finding, err error) {
	var outer asn1.RawValue
	rest, err := asn1.Unmarshal(der, &outer)
	if err != nil || outer.Class != asn1.ClassUniversal || outer.Tag != asn1.TagSequence || !outer.IsCompound {
		return "ASN.1", f, errParse
	}
	if len(rest) != 0 {
		return "ASN.1", f, errors.New("bytes after its end")
	}
	const (
		privateKey = "private key"
		publicKey  = "public key"
	)
	switch s := shape(outer.Bytes); {
	case strings.HasPrefix(s, "int seq octets"):
		what = privateKey + ", PKCS #8"
		f.private, f.algs, err = parsePrivate(der)
	case strings.HasPrefix(s, "int octets"):
		what = privateKey + ", SEC 1"
		if f.private, err = x509.ParseECPrivateKey(der); err != nil {
			err = explained(der)
		}
	case strings.HasPrefix(s, "int int int int int int int int int"):
		what = privateKey + ", PKCS #1"
		f.private, err = x509.ParsePKCS1PrivateKey(der)
	case s == "int int":
		what = publicKey + ", PKCS #1"
		f.public, err = x509.ParsePKCS1PublicKey(der)
	case s == "seq bits":
		what = publicKey + ", SubjectPublicKeyInfo"
		f.public, f.algs, err = parsePublic(der)
	case s == "seq seq bits":
		what = "certificate"
		if _, err = x509.ParseCertificateRequest(der); err == nil {
			return "certificate request", f, otherBlocks["CERTIFICATE REQUEST"]
		}
		f.chain = [][]byte{der} // which is read together with others of the file
		return what, f, nil
	case strings.HasPrefix(s, "int seq"):
		return "PKCS #12", f, errPKCS12
	case s == "seq octets":
		return privateKey + ", PKCS #8", f, errEncrypted
	case strings.HasPrefix(s, "oid"):
		return "PKCS #7", f, errPKCS7
	default:
		return "ASN.1", f, errors.New("neither a key nor a certificate")
	}
	if err != nil {
		if _, named := errors.AsType[*unsupportedError](err); !named {
			err = errParse
		}
		return what, finding{}, err
	}
	if len(f.algs) != 0 {
		f.says = []claim{{"the type of the key", keyset.Signing}}
	}
	return what, f, nil
}

// shape names the elements of a sequence.
func shape(octets []byte) string {
	var names []string
	for len(octets) != 0 && len(names) < 9 {
		var v asn1.RawValue
		rest, err := asn1.Unmarshal(octets, &v)
		if err != nil {
			return ""
		}
		octets = rest
		name := "other"
		if v.Class == asn1.ClassUniversal {
			switch v.Tag {
			case asn1.TagInteger:
				name = "int"
			case asn1.TagSequence:
				name = "seq"
			case asn1.TagOctetString:
				name = "octets"
			case asn1.TagBitString:
				name = "bits"
			case asn1.TagOID:
				name = "oid"
			}
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

// spki is SubjectPublicKeyInfo, RFC 5280, Section 4.1.
type spki struct {
	Algorithm pkix.AlgorithmIdentifier
	Key       asn1.BitString
}

// pkcs8 is PrivateKeyInfo, RFC 5208, Section 5.
type pkcs8 struct {
	Version   int
	Algorithm pkix.AlgorithmIdentifier
	Key       []byte
}

// parsePublic reads SubjectPublicKeyInfo. Of a key for RSASSA-PSS it returns the
// algorithms that the key is for too.
func parsePublic(der []byte) (crypto.PublicKey, []Algorithm, error) {
	key, err := x509.ParsePKIXPublicKey(der)
	if err == nil {
		return key, nil, nil
	}
	var info spki
	if rest, err := asn1.Unmarshal(der, &info); err != nil || len(rest) != 0 {
		return nil, nil, errParse
	}
	algs, err := pssAlgorithms(info.Algorithm)
	if err != nil {
		return nil, nil, err
	}
	public, err := x509.ParsePKCS1PublicKey(info.Key.RightAlign())
	if err != nil {
		return nil, nil, err // and not a typed nil
	}
	return public, algs, nil
}

// parsePrivate reads PKCS #8, likewise.
func parsePrivate(der []byte) (crypto.PrivateKey, []Algorithm, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err == nil {
		return key, nil, nil
	}
	var info pkcs8
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, nil, errParse
	}
	if alg := Algorithm(objectNames[info.Algorithm.Algorithm.String()]); alg.mldsa() && alg.runs() == nil && len(info.Key) != mldsa.SeedSize+2 {
		return nil, nil, &unsupportedError{what: fmt.Sprintf(`an %s private key that is not its seed alone; write it so with "openssl pkey -in FILE -provparam ml-dsa.output_formats=seed-only -out key.pem"`, alg)}
	}
	algs, err := pssAlgorithms(info.Algorithm)
	if err != nil {
		return nil, nil, err
	}
	var private *rsa.PrivateKey
	if private, err = x509.ParsePKCS1PrivateKey(info.Key); err != nil {
		return nil, nil, err
	}
	return private, algs, nil
}

var (
	oidPSS  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	oidMGF1 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}
)

// pssParameters are RSASSA-PSS-params, RFC 4055, Section 3.1. What is left out is SHA-1.
type pssParameters struct {
	Hash    pkix.AlgorithmIdentifier `asn1:"explicit,tag:0,optional"`
	MGF     pkix.AlgorithmIdentifier `asn1:"explicit,tag:1,optional"`
	Salt    int                      `asn1:"explicit,tag:2,optional,default:20"`
	Trailer int                      `asn1:"explicit,tag:3,optional,default:1"`
}

// pssAlgorithms returns what a key of id-RSASSA-PSS may sign with, and an error that
// names a key of any other type. The salt length of its parameters is the least that is
// allowed.
func pssAlgorithms(id pkix.AlgorithmIdentifier) ([]Algorithm, error) {
	if !id.Algorithm.Equal(oidPSS) {
		return nil, unsupported(id)
	}
	if len(id.Parameters.FullBytes) == 0 {
		return []Algorithm{PS256, PS384, PS512}, nil
	}
	var p pssParameters
	var mgfHash pkix.AlgorithmIdentifier
	if _, err := asn1.Unmarshal(id.Parameters.FullBytes, &p); err != nil {
		return nil, errParse
	}
	if _, err := asn1.Unmarshal(p.MGF.Parameters.FullBytes, &mgfHash); err != nil {
		return nil, &unsupportedError{what: "an RSASSA-PSS key (id-RSASSA-PSS) for SHA-1"}
	}
	alg := map[string]Algorithm{"2.16.840.1.101.3.4.2.1": PS256, "2.16.840.1.101.3.4.2.2": PS384, "2.16.840.1.101.3.4.2.3": PS512}[p.Hash.Algorithm.String()]
	if alg == "" || !p.MGF.Algorithm.Equal(oidMGF1) || !mgfHash.Algorithm.Equal(p.Hash.Algorithm) || p.Salt > alg.hash().Size() || p.Trailer != 1 {
		return nil, &unsupportedError{what: "an RSASSA-PSS key (id-RSASSA-PSS) with parameters that are neither those of PS256, nor of PS384, nor of PS512"}
	}
	return []Algorithm{alg}, nil
}

// An unsupportedError names a type of key or a curve.
type unsupportedError struct {
	what  string
	lacks error // what this program lacks to read it; nil for what none reads
}

func (e *unsupportedError) Error() string {
	if e.lacks != nil {
		return fmt.Sprintf("%s: %v", e.what, e.lacks)
	}
	return e.what + ", which is not supported; RSA, P-256, P-384, P-521, Ed25519, X25519, and ML-DSA are"
}

func (e *unsupportedError) Unwrap() error { return e.lacks }

// Curves and types of keys by their object identifiers, to name them.
var objectNames = map[string]string{
	"1.3.132.0.10": "secp256k1", "1.3.132.0.33": "P-224", "1.2.840.10045.3.1.1": "P-192",
	"1.3.36.3.3.2.8.1.1.7": "brainpoolP256r1", "1.3.36.3.3.2.8.1.1.11": "brainpoolP384r1", "1.3.36.3.3.2.8.1.1.13": "brainpoolP512r1",
	"1.2.156.10197.1.301": "SM2", "1.3.101.113": "Ed448", "1.3.101.111": "X448",
	"1.2.840.10040.4.1": "DSA", "1.2.840.113549.1.3.1": "Diffie-Hellman", "1.2.840.113549.1.1.7": "RSAES-OAEP (id-RSAES-OAEP)",
	"2.16.840.1.101.3.4.3.17": "ML-DSA-44", "2.16.840.1.101.3.4.3.18": "ML-DSA-65", "2.16.840.1.101.3.4.3.19": "ML-DSA-87",
}

const oidEC = "1.2.840.10045.2.1"

// unsupported names the key of an algorithm that the standard library does not read.
func unsupported(id pkix.AlgorithmIdentifier) error {
	if alg := Algorithm(objectNames[id.Algorithm.String()]); alg.mldsa() {
		if err := alg.runs(); err != nil {
			return &unsupportedError{what: "a key of type " + string(alg), lacks: err}
		}
		return errParse
	}
	if id.Algorithm.String() != oidEC {
		return named("a key of type ", id.Algorithm)
	}
	var curve asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(id.Parameters.FullBytes, &curve); err != nil {
		return &unsupportedError{what: `an EC key with its curve written out; name the curve with "openssl ec -param_enc named_curve"`}
	}
	if supportedCurves[curve.String()] {
		return errParse
	}
	return named("a key on the curve ", curve)
}

var supportedCurves = map[string]bool{"1.2.840.10045.3.1.7": true, "1.3.132.0.34": true, "1.3.132.0.35": true}

func named(prefix string, id asn1.ObjectIdentifier) error {
	name := objectNames[id.String()]
	if name == "" {
		name = cut(id.String())
	}
	return &unsupportedError{what: prefix + name}
}

// curveError names the curve of a JWK if it is one that is known elsewhere: it does not
// quote what it does not know.
func curveError(crv string) error {
	if crv == "P-256K" { // Azure
		crv = "secp256k1"
	}
	for _, name := range objectNames {
		if name == crv {
			return &unsupportedError{what: "a key on the curve " + crv}
		}
	}
	return &unsupportedError{what: "a key on another curve"}
}

// explained names the curve of a SEC 1 private key that does not parse: RFC 5915.
func explained(der []byte) error {
	var key struct {
		Version int
		Private []byte
		Curve   asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
	}
	if _, err := asn1.Unmarshal(der, &key); err != nil || len(key.Curve) == 0 || supportedCurves[key.Curve.String()] {
		return errParse
	}
	return named("a key on the curve ", key.Curve)
}

// whyNoKey names the key of a certificate that the standard library does not read, or
// returns nil.
func whyNoKey(der []byte) error {
	var c struct {
		TBS struct {
			Version    asn1.RawValue `asn1:"optional,tag:0"`
			Serial     asn1.RawValue
			Algorithm  asn1.RawValue
			Issuer     asn1.RawValue
			Validity   asn1.RawValue
			Subject    asn1.RawValue
			SubjectKey asn1.RawValue
		}
		Algorithm asn1.RawValue
		Signature asn1.RawValue
	}
	if _, err := asn1.Unmarshal(der, &c); err != nil {
		return nil
	}
	_, _, err := parsePublic(c.TBS.SubjectKey.FullBytes)
	if _, named := errors.AsType[*unsupportedError](err); named {
		return fmt.Errorf("a certificate of %w", err)
	}
	return nil
}
