package jwe_test

import (
	"bytes"
	"crypto/elliptic"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// A cookbookFile is one example of RFC 7520 or of RFC 8037.
type cookbookFile struct {
	Input struct {
		Payload, Plaintext string
		Key                json.RawMessage
	}
	Output map[string]json.RawMessage
}

func cookbook(t testing.TB, elem ...string) (f cookbookFile, keys []*jwe.Key, oct bool) {
	require.NoError(t, json.Unmarshal(readFile(t, vectors(t, append([]string{"jose-cookbook"}, elem...)...)), &f))
	list := []json.RawMessage{f.Input.Key}
	if bytes.HasPrefix(f.Input.Key, []byte("[")) {
		list = nil
		require.NoError(t, json.Unmarshal(f.Input.Key, &list))
	}
	for _, text := range list {
		k, err := jwe.ReadKey(bytes.NewReader(text), 0)
		if err != nil {
			oct = true
			if f.Input.Key != nil {
				assert.ErrorContains(t, err, "symmetric")
			}
			continue
		}
		keys = append(keys, k)
	}
	return f, keys, oct
}

// Every JWS and JWE of RFC 7520 and RFC 8037 that uses an algorithm that is
// allowed, in every form in which it is given; the others are refused with their
// keys.
func TestCookbook(t *testing.T) {
	waive := []envelope.Waiver{jwe.InsecureEncryptOnly("RFC 7520"), jwe.InsecureRSA1_5("RFC 7520, Section 5.1")}
	other := signing(t, "", newEC(t, elliptic.P256()))
	for _, tt := range []struct {
		folder string
		want   map[string]string // by example: the algorithm, or "" where all keys are symmetric
	}{
		{"jwe", map[string]string{"5_1": "RSA1_5", "5_2": "RSA-OAEP", "5_3": "", "5_4": "ECDH-ES+A128KW", "5_5": "ECDH-ES",
			"5_6": "", "5_7": "", "5_8": "", "5_9": "", "5_10": "", "5_11": "", "5_12": "", "5_13": "ECDH-ES+A256KW"}},
		{"jws", map[string]string{"4_1": "RS256", "4_2": "PS384", "4_3": "ES512", "4_4": "", "4_5": "", "4_6": "", "4_7": "", "4_8": "RS256"}},
		{"curve25519", map[string]string{"ecdh-es": "ECDH-ES", "jws": "EdDSA"}},
	} {
		files, err := os.ReadDir(vectors(t, "jose-cookbook", tt.folder))
		require.NoError(t, err)
		seen := 0
		for _, file := range files {
			if filepath.Ext(file.Name()) != ".json" {
				continue
			}
			name, _, _ := strings.Cut(file.Name(), ".")
			alg, ok := tt.want[name]
			require.True(t, ok, name)
			seen++
			f, keys, oct := cookbook(t, tt.folder, file.Name())
			if alg == "" {
				assert.True(t, oct)
				assert.Empty(t, keys)
				continue
			}
			for form, raw := range f.Output {
				if form != "compact" && form != "json" && form != "json_flat" {
					continue
				}
				token := wycheproofToken(raw)
				t.Run(tt.folder+" "+name+" "+form, func(t *testing.T) {
					if keys[0].Info().Use == keyset.Signing {
						e := newEnvelope(t, jwe.Config{Own: set(t, other), Peer: set(t, public(keys...)...)})
						m, err := jwe.OpenSigned(t.Context(), e, token)
						require.NoError(t, why(err))
						assert.Equal(t, f.Input.Payload, string(m.Payload))
						require.Len(t, m.Signers, 1, "only what is protected counts")
						assert.Equal(t, alg, m.Signers[0].Algorithm)
						return
					}
					own := keys
					if alg == "RSA1_5" {
						own = []*jwe.Key{mustKey(keys[0].WithAlgorithm(jwe.RSA1_5))}
					}
					e := newEnvelope(t, jwe.Config{Own: set(t, own...), Peer: set(t, public(other)...), Waive: waive})
					m := open(t, e, token)
					assert.Equal(t, f.Input.Plaintext, string(m.Payload))
					assert.Equal(t, alg, m.Decrypter.Algorithm)
				})
			}
		}
		assert.Len(t, tt.want, seen)
	}
}

// RFC 7520, Section 5.13: of three recipients, that of RSA1_5 stays closed.
func TestCookbookSeveralRecipients(t *testing.T) {
	f, keys, _ := cookbook(t, "jwe", "5_13.encrypting_to_multiple_recipients.json")
	require.Len(t, keys, 2)
	e := newEnvelope(t, jwe.Config{Own: set(t, keys[0]), Peer: set(t, public(signing(t, "", newEC(t, elliptic.P256())))...),
		Waive: []envelope.Waiver{jwe.InsecureEncryptOnly("test"), jwe.InsecureRSA1_5("test")}})
	rejects(t, e, wycheproofToken(f.Output["json"]), envelope.NotForUs)
}

// Tokens that Mastercard's libraries publish: two of them have IVs of 16 octets
// with GCM.
func TestMastercard(t *testing.T) {
	only := []envelope.Waiver{jwe.InsecureEncryptOnly("Mastercard: OAuth 1.0a signs the request")}
	long := append(only, jwe.InsecureLongIV("tokens of the older library"))
	for folder, want := range map[string]map[string]int{
		"mastercard-java":   {"": 4, "long": 2, "forbidden": 1},
		"mastercard-nodejs": {"": 3, "long": 2},
	} {
		t.Run(folder, func(t *testing.T) {
			var tokens []struct {
				Header                struct{ Enc string }
				Token, Plaintext, Key string
				IVBytes               int `json:"iv_bytes"`
			}
			require.NoError(t, json.Unmarshal(readFile(t, vectors(t, folder, "jwe_tokens.json")), &tokens))
			got := map[string]int{}
			for _, v := range tokens {
				file := v.Key
				if file == "" {
					file = tokens[0].Key
				}
				k, err := jwe.ReadKey(bytes.NewReader(readFile(t, vectors(t, folder, file))), keyset.Encryption)
				require.NoError(t, err)
				c := jwe.Config{Own: set(t, k), Peer: set(t, signing(t, "", newEC(t, elliptic.P256())).Public().(*jwe.Key)), Waive: only}
				strict := newEnvelope(t, c)
				c.Waive = long
				waived := newEnvelope(t, c)
				switch {
				case v.Plaintext == "":
					got["forbidden"]++ // XC20P
					rejects(t, waived, []byte(v.Token), envelope.Forbidden)
				case v.IVBytes == 16 && strings.HasSuffix(v.Header.Enc, "GCM"):
					got["long"]++
					rejects(t, strict, []byte(v.Token), envelope.Forbidden)
					m := open(t, waived, []byte(v.Token))
					assert.Equal(t, v.Plaintext, string(m.Payload))
					assert.Len(t, m.Waived, 2)
				default:
					got[""]++
					assert.Equal(t, v.Plaintext, string(open(t, strict, []byte(v.Token)).Payload))
					assert.Len(t, open(t, waived, []byte(v.Token)).Waived, 1, "the waiver did not matter")
				}
			}
			assert.Equal(t, want, got)
		})
	}
}

// InsecureLongIV is for 16 octets with GCM and for nothing else.
func TestLongIV(t *testing.T) {
	s := newStage(t, jwe.Config{Waive: []envelope.Waiver{jwe.InsecureLongIV("test")}})
	for _, n := range []int{0, 8, 11, 13, 15, 17, 32} {
		token := part(s.good(t), 2, func(string) string { return b64(random(n)) })
		rejects(t, s.receiver, []byte(token), envelope.Malformed)
	}
	rejects(t, s.receiver, []byte(part(s.good(t), 2, func(string) string { return b64(random(16)) })), envelope.Corrupt)
	open(t, s.receiver, []byte(s.good(t)))
}

// Keys as another project keeps them, each with what it is or why it is refused.
func TestKeysOfOthers(t *testing.T) {
	want := map[string]string{
		"RFC7516-A.1.3.json": "RSA-2048", "RFC7516-A.2.3.json": "RSA-2048", "RFC7520-EC-108.json": "P-384", "RFC7520-EC-120.json": "P-256",
		"RFC7520-EC-private.json": "P-521", "RFC7520-EC-public.json": "P-521", "RFC7520-RSA-73.json": "RSA-2048", "RFC7520-RSA-84.json": "RSA-4096",
		"RFC7520-RSA-private.json": "RSA-2048", "RFC7520-RSA-public.json": "RSA-2048",
		"RFC7520-oct-130.json": "a symmetric key", "RFC7520-oct-enc.json": "a symmetric key", "RFC7520-oct-sig.json": "a symmetric key",
		"ec-p256-alice.json": "P-256", "ec-p256-bob.json": "P-256", "ec-p256-private.pem": "P-256", "ec-p256-public.pem": "P-256",
		"ec-p384-private.pem": "P-384", "ec-p384-public.pem": "P-384", "ec-p512-private.pem": "P-521", "ec-p512-public.pem": "P-521",
		"ec-secp256k1-private.pem": "the curve secp256k1, which is not supported", "ec-secp256k1-public.pem": "the curve secp256k1, which is not supported",
		"okp-ed448-private.pem": "of type Ed448, which is not supported", "okp-ed448-public.pem": "of type Ed448, which is not supported",
		"okp-ed25519-private.json": "Ed25519", "okp-ed25519-public.json": "Ed25519",
		"okp-x25519-alice.json": "X25519", "okp-x25519-bob.json": "X25519", "okp-x25519-charlie.json": "X25519",
		"firebase-cert.pem": "RSA-2048", "rsa-openssl-private.pem": "RSA-4096", "rsa-openssl-public.pem": "RSA-4096",
		"ssh-ecdsa-public.pem": "ssh-keygen -e", "ssh-ed25519-public.pem": "ssh-keygen -e", "ssh-rsa-public.pem": "ssh-keygen -e",
		"ssh-rsa-private.pem": "ssh-keygen -p",
	}
	files, err := os.ReadDir(vectors(t, "joserfc", "tests", "keys"))
	require.NoError(t, err)
	assert.Len(t, want, len(files))
	for _, file := range files {
		t.Run(file.Name(), func(t *testing.T) {
			text := readFile(t, vectors(t, "joserfc", "tests", "keys", file.Name()))
			k, err := jwe.ReadKey(bytes.NewReader(text), 0)
			for _, use := range []keyset.Use{keyset.Signing, keyset.Encryption} { // most do not say it
				if err != nil {
					k, err = jwe.ReadKey(bytes.NewReader(text), use)
				}
			}
			if err != nil {
				assert.ErrorContains(t, err, want[file.Name()])
				return
			}
			assert.Equal(t, want[file.Name()], k.Info().Algorithm)
			if k.Info().Private {
				assert.NoError(t, k.SelfTest(t.Context()))
			}
		})
	}
}
