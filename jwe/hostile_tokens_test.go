package jwe_test

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// A stage is one receiver with keys in every state, and the private keys with
// which its enemies work.
type stage struct {
	receiver  *jwe.Envelope
	own, peer *keyset.Ring

	decrypt          *rsa.PrivateKey // ours, kid "dec"
	agree            *ecdsa.PrivateKey
	agreeX           *ecdh.PrivateKey
	ourSign          *ecdsa.PrivateKey // ours, kid "our-sig"
	revokedDecrypt   *rsa.PrivateKey   // ours, kid "dec-old"
	sign             *ecdsa.PrivateKey // partner's, kid "sig"
	signRSA          *rsa.PrivateKey   // partner's, kid "sig-rsa", bound to PS256
	partnerDecrypt   *ecdsa.PrivateKey // partner's, kid "enc": use=enc
	revokedSign      *ecdsa.PrivateKey // partner's, kid "sig-old"
	tombstoneSignKid string
	stranger         *ecdsa.PrivateKey
	strangerRSA      *rsa.PrivateKey
}

func newStage(t testing.TB, c jwe.Config) *stage {
	s := &stage{
		decrypt: rsaKeys[1](), agree: newEC(t, elliptic.P256()), agreeX: newX(t), ourSign: newEC(t, elliptic.P256()),
		revokedDecrypt: rsaKeys[3](), sign: newEC(t, elliptic.P256()), signRSA: rsaKeys[0](),
		partnerDecrypt: newEC(t, elliptic.P256()), revokedSign: newEC(t, elliptic.P256()),
		tombstoneSignKid: "sig-gone", stranger: newEC(t, elliptic.P256()), strangerRSA: rsaKeys[2](),
	}
	bound, err := jwe.ReadKey(strings.NewReader(jwkRSA(s.signRSA, `"kid":"sig-rsa","use":"sig","alg":"PS256"`)), 0)
	require.NoError(t, err)
	gone := signing(t, s.tombstoneSignKid, newEC(t, elliptic.P256())).Public().Info()
	s.own = keyset.NewRing(setOf(t, append(entries(keyset.Active,
		encryption(t, "dec", s.decrypt), encryption(t, "agree", s.agree), encryption(t, "x", s.agreeX), signing(t, "our-sig", s.ourSign)),
		entries(keyset.Revoked, encryption(t, "dec-old", s.revokedDecrypt))...)...))
	s.peer = keyset.NewRing(setOf(t, append(append(entries(keyset.Active, public(
		signing(t, "sig", s.sign), encryption(t, "enc", s.partnerDecrypt))...),
		entries(keyset.Active, bound)...),
		append(entries(keyset.Revoked, public(signing(t, "sig-old", s.revokedSign))...),
			keyset.Key{Material: keyset.Tombstone(gone), State: keyset.Revoked})...)...))
	c.Own, c.Peer = s.own, s.peer
	s.receiver = newEnvelope(t, c)
	return s
}

func jwkRSA(k *rsa.PrivateKey, members string) string {
	return fmt.Sprintf(`{"kty":"RSA","n":"%s","e":"AQAB",%s}`, b64(k.N.Bytes()), members)
}

const (
	goodJWE = `{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"dec"}`
	goodJWS = `{"alg":"ES256","kid":"sig"}`
)

func (s *stage) good(t testing.TB) string {
	return encryptTo(t, &s.decrypt.PublicKey, goodJWE, signES256(t, s.sign, goodJWS, "{}"))
}

// outer returns a good message but for the header of the JWE.
func (s *stage) outer(t testing.TB, header string) string {
	return encryptTo(t, &s.decrypt.PublicKey, header, signES256(t, s.sign, goodJWS, "{}"))
}

// inner returns a good JWE with this content.
func (s *stage) inner(t testing.TB, content string) string {
	return encryptTo(t, &s.decrypt.PublicKey, goodJWE, content)
}

type hostile struct {
	name   string
	make   func(t testing.TB, s *stage) string
	reason envelope.Reason
}

func outer(header string) func(testing.TB, *stage) string {
	return func(t testing.TB, s *stage) string { return s.outer(t, header) }
}

func innerHeader(header string) func(testing.TB, *stage) string {
	return func(t testing.TB, s *stage) string { return s.inner(t, signES256(t, s.sign, header, "{}")) }
}

func spki(t testing.TB, public crypto.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(public)
	require.NoError(t, err)
	return der
}

var hostileTokens = func() []hostile {
	list := []hostile{
		{"empty", func(testing.TB, *stage) string { return "" }, envelope.Malformed},
		{"one byte", func(testing.TB, *stage) string { return "e" }, envelope.Malformed},
		{"one zero byte", func(testing.TB, *stage) string { return "\x00" }, envelope.Malformed},
		{"only dots", func(testing.TB, *stage) string { return "...." }, envelope.Malformed},
		{"many dots", func(testing.TB, *stage) string { return strings.Repeat(".", 1<<20) }, envelope.Malformed},
		{"not base64", func(testing.TB, *stage) string { return "!!!!.!!!!.!!!!.!!!!.!!!!" }, envelope.Malformed},
		{"an OpenPGP message in armor", func(testing.TB, *stage) string {
			return "-----BEGIN PGP MESSAGE-----\n\nwcBMA0000000000000AQ==\n-----END PGP MESSAGE-----\n"
		}, envelope.Malformed},
		{"an OpenPGP message in base64url", func(testing.TB, *stage) string {
			return b64(append([]byte{0xc1, 0x0d, 3}, random(200)...))
		}, envelope.Malformed},
		{"an OpenPGP message in binary", func(testing.TB, *stage) string {
			return string(append([]byte{0xc1, 0x0d, 3}, random(200)...))
		}, envelope.Malformed},
		{"signed only", func(t testing.TB, s *stage) string { return signES256(t, s.sign, goodJWS, "{}") }, envelope.Malformed},
		{"six parts", func(t testing.TB, s *stage) string { return s.good(t) + "." }, envelope.Malformed},
		{"four parts", func(t testing.TB, s *stage) string {
			return strings.Join(strings.Split(s.good(t), ".")[:4], ".")
		}, envelope.Malformed},
		{"line end after the token", func(t testing.TB, s *stage) string { return s.good(t) + "\n" }, envelope.Malformed},
		{"space before the token", func(t testing.TB, s *stage) string { return " " + s.good(t) }, envelope.Malformed},
		{"too large", func(t testing.TB, s *stage) string { return s.good(t) + strings.Repeat("A", 18<<20) }, envelope.TooLarge},

		// The header of the JWE.
		{"header too large", outer(`{"alg":"RSA-OAEP-256","enc":"A256GCM","x":"` + strings.Repeat("x", 8<<10) + `"}`), envelope.Malformed},
		{"header nested too deep", outer(`{"alg":"RSA-OAEP-256","enc":"A256GCM","x":` + strings.Repeat("[", 17) + strings.Repeat("]", 17) + `}`), envelope.Malformed},
		{"header an array", outer(`[]`), envelope.Malformed},
		{"header a string", outer(`"alg"`), envelope.Malformed},
		{"header null", outer(`null`), envelope.Malformed},
		{"header not JSON", outer(`alg=RSA-OAEP-256`), envelope.Malformed},
		{"header with text after it", outer(goodJWE + `{}`), envelope.Malformed},
		{"header cut off", outer(goodJWE[:len(goodJWE)-1]), envelope.Malformed},
		{"header not UTF-8", outer(`{"alg":"RSA-OAEP-256","enc":"A256GCM","x":"` + "\xff" + `"}`), envelope.Malformed},
		{"header with a number that does not fit", outer(`{"alg":"RSA-OAEP-256","enc":"A256GCM","x":1e999}`), envelope.Malformed},
		{"alg missing", outer(`{"enc":"A256GCM"}`), envelope.Malformed},
		{"enc missing", outer(`{"alg":"RSA-OAEP-256"}`), envelope.Malformed},
		{"alg not a string", outer(`{"alg":["RSA-OAEP-256"],"enc":"A256GCM"}`), envelope.Malformed},
		{"alg null", outer(`{"alg":null,"enc":"A256GCM"}`), envelope.Malformed},
		{"kid not a string", outer(`{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":1}`), envelope.Malformed},
		{"cty not a string", outer(`{"alg":"RSA-OAEP-256","enc":"A256GCM","cty":1}`), envelope.Malformed},
		{"alg twice", outer(`{"alg":"RSA-OAEP-256","enc":"A256GCM","alg":"RSA-OAEP-256"}`), envelope.Malformed},
		{"alg twice, once escaped", outer(`{"alg":"RSA-OAEP-256","enc":"A256GCM","\u0061lg":"RSA-OAEP-256"}`), envelope.Malformed},
		{"alg in two letter cases", outer(`{"alg":"RSA-OAEP-256","enc":"A256GCM","Alg":"none"}`), envelope.Malformed},
		{"kid in another letter case", outer(`{"alg":"RSA-OAEP-256","enc":"A256GCM","KID":"dec"}`), envelope.Malformed},
		{"kid with a Kelvin sign", outer(`{"alg":"RSA-OAEP-256","enc":"A256GCM","\u212aid":"dec"}`), envelope.Malformed},
		{"a member twice, deep inside", outer(`{"alg":"RSA-OAEP-256","enc":"A256GCM","x":[{"a":1,"a":2}]}`), envelope.Malformed},
		{"alg unknown", outer(`{"alg":"ROT13","enc":"A256GCM"}`), envelope.Forbidden},
		{"alg none", outer(`{"alg":"none","enc":"A256GCM"}`), envelope.Forbidden},
		{"alg of another letter case", outer(`{"alg":"rsa-oaep-256","enc":"A256GCM"}`), envelope.Forbidden},
		{"alg dir", outer(`{"alg":"dir","enc":"A256GCM"}`), envelope.Forbidden},
		{"alg A256KW", outer(`{"alg":"A256KW","enc":"A256GCM"}`), envelope.Forbidden},
		{"alg A128GCMKW", outer(`{"alg":"A128GCMKW","enc":"A256GCM"}`), envelope.Forbidden},
		{"alg PBES2", outer(`{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2s":"AAAAAAAAAAA","p2c":2147483647}`), envelope.Forbidden},
		{"alg RSA1_5", outer(`{"alg":"RSA1_5","enc":"A256GCM","kid":"dec"}`), envelope.Forbidden},
		{"alg of a signature", outer(`{"alg":"PS256","enc":"A256GCM","kid":"dec"}`), envelope.Forbidden},
		{"enc unknown", outer(`{"alg":"RSA-OAEP-256","enc":"A256CTR"}`), envelope.Forbidden},
		{"enc of a key", outer(`{"alg":"RSA-OAEP-256","enc":"RSA-OAEP-256"}`), envelope.Forbidden},
		{"zip", outer(`{"alg":"RSA-OAEP-256","enc":"A256GCM","zip":"DEF"}`), envelope.Forbidden},
		{"p2c beside RSA", outer(`{"alg":"RSA-OAEP-256","enc":"A256GCM","p2c":1}`), envelope.Forbidden},
		{"crit", outer(`{"alg":"RSA-OAEP-256","enc":"A256GCM","crit":["exp"],"exp":1}`), envelope.Forbidden},
		{"crit empty", outer(`{"alg":"RSA-OAEP-256","enc":"A256GCM","crit":[]}`), envelope.Forbidden},
		{"jwk", outer(`{"alg":"RSA-OAEP-256","enc":"A256GCM","jwk":{"kty":"oct","k":"AA"}}`), envelope.Forbidden},
		{"jku", outer(`{"alg":"RSA-OAEP-256","enc":"A256GCM","jku":"https://example.com/keys"}`), envelope.Forbidden},
		{"x5u", outer(`{"alg":"RSA-OAEP-256","enc":"A256GCM","x5u":"https://example.com/cert"}`), envelope.Forbidden},
		{"x5c", outer(`{"alg":"RSA-OAEP-256","enc":"A256GCM","x5c":["AA"]}`), envelope.Forbidden},

		// The parts of the JWE.
		{"encrypted key empty", func(t testing.TB, s *stage) string {
			return part(s.good(t), 1, func(string) string { return "" })
		}, envelope.Malformed},
		{"encrypted key short", func(t testing.TB, s *stage) string {
			return part(s.good(t), 1, func(p string) string { return p[4:] })
		}, envelope.NotForUs},
		{"encrypted key long", func(t testing.TB, s *stage) string {
			return part(s.good(t), 1, func(p string) string { return "AAAA" + p })
		}, envelope.NotForUs},
		{"encrypted key of zeros", func(t testing.TB, s *stage) string {
			return part(s.good(t), 1, func(string) string { return b64(make([]byte, 256)) })
		}, envelope.NotForUs},
		{"iv short", func(t testing.TB, s *stage) string {
			return part(s.good(t), 2, func(p string) string { return p[:len(p)-4] })
		}, envelope.Malformed},
		{"iv of 16 bytes", func(t testing.TB, s *stage) string {
			return part(s.good(t), 2, func(string) string { return b64(random(16)) })
		}, envelope.Forbidden},
		{"tag short", func(t testing.TB, s *stage) string {
			return part(s.good(t), 4, func(string) string { return b64(random(12)) })
		}, envelope.Malformed},
		{"tag moved into the ciphertext", func(t testing.TB, s *stage) string {
			p := strings.Split(s.good(t), ".")
			cut := len(p[3]) / 4 * 4 // whole groups of three octets
			require.NotEqual(t, cut, 0)
			p[3], p[4] = p[3][:cut-4], p[3][cut-4:]+p[4]
			return strings.Join(p, ".")
		}, envelope.Malformed},
		{"content key of the wrong size", func(t testing.TB, s *stage) string {
			cek := random(16)
			ek, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &s.decrypt.PublicKey, cek, nil)
			require.NoError(t, err)
			return encryptWith(t, cek, ek, goodJWE, "{}")
		}, envelope.Corrupt},
		{"another enc than it is", outer(`{"alg":"RSA-OAEP-256","enc":"A128GCM","kid":"dec"}`), envelope.Corrupt},
		{"CBC that is not made of blocks", func(t testing.TB, s *stage) string {
			p := strings.Split(s.outer(t, `{"alg":"RSA-OAEP-256","enc":"A128CBC-HS256","kid":"dec"}`), ".")
			p[2], p[3] = b64(random(16)), b64(random(17))
			return strings.Join(p, ".")
		}, envelope.Malformed},
		{"CBC with a wrong tag", func(t testing.TB, s *stage) string {
			p := strings.Split(s.outer(t, `{"alg":"RSA-OAEP-256","enc":"A128CBC-HS256","kid":"dec"}`), ".")
			p[2], p[3] = b64(random(16)), b64(random(32))
			return strings.Join(p, ".")
		}, envelope.Corrupt},
		{"wrong recipient", func(t testing.TB, s *stage) string {
			return encryptTo(t, &s.strangerRSA.PublicKey, goodJWE, signES256(t, s.sign, goodJWS, "{}"))
		}, envelope.NotForUs},
		{"RSA-OAEP for what is RSA-OAEP-256", outer(`{"alg":"RSA-OAEP","enc":"A256GCM","kid":"dec"}`), envelope.NotForUs},
		{"revoked recipient, named", func(t testing.TB, s *stage) string {
			return encryptTo(t, &s.revokedDecrypt.PublicKey, `{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"dec-old"}`, signES256(t, s.sign, goodJWS, "{}"))
		}, envelope.RevokedRecipient},

		// ECDH-ES.
		{"no epk", outer(`{"alg":"ECDH-ES+A256KW","enc":"A256GCM"}`), envelope.Malformed},
		{"epk a string", outer(`{"alg":"ECDH-ES+A256KW","enc":"A256GCM","epk":"{}"}`), envelope.Malformed},
		{"epk private", outer(`{"alg":"ECDH-ES+A256KW","enc":"A256GCM","epk":{"kty":"OKP","crv":"X25519","x":"` + b64(random(32)) + `","d":"AA"}}`), envelope.Malformed},
		{"epk off the curve", outer(`{"alg":"ECDH-ES+A256KW","enc":"A256GCM","epk":{"kty":"EC","crv":"P-256","x":"` + b64(make([]byte, 32)) + `","y":"` + b64(make([]byte, 32)) + `"}}`), envelope.Malformed},
		{"epk with a short coordinate", outer(`{"alg":"ECDH-ES+A256KW","enc":"A256GCM","epk":{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}}`), envelope.Malformed},
		{"epk of an unknown curve", outer(`{"alg":"ECDH-ES+A256KW","enc":"A256GCM","epk":{"kty":"EC","crv":"secp256k1","x":"AAAA","y":"AAAA"}}`), envelope.Malformed},
		{"epk of another type", func(t testing.TB, s *stage) string {
			return s.outer(t, `{"alg":"ECDH-ES+A256KW","enc":"A256GCM","epk":{"kty":"OKP","crv":"P-256","x":"`+b64(random(32))+`","y":"`+b64(random(32))+`"}}`)
		}, envelope.Malformed},
		{"epk of low order", func(t testing.TB, s *stage) string {
			token := s.outer(t, `{"alg":"ECDH-ES+A256KW","enc":"A256GCM","epk":{"kty":"OKP","crv":"X25519","x":"`+b64(make([]byte, 32))+`"}}`)
			return part(token, 1, func(string) string { return b64(random(40)) })
		}, envelope.NotForUs},
		{"epk of a curve that no key of ours has", func(t testing.TB, s *stage) string {
			k, err := newEC(t, elliptic.P384()).ECDH()
			require.NoError(t, err)
			p := k.PublicKey().Bytes()
			token := s.outer(t, fmt.Sprintf(`{"alg":"ECDH-ES+A256KW","enc":"A256GCM","epk":{"kty":"EC","crv":"P-384","x":"%s","y":"%s"}}`, b64(p[1:49]), b64(p[49:])))
			return part(token, 1, func(string) string { return b64(random(40)) })
		}, envelope.NotForUs},
		{"apu not a string", func(t testing.TB, s *stage) string {
			return agreement(t, s, s.agree, func(epk string) string {
				return `{"alg":"ECDH-ES","enc":"A256GCM","kid":"agree","apu":1,"epk":` + epk + `}`
			})
		}, envelope.Malformed},
		{"apv not base64url", func(t testing.TB, s *stage) string {
			return agreement(t, s, s.agree, func(epk string) string {
				return `{"alg":"ECDH-ES","enc":"A256GCM","kid":"agree","apv":"=","epk":` + epk + `}`
			})
		}, envelope.Malformed},
		{"apu that was not agreed", func(t testing.TB, s *stage) string {
			return agreement(t, s, s.agree, func(epk string) string {
				return `{"alg":"ECDH-ES","enc":"A256GCM","kid":"agree","apu":"QQ","epk":` + epk + `}`
			})
		}, envelope.Corrupt},
		{"ECDH-ES with an encrypted key", func(t testing.TB, s *stage) string {
			token := agreement(t, s, s.agree, func(epk string) string { return `{"alg":"ECDH-ES","enc":"A256GCM","epk":` + epk + `}` })
			return part(token, 1, func(string) string { return "AAAA" })
		}, envelope.Malformed},
		{"wrapped key of another size", func(t testing.TB, s *stage) string {
			token := agreement(t, s, s.agree, func(epk string) string { return `{"alg":"ECDH-ES+A256KW","enc":"A256GCM","epk":` + epk + `}` })
			return part(token, 1, func(string) string { return b64(random(1 << 20)) })
		}, envelope.Malformed},
		{"wrapped key of nobody", func(t testing.TB, s *stage) string {
			token := agreement(t, s, s.agree, func(epk string) string { return `{"alg":"ECDH-ES+A256KW","enc":"A256GCM","epk":` + epk + `}` })
			return part(token, 1, func(string) string { return b64(random(40)) })
		}, envelope.NotForUs},
		{"ECDH-ES for a stranger", func(t testing.TB, s *stage) string {
			return agreement(t, s, s.stranger, func(epk string) string { return `{"alg":"ECDH-ES","enc":"A256GCM","epk":` + epk + `}` })
		}, envelope.NotForUs},
		{"ECDH-ES for a stranger under our name", func(t testing.TB, s *stage) string {
			return agreement(t, s, s.stranger, func(epk string) string {
				return `{"alg":"ECDH-ES","enc":"A256GCM","kid":"agree","epk":` + epk + `}`
			})
		}, envelope.Corrupt},

		// The content.
		{"unsigned", func(t testing.TB, s *stage) string { return s.inner(t, `{"amount":1}`) }, envelope.Unsigned},
		{"unsigned, empty", func(t testing.TB, s *stage) string { return s.inner(t, "") }, envelope.Unsigned},
		{"unsigned, with two dots", func(t testing.TB, s *stage) string { return s.inner(t, "1.2.3") }, envelope.Unsigned},
		{"a JWE in the JWE", func(t testing.TB, s *stage) string { return s.inner(t, s.good(t)) }, envelope.Unsigned},
		{"JWS cut off", func(t testing.TB, s *stage) string {
			j := signES256(t, s.sign, goodJWS, "{}")
			return s.inner(t, j[:len(j)-1])
		}, envelope.Malformed},
		{"JWS with a line end", func(t testing.TB, s *stage) string {
			return s.inner(t, signES256(t, s.sign, goodJWS, "{}")+"\n")
		}, envelope.Malformed},
		{"JWS with padding", func(t testing.TB, s *stage) string {
			return s.inner(t, signES256(t, s.sign, goodJWS, "{}")+"==")
		}, envelope.Malformed},
		{"JWS without signature", func(t testing.TB, s *stage) string {
			return s.inner(t, part(signES256(t, s.sign, goodJWS, "{}"), 2, func(string) string { return "" }))
		}, envelope.BadSignature},
		{"JWS without payload", func(t testing.TB, s *stage) string {
			return s.inner(t, part(signES256(t, s.sign, goodJWS, "{}"), 1, func(string) string { return "" }))
		}, envelope.BadSignature},
		{"payload changed", func(t testing.TB, s *stage) string {
			return s.inner(t, part(signES256(t, s.sign, goodJWS, `{"amount":1}`), 1, flip(t, 10)))
		}, envelope.BadSignature},
		{"signature flipped", func(t testing.TB, s *stage) string {
			return s.inner(t, part(signES256(t, s.sign, goodJWS, "{}"), 2, flip(t, 40)))
		}, envelope.BadSignature},
		{"signature long", func(t testing.TB, s *stage) string {
			return s.inner(t, part(signES256(t, s.sign, goodJWS, "{}"), 2, func(p string) string { return p[:len(p)-2] + "AAAAAA" }))
		}, envelope.BadSignature},
		{"signature with a zero before each number", func(t testing.TB, s *stage) string {
			return s.inner(t, part(signES256(t, s.sign, goodJWS, "{}"), 2, func(p string) string {
				sig := unb64(t, p)
				return b64(slices.Concat([]byte{0}, sig[:32], []byte{0}, sig[32:]))
			}))
		}, envelope.BadSignature},
		{"signature of zeros", func(t testing.TB, s *stage) string {
			return s.inner(t, part(signES256(t, s.sign, goodJWS, "{}"), 2, func(string) string { return b64(make([]byte, 64)) }))
		}, envelope.BadSignature},
		{"signature in ASN.1", func(t testing.TB, s *stage) string {
			input := b64([]byte(goodJWS)) + "." + b64([]byte("{}"))
			sum := sha256.Sum256([]byte(input))
			sig, err := ecdsa.SignASN1(rand.Reader, s.sign, sum[:])
			require.NoError(t, err)
			return s.inner(t, input+"."+b64(sig))
		}, envelope.BadSignature},
		{"JWS alg missing", innerHeader(`{"kid":"sig"}`), envelope.Unsigned},
		{"JWS alg twice", innerHeader(`{"alg":"ES256","alg":"ES256","kid":"sig"}`), envelope.Malformed},
		{"JWS alg none", func(t testing.TB, s *stage) string {
			return s.inner(t, b64([]byte(`{"alg":"none"}`))+"."+b64([]byte("{}"))+".")
		}, envelope.Forbidden},
		{"JWS alg NONE", func(t testing.TB, s *stage) string {
			return s.inner(t, b64([]byte(`{"alg":"NONE"}`))+"."+b64([]byte("{}"))+".")
		}, envelope.Forbidden},
		{"JWS HS256 with the public key in PEM", func(t testing.TB, s *stage) string {
			secret := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki(t, &s.sign.PublicKey)})
			return s.inner(t, signHS256(secret, `{"alg":"HS256","kid":"sig"}`, "{}"))
		}, envelope.Forbidden},
		{"JWS HS256 with the public key in DER", func(t testing.TB, s *stage) string {
			return s.inner(t, signHS256(spki(t, &s.sign.PublicKey), `{"alg":"HS256","kid":"sig"}`, "{}"))
		}, envelope.Forbidden},
		{"JWS HS256 with no secret", func(t testing.TB, s *stage) string {
			return s.inner(t, signHS256(nil, `{"alg":"HS256","kid":"sig"}`, "{}"))
		}, envelope.Forbidden},
		{"JWS with its own jwk", func(t testing.TB, s *stage) string {
			p, err := s.stranger.PublicKey.Bytes()
			require.NoError(t, err)
			return s.inner(t, signES256(t, s.stranger, fmt.Sprintf(`{"alg":"ES256","jwk":{"kty":"EC","crv":"P-256","x":"%s","y":"%s"}}`, b64(p[1:33]), b64(p[33:])), "{}"))
		}, envelope.Forbidden},
		{"JWS with jku", innerHeader(`{"alg":"ES256","kid":"sig","jku":"https://example.com"}`), envelope.Forbidden},
		{"JWS with x5c", innerHeader(`{"alg":"ES256","kid":"sig","x5c":[]}`), envelope.Forbidden},
		{"JWS with crit", innerHeader(`{"alg":"ES256","kid":"sig","crit":["x"],"x":1}`), envelope.Forbidden},
		{"JWS with b64 and crit", innerHeader(`{"alg":"ES256","kid":"sig","crit":["b64"],"b64":true}`), envelope.Forbidden},
		{"JWS with b64 alone", innerHeader(`{"alg":"ES256","kid":"sig","b64":false}`), envelope.Forbidden},
		{"JWS with zip", innerHeader(`{"alg":"ES256","kid":"sig","zip":"DEF"}`), envelope.Forbidden},
		{"JWS dated with text", innerHeader(`{"alg":"ES256","kid":"sig","iat":"today"}`), envelope.Malformed},
		{"JWS dated in milliseconds", innerHeader(`{"alg":"ES256","kid":"sig","iat":1900000000000}`), envelope.OutOfTime},
		{"JWS from the future", innerHeader(`{"alg":"ES256","kid":"sig","iat":99999999999}`), envelope.OutOfTime},

		// The signer.
		{"unknown signer", func(t testing.TB, s *stage) string {
			return s.inner(t, signES256(t, s.stranger, `{"alg":"ES256","kid":"nobody"}`, "{}"))
		}, envelope.UnknownSigner},
		{"unknown signer without kid", func(t testing.TB, s *stage) string {
			return s.inner(t, signES256(t, s.stranger, `{"alg":"ES256"}`, "{}"))
		}, envelope.UnknownSigner},
		{"unknown signer under a trusted name", func(t testing.TB, s *stage) string {
			return s.inner(t, signES256(t, s.stranger, goodJWS, "{}"))
		}, envelope.BadSignature},
		{"unknown signer with another algorithm", func(t testing.TB, s *stage) string {
			return s.inner(t, signPSS(t, s.strangerRSA, 32, `{"alg":"PS256"}`, "{}"))
		}, envelope.UnknownSigner},
		{"revoked signer, named", func(t testing.TB, s *stage) string {
			return s.inner(t, signES256(t, s.revokedSign, `{"alg":"ES256","kid":"sig-old"}`, "{}"))
		}, envelope.RevokedSigner},
		{"revoked signer without kid", func(t testing.TB, s *stage) string {
			return s.inner(t, signES256(t, s.revokedSign, `{"alg":"ES256"}`, "{}"))
		}, envelope.RevokedSigner},
		{"revoked signer under a trusted name", func(t testing.TB, s *stage) string {
			return s.inner(t, signES256(t, s.revokedSign, goodJWS, "{}"))
		}, envelope.RevokedSigner},
		{"revoked signer of whom only the name is left", func(t testing.TB, s *stage) string {
			return s.inner(t, signES256(t, s.stranger, `{"alg":"ES256","kid":"`+s.tombstoneSignKid+`"}`, "{}"))
		}, envelope.RevokedSigner},
		{"signed with a use=enc key", func(t testing.TB, s *stage) string {
			return s.inner(t, signES256(t, s.partnerDecrypt, `{"alg":"ES256","kid":"enc"}`, "{}"))
		}, envelope.Forbidden},
		{"signed with a use=enc key, without kid", func(t testing.TB, s *stage) string {
			return s.inner(t, signES256(t, s.partnerDecrypt, `{"alg":"ES256"}`, "{}"))
		}, envelope.UnknownSigner},
		{"RS256 by a key bound to PS256", func(t testing.TB, s *stage) string {
			input := b64([]byte(`{"alg":"RS256","kid":"sig-rsa"}`)) + "." + b64([]byte("{}"))
			sum := sha256.Sum256([]byte(input))
			sig, err := rsa.SignPKCS1v15(nil, s.signRSA, crypto.SHA256, sum[:])
			require.NoError(t, err)
			return s.inner(t, input+"."+b64(sig))
		}, envelope.Forbidden},
		{"PS256 with a salt that is too short", func(t testing.TB, s *stage) string {
			return s.inner(t, signPSS(t, s.signRSA, 20, `{"alg":"PS256","kid":"sig-rsa"}`, "{}"))
		}, envelope.Forbidden},
		{"PS256 with a salt that is too long", func(t testing.TB, s *stage) string {
			return s.inner(t, signPSS(t, s.signRSA, 64, `{"alg":"PS256","kid":"sig-rsa"}`, "{}"))
		}, envelope.Forbidden},
		{"ES256 named for an RSA key", func(t testing.TB, s *stage) string {
			return s.inner(t, signES256(t, s.stranger, `{"alg":"ES256","kid":"sig-rsa"}`, "{}"))
		}, envelope.Forbidden},
		{"our own message reflected", func(t testing.TB, s *stage) string {
			return s.inner(t, signES256(t, s.ourSign, `{"alg":"ES256","kid":"our-sig"}`, "{}"))
		}, envelope.Misdirected},
		{"our own message reflected, without kid", func(t testing.TB, s *stage) string {
			return s.inner(t, signES256(t, s.ourSign, `{"alg":"ES256"}`, "{}"))
		}, envelope.Misdirected},
	}
	for i, name := range []string{"header", "encrypted key", "iv", "ciphertext", "tag"} {
		reason := []envelope.Reason{envelope.Malformed, envelope.NotForUs, envelope.Corrupt, envelope.Corrupt, envelope.Corrupt}[i]
		for _, at := range []int{0, -1} {
			list = append(list, hostile{fmt.Sprintf("bit flipped in the %s at %d", name, at), func(t testing.TB, s *stage) string {
				return part(s.good(t), i, flip(t, at))
			}, reason})
		}
		list = append(list,
			hostile{"cut off in the " + name, func(t testing.TB, s *stage) string {
				p := strings.Split(s.good(t), ".")
				return strings.Join(p[:i], ".") + "." + p[i][:len(p[i])/2]
			}, envelope.Malformed},
			hostile{"padding after the " + name, func(t testing.TB, s *stage) string {
				return part(s.good(t), i, func(p string) string { return p + strings.Repeat("=", 4-len(p)%4) })
			}, envelope.Malformed},
			hostile{"standard base64 in the " + name, func(t testing.TB, s *stage) string {
				return part(s.good(t), i, func(p string) string { return "+/" + p[2:] })
			}, envelope.Malformed},
		)
	}
	// Where a part is made of whole groups, as the IV is, a lax decoder returns
	// as many octets as the strict one expects.
	for i, name := range []string{"header", "encrypted key", "iv", "ciphertext", "tag"} {
		for _, end := range []string{"\n", "\r", "\r\n", "\n\n\n\n\n"} {
			list = append(list, hostile{fmt.Sprintf("line end %q in the %s", end, name), func(t testing.TB, s *stage) string {
				return part(s.good(t), i, func(p string) string { return p[:4] + end + p[4:] })
			}, envelope.Malformed})
		}
	}
	for _, i := range []int{1, 4} { // whose last character has unused bits
		list = append(list, hostile{fmt.Sprintf("part %d with another last character", i+1), func(t testing.TB, s *stage) string {
			return part(s.good(t), i, func(p string) string { return alias(t, p) })
		}, envelope.Malformed})
	}
	return list
}()

func agreement(t testing.TB, s *stage, to *ecdsa.PrivateKey, header func(epk string) string) string {
	return agreeWith(t, ecdhOf(t, to), header, signES256(t, s.sign, goodJWS, "{}"))
}
