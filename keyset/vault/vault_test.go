//go:build unix

package vault_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelopetest"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/keyset/vault"
	"github.com/sealwax/sealwax/keyset/vault/openpgp"
	"github.com/sealwax/sealwax/pgp"
)

var uses = map[string]keyset.Use{"rsa": keyset.Signing | keyset.Encryption, "p256": keyset.Signing, "p384": keyset.Signing, "ed25519": keyset.Signing}

func subject(t *testing.T, s *server, client *api.Client, name string) envelopetest.RemoteSubject {
	k, err := vault.Open(t.Context(), client, "transit/"+name, 1)
	require.NoError(t, err)
	return envelopetest.RemoteSubject{Remote: k, Use: uses[name], Stop: s.stop(t), Stall: s.Stall, Throttle: s.throttle}
}

func TestKeepsItsPromises(t *testing.T) {
	s, client := newServer(t)
	for name := range uses {
		t.Run(name, func(t *testing.T) {
			envelopetest.TestRemote(t, func(t *testing.T) envelopetest.RemoteSubject { return subject(t, s, client, name) })
		})
	}
}

// The table of the README is what the suite sees.
func TestREADME(t *testing.T) {
	raw, err := os.ReadFile("README.md")
	require.NoError(t, err)
	written, seen := map[string]bool{}, map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `((?:sign|decrypt) [^`]+)` \\|([^|]*)\\|$").FindAllStringSubmatch(string(raw), -1) {
		written[row[1]] = strings.TrimSpace(row[2]) != "no"
	}
	s, client := newServer(t)
	for name := range uses {
		for _, c := range envelopetest.Capabilities(t.Context(), subject(t, s, client, name)) {
			seen[c.Operation] = c.Does
		}
	}
	assert.Equal(t, seen, written)
}

// What is wrong is said at load, with the name of the key.
func TestOpenErrors(t *testing.T) {
	s, client := newServer(t)
	s.write(t, "keys/derived", map[string]any{"type": "ed25519", "derived": true})
	s.write(t, "keys/p256/rotate", map[string]any{})
	s.write(t, "keys/p256/config", map[string]any{"min_encryption_version": 2})
	s.write(t, "keys/p384/rotate", map[string]any{})
	s.write(t, "keys/p384/config", map[string]any{"min_decryption_version": 2})
	for name, tt := range map[string]struct {
		key     string
		version int
		status  int
		want    string
		wait    bool // trying again may help
	}{
		"symmetric":       {"transit/aes", 1, 0, `it is of type "aes256-gcm96"; make one of rsa-*`, false},
		"derived":         {"transit/derived", 1, 0, "not derived", false},
		"no such version": {"transit/rsa", 2, 0, "the latest version is 1", false},
		"removed":         {"transit/p384", 1, 0, "it was removed: min_decryption_version is 2", false},
		"does not sign":   {"transit/p256", 1, 0, "it does not sign: min_encryption_version is 2", false},
		"no such key":     {"transit/none", 1, 0, "there is no transit/keys/none in this namespace", false},
		"no version":      {"transit/rsa", 0, 0, "it wants a client, a path", false},
		"no engine":       {"rsa", 1, 0, "it wants a client, a path", false},
		"a way out":       {"transit/../sys", 1, 0, "it wants a client, a path", false},
		"no permission":   {"transit/rsa", 1, 403, "renew the token, or grant it transit/keys/rsa", true},
		"sealed":          {"transit/rsa", 1, 503, "as the test wants it", true},
		"asked too often": {"transit/rsa", 1, 429, "as the test wants it", true},
		"of a proxy":      {"transit/rsa", 1, 502, "as the test wants it", true},
		"nothing":         {"transit/rsa", 1, 204, "EOF", true},
	} {
		end := func() {}
		if tt.status != 0 {
			end = s.answering(tt.status, map[bool]string{true: "", false: `{"errors":["as the test wants it"]}`}[tt.status == 204])
		}
		_, err := vault.Open(t.Context(), client, tt.key, tt.version)
		end()
		assert.ErrorContains(t, err, tt.want, name)
		assert.ErrorContains(t, err, tt.key, name)
		assert.Equal(t, tt.wait, errors.Is(err, keyset.ErrUnavailable), "%s: %v", name, err)
		assert.NotContains(t, err.Error(), token, name)
	}
	_, err := vault.Open(t.Context(), nil, "transit/rsa", 1)
	assert.ErrorContains(t, err, "it wants a client")
}

// Every question is asked once: what the engine refuses with 500 is not asked again a second
// later, and nothing is asked that a stranger could choose.
func TestAnswers(t *testing.T) {
	s, client := newServer(t)
	k, err := vault.Open(t.Context(), client, "transit/rsa", 1)
	require.NoError(t, err)
	public := k.Public().(*rsa.PublicKey)
	good, err := rsa.EncryptOAEP(crypto.SHA256.New(), rand.Reader, public, []byte("x"), nil)
	require.NoError(t, err)
	oaep := &rsa.OAEPOptions{Hash: crypto.SHA256}
	for name, tt := range map[string]struct {
		ciphertext []byte
		opts       crypto.DecrypterOpts
		status     int
		body       string
		asked      int
		bad        bool
		want       string
	}{
		"bad, or a fault of its own": {good, oaep, 500, `{"errors":["crypto/rsa: decryption error"]}`, 1, true, ""},
		"the same with PKCS #1 v1.5": {good, nil, 500, `{"errors":["1 error occurred: disk full"]}`, 1, true, ""},
		"bad":                        {good, oaep, 400, `{"errors":["invalid ciphertext"]}`, 1, true, ""},
		"no permission":              {good, oaep, 403, `{"errors":["permission denied"]}`, 1, false, "renew the token, or grant it transit/decrypt/rsa"},
		"no engine":                  {good, oaep, 404, `{"errors":[]}`, 1, false, "there is no transit/decrypt/rsa"},
		"sealed":                     {good, oaep, 503, `{"errors":["Vault is sealed"]}`, 1, false, "Vault is sealed"},
		"asked too often":            {good, oaep, 429, `{"errors":["quota"]}`, 1, false, "quota"},
		"of a proxy":                 {good, oaep, 504, `<html>`, 1, false, "504"},
		"no answer":                  {good, oaep, 200, `{"data":null}`, 1, false, "an answer without a plaintext"},
		"half an answer":             {good, oaep, 200, `{"data":{"plaint`, 1, false, "EOF"},
		"too short":                  {good[1:], oaep, 200, "", 0, true, ""},
		"OAEP with SHA-1":            {good, &rsa.OAEPOptions{Hash: crypto.SHA1}, 200, "", 0, false, "RSA-OAEP with SHA-256, and PKCS #1 v1.5"},
	} {
		end := s.answering(tt.status, tt.body)
		_, err := k.Bind(t.Context()).(crypto.Decrypter).Decrypt(rand.Reader, tt.ciphertext, tt.opts)
		assert.Len(t, s.questions(), tt.asked, name)
		end()
		assert.Error(t, err, name)
		assert.Equal(t, tt.bad, k.Undecryptable(err), "%s: %v", name, err)
		assert.Equal(t, tt.asked > 0 && !tt.bad && tt.status != 404, errors.Is(err, keyset.ErrUnavailable), "%s: %v", name, err)
		assert.ErrorContains(t, err, tt.want, name)
	}
	end := s.answering(200, `{"data":{"signature":"vault:v2:AAAA"}}`)
	_, err = k.Bind(t.Context()).(crypto.Signer).Sign(rand.Reader, make([]byte, 32), crypto.SHA256)
	end()
	assert.ErrorContains(t, err, "another version")
}

// The token is read for each call: it is renewed, or taken away, while the program runs.
func TestToken(t *testing.T) {
	_, client := newServer(t)
	m, err := vault.Opener(client)(t.Context(), keyset.ManifestKey{Source: "vault:transit/p256?version=1"})
	require.NoError(t, err)
	require.NoError(t, m.SelfTest(t.Context()))
	client.SetToken("one that has ended")
	assert.ErrorIs(t, m.SelfTest(t.Context()), keyset.ErrUnavailable)
	client.SetToken(token)
	assert.NoError(t, m.SelfTest(t.Context()))
}

// A version is a key of ours: n+1 is the pending one, and min_decryption_version removes.
func TestVersions(t *testing.T) {
	s, client := newServer(t)
	open := func(version string, use keyset.Use) (keyset.Material, error) {
		return vault.Opener(client)(t.Context(), keyset.ManifestKey{Use: use.String(), Source: "vault:transit/rsa?version=" + version})
	}
	first, err := open("1", keyset.Encryption)
	require.NoError(t, err)
	require.NoError(t, first.SelfTest(t.Context()))
	s.write(t, "keys/rsa/rotate", map[string]any{})
	second, err := open("2", keyset.Encryption)
	require.NoError(t, err)
	assert.NotEqual(t, first.Info().ID, second.Info().ID)
	sign, err := open("1", keyset.Signing)
	require.NoError(t, err)
	for _, m := range []keyset.Material{first, second, sign} {
		assert.NoError(t, m.SelfTest(t.Context()), "both are used, whichever is the latest")
	}
	s.write(t, "keys/rsa/config", map[string]any{"min_decryption_version": 2})
	assert.ErrorContains(t, first.SelfTest(t.Context()), "disallowed by policy")
	assert.Error(t, sign.SelfTest(t.Context()))
	assert.NoError(t, second.SelfTest(t.Context()))
	_, err = open("1", keyset.Encryption)
	assert.ErrorContains(t, err, "it was removed: min_decryption_version is 2")
	_, err = open("2", 0)
	assert.ErrorContains(t, err, "the service has it to sign and to decrypt: name an algorithm")
	for _, source := range []string{"vault:transit/rsa", "vault:transit/rsa?version=x", "vault:transit/rsa?version=1&x=y", "file:x"} {
		_, err := vault.Opener(client)(t.Context(), keyset.ManifestKey{Source: source})
		assert.ErrorContains(t, err, "is not the source of a key", source)
	}
}

// Keys of the engine in a whole exchange, in JOSE.
func TestExchange(t *testing.T) {
	_, client := newServer(t)
	var own, theirs []keyset.Key
	for source, use := range map[string]keyset.Use{"vault:transit/p256?version=1": keyset.Signing, "vault:transit/rsa?version=1": keyset.Encryption} {
		m, err := vault.Opener(client)(t.Context(), keyset.ManifestKey{Use: use.String(), Source: source})
		require.NoError(t, err)
		require.NoError(t, m.SelfTest(t.Context()))
		own = append(own, keyset.Key{Material: m, State: keyset.Active})
	}
	for name, a := range map[string]jwe.Algorithm{"sign": jwe.ES256, "read": jwe.ECDHESA256KW} {
		k, err := jwe.GenerateKey(name, a)
		require.NoError(t, err)
		theirs = append(theirs, keyset.Key{Material: k, State: keyset.Active})
	}
	us, err := keyset.New(1, own...)
	require.NoError(t, err)
	partner, err := keyset.New(1, theirs...)
	require.NoError(t, err)
	bank, err := jwe.New(jwe.Config{Own: us, Peer: partner.Public(), MaxAge: time.Minute})
	require.NoError(t, err)
	shop, err := jwe.New(jwe.Config{Own: partner, Peer: us.Public(), MaxAge: time.Minute})
	require.NoError(t, err)
	for _, way := range [][2]*jwe.Envelope{{bank, shop}, {shop, bank}} {
		sealed, err := way[0].Seal(t.Context(), []byte("paid"))
		require.NoError(t, err)
		m, err := way[1].Open(t.Context(), sealed)
		require.NoError(t, err)
		assert.Equal(t, "paid", string(m.Payload))
	}
}

// OpenPGP signs and decrypts with keys of the engine.
func TestOpenPGP(t *testing.T) {
	s, client := newServer(t)
	s.write(t, "keys/rsa/rotate", map[string]any{})
	sign, err := vault.Open(t.Context(), client, "transit/rsa", 1)
	require.NoError(t, err)
	decrypt, err := vault.Open(t.Context(), client, "transit/rsa", 2)
	require.NoError(t, err)
	made, err := pgp.NewRemoteCertificate(t.Context(), "Bank <keys@bank.example>", sign, decrypt, 365*24*time.Hour)
	require.NoError(t, err)
	var certificate bytes.Buffer
	require.NoError(t, made.WriteCertificate(&certificate))
	open := openpgp.Opener(client, fstest.MapFS{"own.asc": {Data: certificate.Bytes()}})
	const source = "vault:transit/rsa?version=1&certificate=own.asc"
	ours, err := open(t.Context(), keyset.ManifestKey{Source: source + "&decrypt=transit/rsa&decrypt_version=2"})
	require.NoError(t, err)
	assert.Equal(t, made.Info().ID, ours.Info().ID)
	for source, want := range map[string]string{
		source + "&decrypt=transit/rsa&decrypt_version=3":  "the latest version is 2",
		source + "&decrypt=transit/p256&decrypt_version=1": "is for signing+encryption, and with the private keys of",
		"vault:transit/p256?version=1&certificate=own.asc": "none of 1 private keys",
		source + "&decrypt=transit/rsa":                    "names no keys",
		source + "&version=2":                              "names no keys",
		source + "&more=2":                                 "names no keys",
		"vault:transit/rsa?version=1":                      "names no certificate",
		"vault:transit/rsa?certificate=own.asc":            "names no keys",
		"file:x?certificate=own.asc":                       "names no keys",
		"vault:transit/rsa?version=1&certificate=none.asc": "none.asc",
	} {
		_, err := open(t.Context(), keyset.ManifestKey{Source: source})
		assert.ErrorContains(t, err, want, source)
	}
	// Both keys are tested when they are opened.
	for _, operation := range []string{"sign", "decrypt"} {
		end := s.refusing(operation)
		_, err := open(t.Context(), keyset.ManifestKey{Source: source + "&decrypt=transit/rsa&decrypt_version=2"})
		end()
		assert.ErrorContains(t, err, "grant it transit/"+operation+"/rsa")
		assert.ErrorIs(t, err, keyset.ErrUnavailable)
	}
	theirs, err := pgp.GenerateKey("Partner", pgp.Curve25519, 365*24*time.Hour)
	require.NoError(t, err)
	us, err := keyset.New(1, keyset.Key{Material: ours, State: keyset.Active})
	require.NoError(t, err)
	them, err := keyset.New(1, keyset.Key{Material: theirs, State: keyset.Active})
	require.NoError(t, err)
	bank, err := pgp.New(pgp.Config{Own: us, Peer: them.Public()})
	require.NoError(t, err)
	partner, err := pgp.New(pgp.Config{Own: them, Peer: us.Public()})
	require.NoError(t, err)
	for _, way := range [][2]*pgp.Envelope{{bank, partner}, {partner, bank}} {
		sealed, err := way[0].Seal(t.Context(), []byte("paid"))
		require.NoError(t, err)
		m, err := way[1].Open(t.Context(), sealed)
		require.NoError(t, err)
		assert.Equal(t, "paid", string(m.Payload))
	}
}
