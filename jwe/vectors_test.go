package jwe_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// vectors returns the path of test data that is not part of the repository.
func vectors(t testing.TB, elem ...string) string {
	dir := os.Getenv("SEALWAX_VECTORS")
	if dir == "" {
		t.Skip("SEALWAX_VECTORS does not name the folder of test vectors")
	}
	return filepath.Join(append([]string{dir}, elem...)...)
}

func readFile(t testing.TB, path string) []byte {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return text
}

// RFC 7520, Section 6: a JWS with PS256 in a JWE with RSA-OAEP and A128GCM.
func TestCookbookNesting(t *testing.T) {
	var v struct {
		Sign struct {
			Input struct {
				Payload string
				Key     json.RawMessage
			}
		}
		Encrypt struct {
			Input  struct{ Key json.RawMessage }
			Output struct{ Compact string }
		}
	}
	require.NoError(t, json.Unmarshal(readFile(t, vectors(t, "jose-cookbook", "6.nesting_signatures_and_encryption.json")), &v))
	sign, err := jwe.ReadKey(strings.NewReader(string(v.Sign.Input.Key)), 0)
	require.NoError(t, err)
	decrypt, err := jwe.ReadKey(strings.NewReader(string(v.Encrypt.Input.Key)), 0)
	require.NoError(t, err)
	require.NoError(t, sign.SelfTest(t.Context()))
	us := newEnvelope(t, jwe.Config{Own: set(t, decrypt), Peer: set(t, public(sign)...), Now: clock(time.Unix(1300819380, 0))}) // the "exp" of the JWT
	m := open(t, us, []byte(v.Encrypt.Output.Compact))
	assert.Equal(t, v.Sign.Input.Payload, string(m.Payload))
	assert.Equal(t, "PS256", m.Signers[0].Algorithm)
	assert.Equal(t, sign.Info().ID, m.Signers[0].ID)
	assert.Equal(t, "RSA-OAEP", m.Decrypter.Algorithm)
	assert.Equal(t, "A128GCM", m.Content)
	assert.Equal(t, map[string]any{"typ": "JWT"}, m.Header)

	other := newEnvelope(t, jwe.Config{Own: set(t, decrypt), Peer: set(t, public(signing(t, "hobbiton.example", rsaKeys[0]()))...)})
	rejects(t, other, []byte(v.Encrypt.Output.Compact), envelope.UnknownSigner) // it names nobody
}

// peerKeys are the keys of both parties in selfmade/keys/jose.
func peerKeys(t testing.TB, half string) *keyset.Set {
	var keys []*jwe.Key
	for _, name := range []string{"sig-rsa", "sig-rsa-new", "sig-p256", "sig-p384", "sig-ed25519",
		"enc-rsa", "enc-rsa-new", "enc-rsa4096", "enc-p256", "enc-p384", "enc-x25519"} {
		if half == "sec" && strings.HasPrefix(name, "sig") || half == "pub" && strings.HasPrefix(name, "enc") {
			continue
		}
		text := string(readFile(t, vectors(t, "selfmade", "keys", "jose", name+"."+half+".jwk")))
		k, err := jwe.ReadKey(strings.NewReader(text), 0)
		require.NoError(t, err, name)
		assert.Equal(t, name, k.Info().Name)
		use := k.Info().Use
		fromPEM, err := jwe.ReadKey(strings.NewReader(string(readFile(t, vectors(t, "selfmade", "keys", "jose", name+"."+half+".pem")))), use)
		require.NoError(t, err, name)
		assert.Equal(t, k.Info().ID, fromPEM.Info().ID, "one key in two files")
		keys = append(keys, k)
	}
	return set(t, keys...)
}

// boundTo returns the set with each RSA key to encrypt or to decrypt bound to the
// algorithm.
func boundTo(t testing.TB, s *keyset.Set, alg jwe.Algorithm) *keyset.Set {
	var keys []*jwe.Key
	for entry := range s.All() {
		k := entry.Material.(*jwe.Key)
		if k.Info().Bits != 0 && k.Info().Use == keyset.Encryption {
			k = mustKey(k.WithAlgorithm(alg))
		}
		keys = append(keys, k)
	}
	return set(t, keys...)
}

// A case of josecases.tsv, which is also what a manifest.tsv begins its lines
// with.
type joseCase struct {
	name, form      string
	sign, key, enc  string
	signKey, encKey string
	zip             string
	made            bool
}

func joseCases(t testing.TB, path string) []joseCase {
	var out []joseCase
	for line := range strings.Lines(string(readFile(t, path))) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		require.GreaterOrEqual(t, len(f), 8, line)
		out = append(out, joseCase{f[0], f[1], f[2], f[4], f[6], f[3], f[5], f[7], len(f) < 9 || f[8] == "0"})
	}
	return out
}

// needs reports whether the case opens only under waivers.
func (c joseCase) needs() bool { return strings.Contains(c.key, "RSA1_5") || c.zip != "-" }

// Messages that panva's jose and jwcrypto made, each with its expected outcome.
func TestMessagesOfPeers(t *testing.T) {
	body := string(readFile(t, vectors(t, "selfmade", "body.json")))
	own, peer := peerKeys(t, "sec"), peerKeys(t, "pub")
	strict := newEnvelope(t, jwe.Config{Own: own, Peer: peer})
	waived := newEnvelope(t, jwe.Config{Own: own, Peer: peer, Waive: []envelope.Waiver{
		jwe.InsecureCompression("test")}})
	rsa15 := newEnvelope(t, jwe.Config{Own: boundTo(t, own, jwe.RSA1_5), Peer: peer, Waive: []envelope.Waiver{
		jwe.InsecureRSA1_5("test"), jwe.InsecureCompression("test")}})
	all := joseCases(t, vectors(t, "selfmade", "jose", "josecases.tsv"))
	for peer, want := range map[string]map[string]int{
		// RSA1_5 is among what panva's jose does not make.
		"panva-jose": {"compact": 30, "waived": 2, "json": 5},
		"jwcrypto":   {"compact": 30, "waived": 6, "json": 5},
	} {
		t.Run(peer, func(t *testing.T) {
			cases := joseCases(t, vectors(t, "selfmade", "jose", peer, "manifest.tsv"))
			require.Len(t, cases, len(all))
			got := map[string]int{}
			var files []string
			for i, c := range cases {
				require.Equal(t, all[i].name, c.name)
				if !c.made {
					continue
				}
				files = append(files, c.name+".jose")
				t.Run(c.name, func(t *testing.T) {
					sealed := []byte(strings.TrimSpace(string(readFile(t, vectors(t, "selfmade", "jose", peer, c.name+".jose")))))
					us := strict
					switch {
					case c.needs():
						got["waived"]++
						rejects(t, strict, sealed, envelope.Forbidden)
						if us = waived; c.key == "RSA1_5" {
							us = rsa15
						}
					case c.form != "compact":
						got["json"]++
					default:
						got["compact"]++
					}
					m := open(t, us, sealed)
					assert.Equal(t, body, string(m.Payload))
					var signed []string
					for _, s := range m.Signers {
						signed = append(signed, s.Algorithm)
					}
					assert.Equal(t, c.sign, strings.Join(signed, ","))
					assert.Contains(t, strings.Split(c.key, ","), m.Decrypter.Algorithm)
					assert.Len(t, m.Addressed, len(strings.Split(c.key, ",")))
					assert.Equal(t, c.enc, m.Content)
					assert.Equal(t, c.needs(), len(m.Waived) != 0)
					o, err := jwe.Inspect(sealed)
					require.NoError(t, err)
					assert.Equal(t, c.key, strings.Join(o.Algorithms, ","))
				})
			}
			assert.Equal(t, want, got)
			entries, err := os.ReadDir(vectors(t, "selfmade", "jose", peer))
			require.NoError(t, err)
			for _, e := range entries {
				assert.True(t, e.Name() == "manifest.tsv" || slices.Contains(files, e.Name()), "%s is in no case", e.Name())
			}
		})
	}
}
