package jwe_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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

// The partners' own clients open what the profiles of the examples seal, and the other
// way round. Where a client does not do what its profile says, a test shows it.

var (
	//go:embed testdata/mastercard.cjs
	mastercardScript string
	//go:embed testdata/juspay.cjs
	juspayScript string
	//go:embed testdata/cybersource.cjs
	cyberSourceScript string
)

// clientPayload is JSON as JSON.stringify of JavaScript writes it: two of the clients
// parse what they seal, and what they have opened.
const clientPayload = `{"amount":"12.50","name":"Ünïcode?"}`

// clientRequest is what a script is asked to do: first to seal each payload, then to
// open each message.
type clientRequest struct {
	KID         string   `json:"kid,omitempty"`
	Alias       string   `json:"alias,omitempty"`
	Certificate string   `json:"certificate,omitempty"`
	PublicKey   string   `json:"publicKey,omitempty"`
	PrivateKey  string   `json:"privateKey"`
	Seal        []string `json:"seal,omitempty"`
	Open        []string `json:"open"`
}

// runClient has a script do what it is asked with a package of npm, and returns what
// became of each.
func runClient(t *testing.T, script, module string, r clientRequest) (sealed, opened []matrixResult) {
	quick(t)
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, "node")
	}
	dir := os.Getenv("SEALWAX_CLIENTS")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", module)); dir == "" || err != nil {
		missing(t, "node_modules/"+module+" in the folder that SEALWAX_CLIENTS names: npm ci --prefix .ci/clients --ignore-scripts")
	}
	path := filepath.Join(t.TempDir(), "client.cjs")
	require.NoError(t, os.WriteFile(path, []byte(script), 0o600))
	in, err := json.Marshal(r)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), node, path)
	cmd.Dir = filepath.Dir(path)
	cmd.Stdin = bytes.NewReader(in)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	var results []matrixResult
	require.NoError(t, json.Unmarshal(out, &results), string(out))
	require.Len(t, results, len(r.Seal)+len(r.Open))
	return results[:len(r.Seal)], results[len(r.Seal):]
}

func repeated(s string, n int) []string { return slices.Repeat([]string{s}, n) }

func waivedNames(list []envelope.Waiver) (out []string) {
	for _, w := range list {
		out = append(out, w.Name())
	}
	return out
}

func pkcs8(t *testing.T, k *rsa.PrivateKey) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(k)
	require.NoError(t, err)
	return der
}

// privatePEM and publicPEM are keys as the clients want them.
func privatePEM(t *testing.T, k *rsa.PrivateKey) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8(t, k)}))
}

func publicPEM(t *testing.T, k *rsa.PrivateKey) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki(t, &k.PublicKey)}))
}

// certificateFile is a file with a certificate of a key, as a partner hands it out.
func certificateFile(t *testing.T, subject pkix.Name, k *rsa.PrivateKey) string {
	c := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: subject, NotBefore: noon().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	require.NoError(t, err)
	return pemFile(t, "CERTIFICATE", der)
}

func pemFile(t *testing.T, kind string, der []byte) string {
	path := filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	return path
}

// opensAll requires that the client opened each message to the payload.
func opensAll(t *testing.T, opened []matrixResult) int {
	for _, r := range opened {
		assert.Empty(t, r.Err)
		assert.Equal(t, clientPayload, r.Out)
	}
	return len(opened)
}

// Mastercard's client writes A256GCM with an IV of 16 octets, and spells base64url with
// the "/" of base64 wherever one occurs: in all but one of 200 messages, since the key
// for RSA alone has 342 characters. It does not check the tag of A128CBC-HS256.
func TestClientMastercard(t *testing.T) {
	t.Parallel()
	private := rsaKeys[1]()
	sum := sha256.Sum256(spki(t, &private.PublicKey))
	fingerprint := hex.EncodeToString(sum[:])
	ours := newEnvelope(t, mastercard(set(t, encryption(t, "", private)), set(t, public(signing(t, "", rsaKeys[0]()))...)))
	partner := set(t, public(encryption(t, fingerprint, private))...)
	theirs := newEnvelope(t, mastercard(set(t, signing(t, "", rsaKeys[0]())), partner))
	withCBC := mastercard(set(t, signing(t, "", rsaKeys[0]())), partner)
	withCBC.Seal.Content = jwe.A128CBCHS256

	const messages = 40
	token, cbc := seal(t, theirs, clientPayload), string(seal(t, newEnvelope(t, withCBC), clientPayload))
	untagged := cbc[:strings.LastIndexByte(cbc, '.')+1] + b64(make([]byte, 16))
	rejects(t, ours, []byte(untagged), envelope.Corrupt)
	sealed, opened := runClient(t, mastercardScript, "mastercard-client-encryption", clientRequest{
		Certificate: certificateFile(t, pkix.Name{CommonName: "mastercard"}, private),
		PrivateKey:  pemFile(t, "PRIVATE KEY", pkcs8(t, private)),
		Seal:        repeated(clientPayload, messages),
		Open:        []string{string(token), cbc, untagged},
	})
	openedByIt := opensAll(t, opened[:2])
	opensAll(t, opened[2:])

	slashed, openedByUs := 0, 0
	for _, r := range sealed {
		assert.Equal(t, headerOf(token), headerOf([]byte(r.Out)), "the header is that of the profile")
		// JSON in base64 has a "/" only where a "?" stands in it. There is none in the
		// header, which is authenticated as it is spelled, so that the repair is exact.
		repaired := strings.ReplaceAll(r.Out, "/", "_")
		if repaired != r.Out {
			slashed++
			oe := rejects(t, ours, []byte(r.Out), envelope.Malformed)
			assert.ErrorContains(t, oe.Cause(), firstSlashed(r.Out)+`: not base64url in its one spelling: "+" or "/" stands in it, which is base64 and not base64url`)
		}
		m := open(t, ours, []byte(repaired))
		if assert.Equal(t, clientPayload, string(m.Payload)) {
			openedByUs++
		}
		assert.ElementsMatch(t, []string{"jwe.InsecureEncryptOnly", "jwe.InsecureLongIV"}, waivedNames(m.Waived))
	}
	assert.Greater(t, slashed, messages/2)
	interop(t, "Mastercard's client (Node)", `RSA-OAEP-256 and A256GCM, A128CBC-HS256; its "/" repaired to "_" by the caller`, openedByUs, openedByIt)
}

// firstSlashed names the first part of a compact JWE in which a "/" stands, in the order
// in which Open reads them.
func firstSlashed(token string) string {
	for i, part := range strings.Split(token, ".") {
		if strings.Contains(part, "/") {
			return []string{"header", "encrypted key", "IV", "ciphertext", "tag"}[i]
		}
	}
	return ""
}

// Juspay's client writes RSA-OAEP and reads RSA-OAEP-256, so that it does not open what
// it made itself. It has one key both to sign and to decrypt, and one of Juspay. The
// JWE is an object of its parts, which the caller writes and reads.
func TestClientJuspay(t *testing.T) {
	t.Parallel()
	const kid = "key_1" // of both keys: the client has one
	named := func(private *rsa.PrivateKey) *jwe.Key { return dualKey(private).WithName(kid) }
	us, partner := named(rsaKeys[2]()), named(rsaKeys[3]())
	profile := juspay(us.Info().ID)(set(t, us), set(t, public(partner)...))
	ours := newEnvelope(t, profile)
	with := func(change func(*jwe.Config)) *jwe.Envelope {
		c := profile
		change(&c)
		return newEnvelope(t, c)
	}
	token := seal(t, ours, clientPayload)
	sealed, opened := runClient(t, juspayScript, "expresscheckout-nodejs", clientRequest{
		KID: kid, PublicKey: publicPEM(t, rsaKeys[2]()), PrivateKey: privatePEM(t, rsaKeys[3]()),
		Seal: repeated(clientPayload, 4),
		Open: []string{
			juspayObject(token), string(token), // the parts of the JWE may stand in either form
			juspayObject(seal(t, with(func(c *jwe.Config) { c.Members = false }), clientPayload)),
		},
	})
	openedByIt := opensAll(t, opened[:2])
	// It looks for the signature of a compact JWS in a fourth part.
	assert.Contains(t, opened[2].Err, `The "signature" argument must be`)
	openedByUs := 0
	for _, r := range sealed {
		theirs := juspayToken(t, r.Out)
		assert.Equal(t, `{"alg":"RSA-OAEP","cty":"JWT","enc":"A256GCM","kid":"key_1"}`, headerOf(theirs))
		m := open(t, ours, theirs)
		if assert.Equal(t, clientPayload, string(m.Payload)) && assert.Len(t, m.Signers, 1) {
			assert.Equal(t, []any{"RS256", partner.Info().ID}, []any{m.Signers[0].Algorithm, m.Signers[0].ID})
			openedByUs++
		}
		oe := rejects(t, with(func(c *jwe.Config) { c.Members = false }), theirs, envelope.Unsigned)
		assert.ErrorContains(t, oe.Cause(), "the content is a JWS as an object of its parts, which Config.Members is for")
	}
	interop(t, "Juspay's client (Node)", "RS256 as members, RSA-OAEP in, RSA-OAEP-256 out, A256GCM; one key for both uses", openedByUs, openedByIt)

	// In our place, it does not open what it wrote itself.
	_, opened = runClient(t, juspayScript, "expresscheckout-nodejs", clientRequest{
		KID: kid, PublicKey: publicPEM(t, rsaKeys[3]()), PrivateKey: privatePEM(t, rsaKeys[2]()),
		Open: []string{sealed[0].Out},
	})
	assert.Contains(t, opened[0].Err, "DecryptionFailed")
	assert.Contains(t, opened[0].Err, "oaep decoding error")
}

// juspayNames are the members that hold the parts of a JWE, in their order.
var juspayNames = []string{"header", "encryptedKey", "iv", "encryptedPayload", "tag"}

func juspayObject(token []byte) string {
	members := map[string]string{}
	for i, part := range strings.Split(string(token), ".") {
		members[juspayNames[i]] = part
	}
	text, _ := json.Marshal(members) // of strings alone
	return string(text)
}

func juspayToken(t *testing.T, object string) []byte {
	var members map[string]string
	require.NoError(t, json.Unmarshal([]byte(object), &members))
	require.Len(t, members, len(juspayNames))
	var parts []string
	for _, name := range juspayNames {
		parts = append(parts, members[name])
	}
	return []byte(strings.Join(parts, "."))
}

// CyberSource's client takes the kid from the subject of the certificate, not from the
// certificate's own serial number, and opens responses.
func TestClientCyberSource(t *testing.T) {
	t.Parallel()
	const kid = "1760000000000000000000"
	private := rsaKeys[1]()
	subject := pkix.Name{CommonName: "CyberSource_SJC_US", SerialNumber: kid}
	certificate := certificateFile(t, subject, private)
	sign := set(t, signing(t, "", rsaKeys[0]()))
	ours := newEnvelope(t, cyberSource(set(t, encryption(t, kid, private)), set(t, public(signing(t, "", rsaKeys[0]()))...)))

	// What is read from the certificate is given that name, and no other.
	text, err := os.ReadFile(certificate)
	require.NoError(t, err)
	read, err := jwe.ReadKey(bytes.NewReader(text), keyset.Encryption)
	require.NoError(t, err)
	theirs := newEnvelope(t, cyberSource(sign, set(t, read.WithName(kid))))

	token := seal(t, theirs, clientPayload)
	sealed, opened := runClient(t, cyberSourceScript, "cybersource-rest-client", clientRequest{
		Alias: subject.CommonName, Certificate: certificate, PrivateKey: privatePEM(t, private),
		Seal: repeated(clientPayload, 4), Open: []string{string(token)},
	})
	openedByIt := opensAll(t, opened)
	openedByUs := 0
	for _, r := range sealed {
		iat := regexp.MustCompile(`"iat":[0-9]{10},`)
		assert.Regexp(t, iat, headerOf([]byte(r.Out)))
		assert.Equal(t, iat.ReplaceAllString(headerOf(token), ""), iat.ReplaceAllString(headerOf([]byte(r.Out)), ""), "the header is that of the profile")
		if assert.Equal(t, clientPayload, string(open(t, ours, []byte(r.Out)).Payload)) {
			openedByUs++
		}
	}
	interop(t, "CyberSource's client (Node)", "requests and responses: RSA-OAEP-256 and A256GCM, kid of the subject", openedByUs, openedByIt)
}
