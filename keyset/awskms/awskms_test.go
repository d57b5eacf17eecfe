//go:build unix

package awskms_test

import (
	"cmp"
	"crypto"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelopetest"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/keyset/awskms"
)

// subject is a key of a server, whose switches are those of a process.
func subject(t *testing.T, s *server, client *kms.Client, id string) envelopetest.RemoteSubject {
	k, err := awskms.Open(t.Context(), client, id)
	require.NoError(t, err)
	return envelopetest.RemoteSubject{Remote: k, Use: k.Use(), Stop: s.stop(t), Stall: s.Stall, Throttle: s.throttle}
}

func TestKeepsItsPromises(t *testing.T) {
	s, client := newServer(t)
	for name, id := range map[string]string{"RSA decrypts": rsaDecrypt, "P-256 signs": p256, "P-384 signs": p384} {
		t.Run(name, func(t *testing.T) {
			envelopetest.TestRemote(t, func(t *testing.T) envelopetest.RemoteSubject { return subject(t, s, client, id) })
		})
	}
}

// A key for key agreement, which local-kms does not have: the answers of the service are
// made here, with a real key.
func TestAgreementKeepsItsPromises(t *testing.T) {
	s, client := newServer(t)
	private, err := ecdh.P256().GenerateKey(rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	require.NoError(t, err)
	text := base64.StdEncoding.EncodeToString
	answers := func(r *http.Request) *http.Response {
		switch operationOf(r) {
		case "DescribeKey":
			return success(200, fmt.Sprintf(`{"KeyMetadata":{"KeyId":"x","Arn":%q,"KeySpec":"ECC_NIST_P256","KeyUsage":"KEY_AGREEMENT","KeyState":"Enabled","KeyAgreementAlgorithms":["ECDH"]}}`, arn("x")))
		case "GetPublicKey":
			return success(200, fmt.Sprintf(`{"KeyId":%q,"PublicKey":%q}`, arn("x"), text(der)))
		}
		var in struct{ PublicKey []byte }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			return failure("ValidationException", err.Error())
		}
		if err := r.Context().Err(); err != nil {
			return failure("KMSInternalException", err.Error())
		}
		ephemeral, err := x509.ParsePKIXPublicKey(in.PublicKey)
		if err != nil {
			return failure("ValidationException", err.Error())
		}
		public, err := ephemeral.(interface {
			ECDH() (*ecdh.PublicKey, error)
		}).ECDH()
		if err != nil {
			return failure("ValidationException", err.Error())
		}
		secret, err := private.ECDH(public)
		if err != nil {
			return failure("ValidationException", err.Error())
		}
		return success(200, fmt.Sprintf(`{"KeyId":%q,"SharedSecret":%q}`, arn("x"), text(secret)))
	}
	envelopetest.TestRemote(t, func(t *testing.T) envelopetest.RemoteSubject {
		s.answering(answers)
		k, err := awskms.Open(t.Context(), client, arn("x"))
		require.NoError(t, err)
		return envelopetest.RemoteSubject{Remote: k, Use: k.Use(), Throttle: func() func() {
			s.throttle()
			return func() { s.answering(answers) }
		}}
	})
}

// local-kms makes RSASSA-PSS with the longest salt, where AWS KMS makes one as long as the
// hash (RFC 7518, Section 3.5). The suite finds that, and nothing else: this test runs
// itself as a process, and reads which promises it saw broken.
func TestPSSOfLocalKMS(t *testing.T) {
	if os.Getenv(child) != "" {
		s, client := newServer(t)
		envelopetest.TestRemote(t, func(t *testing.T) envelopetest.RemoteSubject { return subject(t, s, client, rsaSign) })
		return
	}
	binary, err := built()
	require.NoError(t, err)
	cmd := exec.Command(os.Args[0], "-test.run=^TestPSSOfLocalKMS$", "-test.v")
	cmd.Env = append(os.Environ(), child+"="+binary)
	out, err := cmd.CombinedOutput()
	require.Error(t, err, "local-kms has been mended: hold its RSA key in TestKeepsItsPromises, and mend the README\n%s", out)
	verdicts := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^\s+--- (PASS|FAIL): TestPSSOfLocalKMS/(\w+)`).FindAllStringSubmatch(string(out), -1) {
		verdicts[m[2]] = m[1]
	}
	assert.Equal(t, map[string]string{"Capabilities": "PASS", "Public": "PASS", "Bind": "PASS", "Sign": "FAIL", "Decrypt": "PASS", "Agree": "PASS", "Undecryptable": "PASS",
		"Unsupported": "PASS", "Outage": "PASS", "Context": "PASS", "Ownership": "PASS", "Concurrency": "PASS"}, verdicts, "%s", out)
	var broken []string
	for _, m := range regexp.MustCompile(`(?m)^\s+promise\.go:\d+: (sign \w+: .*)$`).FindAllStringSubmatch(string(out), -1) {
		broken = append(broken, m[1])
	}
	slices.Sort(broken)
	const fault = ": the signature does not verify: crypto/rsa: verification error"
	assert.Equal(t, []string{"sign PS256" + fault, "sign PS384" + fault, "sign PS512" + fault}, broken, "%s", out)

	_, client := newServer(t)
	k, err := awskms.Open(t.Context(), client, rsaSign)
	require.NoError(t, err)
	digest := make([]byte, 32)
	sig, err := k.Bind(t.Context()).(crypto.Signer).Sign(rand.Reader, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})
	require.NoError(t, err)
	assert.NoError(t, rsa.VerifyPSS(k.Public().(*rsa.PublicKey), crypto.SHA256, digest, sig, &rsa.PSSOptions{SaltLength: 256 - 32 - 2}), "the longest salt")
}

// The table of the README is what the suite sees.
func TestREADME(t *testing.T) {
	raw, err := os.ReadFile("README.md")
	require.NoError(t, err)
	s, client := newServer(t)
	rows := regexp.MustCompile("(?m)^\\| `((?:sign|decrypt) [^`]+)` \\|([^|]*)\\|([^|]*)\\|$").FindAllStringSubmatch(string(raw), -1)
	written, seen := map[string]string{}, map[string]string{}
	for _, row := range rows {
		written[row[1]] = strings.TrimSpace(row[3])
	}
	for _, id := range []string{rsaSign, rsaDecrypt, p256, p384} {
		for _, c := range envelopetest.Capabilities(t.Context(), subject(t, s, client, id)) {
			switch {
			case c.Does:
				seen[c.Operation] = "yes"
			case strings.Contains(c.Says, errors.ErrUnsupported.Error()):
				seen[c.Operation] = "no"
			default:
				seen[c.Operation] = "wrongly"
			}
		}
	}
	assert.Equal(t, seen, written)
}

// What is wrong is said at load, with the name of the key.
func TestOpenErrors(t *testing.T) {
	s, client := newServer(t)
	ctx := t.Context()
	disabled, err := client.CreateKey(ctx, &kms.CreateKeyInput{KeySpec: "ECC_NIST_P256", KeyUsage: "SIGN_VERIFY"})
	require.NoError(t, err)
	_, err = client.DisableKey(ctx, &kms.DisableKeyInput{KeyId: disabled.KeyMetadata.KeyId})
	require.NoError(t, err)
	deleted, err := client.CreateKey(ctx, &kms.CreateKeyInput{KeySpec: "RSA_2048", KeyUsage: "ENCRYPT_DECRYPT"})
	require.NoError(t, err)
	_, err = client.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: deleted.KeyMetadata.KeyId})
	require.NoError(t, err)
	described := func(spec, usage, state string) string {
		return fmt.Sprintf(`{"KeyMetadata":{"KeyId":"x","Arn":%q,"KeySpec":%q,"KeyUsage":%q,"KeyState":%q}}`, arn("x"), spec, usage, state)
	}
	type answer func() *http.Response
	type on map[string]answer // by operation; what is not there is asked
	failure := func(code, message string) answer { return func() *http.Response { return failure(code, message) } }
	success := func(status int, body string) answer {
		return func() *http.Response { return success(status, body) }
	}
	for name, tt := range map[string]struct {
		key  string
		on   on
		want string
		wait bool // trying again may help
	}{
		"symmetric":           {symmetric, nil, "it is of SYMMETRIC_DEFAULT for ENCRYPT_DECRYPT; make one of RSA_*", false},
		"for MACs":            {hmacKey, nil, "it is of HMAC_256 for GENERATE_VERIFY_MAC; make one of", false},
		"disabled":            {aws.ToString(disabled.KeyMetadata.KeyId), nil, `in state "Disabled"; enable it (kms:EnableKey)`, true},
		"to be deleted":       {aws.ToString(deleted.KeyMetadata.KeyId), nil, "cancel that (kms:CancelKeyDeletion)", true},
		"no such key":         {"11111111-0000-4000-8000-000000000099", nil, "it is not in the region of the client", false},
		"no such alias":       {"alias/none", nil, "it is not in the region of the client", false},
		"of another region":   {"arn:aws:kms:us-east-1:111122223333:key/" + p256, nil, "it is not in the region of the client", false},
		"no ARN":              {"arn:aws", nil, "it is not in the region", false},
		"not to be described": {p256, on{"DescribeKey": failure("AccessDeniedException", "no")}, "grant kms:DescribeKey on the key", true},
		"not to be read":      {p256, on{"GetPublicKey": failure("AccessDeniedException", "no")}, "grant kms:GetPublicKey on the key", true},
		"asked too often":     {p256, on{"DescribeKey": failure("ThrottlingException", "no")}, "ThrottlingException", true},
		"a fault of theirs":   {p256, on{"GetPublicKey": failure("KMSInternalException", "no")}, "KMSInternalException", true},
		"no credentials":      {p256, on{"DescribeKey": failure("UnrecognizedClientException", "no")}, "UnrecognizedClientException", true},
		"Ed25519":             {p256, on{"DescribeKey": success(200, described("ECC_NIST_EDWARDS25519", "SIGN_VERIFY", "Enabled"))}, "at most 4096 bytes", false},
		"ML-KEM":              {p256, on{"DescribeKey": success(200, described("ML_KEM_768", "ENCAPSULATE_DECAPSULATE", "Enabled"))}, "it is of ML_KEM_768 for", false},
		"RSA that agrees":     {p256, on{"DescribeKey": success(200, described("RSA_2048", "KEY_AGREEMENT", "Enabled"))}, "it is of RSA_2048 for KEY_AGREEMENT", false},
		"not made yet":        {p256, on{"DescribeKey": success(200, described("RSA_2048", "SIGN_VERIFY", "Creating"))}, `in state "Creating"`, true},
		"nothing":             {p256, on{"DescribeKey": success(200, `{}`)}, "the service answers for another key", true},
		"another key":         {p256, on{"GetPublicKey": success(200, fmt.Sprintf(`{"KeyId":%q,"PublicKey":""}`, arn("x")))}, "the service answers for another key", true},
		"no public half":      {p256, on{"GetPublicKey": success(200, fmt.Sprintf(`{"KeyId":%q,"PublicKey":"AAAA"}`, arn(p256)))}, "its public half: ", false},
	} {
		end := s.answering(func(r *http.Request) *http.Response {
			if a := tt.on[operationOf(r)]; a != nil {
				return a()
			}
			return nil
		})
		_, err := awskms.Open(ctx, client, tt.key)
		end()
		assert.ErrorContains(t, err, tt.want, name)
		assert.ErrorContains(t, err, cmp.Or(tt.key, "?"), name)
		assert.Equal(t, tt.wait, errors.Is(err, keyset.ErrUnavailable), "%s: %v", name, err)
	}
	_, err = awskms.Open(ctx, nil, p256)
	assert.ErrorContains(t, err, "the client is nil")
	_, err = awskms.Open(ctx, client, "")
	assert.Error(t, err)
}

// An alias is resolved at load. When it moves, the key stays.
func TestAlias(t *testing.T) {
	_, client := newServer(t)
	k, err := awskms.Open(t.Context(), client, "alias/sign")
	require.NoError(t, err)
	assert.Equal(t, arn(p256), k.String())
	_, err = client.UpdateAlias(t.Context(), &kms.UpdateAliasInput{AliasName: aws.String("alias/sign"), TargetKeyId: aws.String(p384)})
	require.NoError(t, err)
	key, err := jwe.NewKey("k", k, keyset.Signing)
	require.NoError(t, err)
	assert.NoError(t, key.SelfTest(t.Context()))
	moved, err := awskms.Open(t.Context(), client, "alias/sign")
	require.NoError(t, err)
	assert.Equal(t, arn(p384), moved.String())
}

// What the service refuses for good is asked once; what it has a fault of its own with,
// more often. A missing permission says what to grant. Nothing is asked that a stranger
// could choose.
func TestAnswers(t *testing.T) {
	s, client := newServer(t)
	k, err := awskms.Open(t.Context(), client, rsaDecrypt)
	require.NoError(t, err)
	good, err := rsa.EncryptOAEP(crypto.SHA256.New(), rand.Reader, k.Public().(*rsa.PublicKey), []byte("x"), nil)
	require.NoError(t, err)
	oaep := &rsa.OAEPOptions{Hash: crypto.SHA256}
	for name, tt := range map[string]struct {
		ciphertext []byte
		opts       crypto.DecrypterOpts
		answer     string
		asked      int
		bad        bool
		want       string
	}{
		"bad ciphertext":     {good, oaep, "InvalidCiphertextException", 1, true, ""},
		"cannot be right":    {good, oaep, "ValidationException", 1, true, ""},
		"for another key":    {good, oaep, "IncorrectKeyException", 1, true, ""},
		"no permission":      {good, oaep, "AccessDeniedException", 1, false, "grant kms:Decrypt on the key"},
		"disabled":           {good, oaep, "DisabledException", 1, false, "enable it, or retire it"},
		"to be deleted":      {good, oaep, "KMSInvalidStateException", 1, false, "enable it, or retire it"},
		"it is gone":         {good, oaep, "NotFoundException", 1, false, "it is not in the region of the client"},
		"a fault of theirs":  {good, oaep, "KMSInternalException", 3, false, "KMSInternalException"},
		"asked too often":    {good, oaep, "ThrottlingException", 3, false, "ThrottlingException"},
		"credentials":        {good, oaep, "ExpiredTokenException", 1, false, "ExpiredTokenException"},
		"too short":          {good[1:], oaep, "", 0, true, ""},
		"PKCS #1 v1.5":       {good, nil, "", 0, false, "RSA-OAEP with SHA-1 or SHA-256, and nothing else"},
		"OAEP with SHA-384":  {good, &rsa.OAEPOptions{Hash: crypto.SHA384}, "", 0, false, "RSA-OAEP with SHA-1 or SHA-256, and nothing else"},
		"OAEP with a label":  {good, &rsa.OAEPOptions{Hash: crypto.SHA256, Label: []byte("x")}, "", 0, false, "unsupported"},
		"answers for others": {good, oaep, "200", 1, false, "the service answers for another key"},
	} {
		end := s.answering(func(*http.Request) *http.Response {
			if tt.answer == "200" {
				return success(200, `{"KeyId":"another","Plaintext":"AAAA"}`)
			}
			return failure(tt.answer, "as the test wants it")
		})
		_, err := k.Bind(t.Context()).(crypto.Decrypter).Decrypt(rand.Reader, tt.ciphertext, tt.opts)
		assert.Len(t, s.questions(), tt.asked, name)
		end()
		assert.Error(t, err, name)
		assert.Equal(t, tt.bad, k.Undecryptable(err), "%s: %v", name, err)
		assert.Equal(t, tt.asked > 0 && !tt.bad && tt.answer != "NotFoundException", errors.Is(err, keyset.ErrUnavailable), "%s: %v", name, err)
		assert.ErrorContains(t, err, tt.want, name)
	}
}

// Keys of a manifest, in a whole exchange.
func TestExchange(t *testing.T) {
	_, client := newServer(t)
	open := awskms.Opener(client)
	var own []keyset.Key
	for name, id := range map[string]string{"sign": "alias/sign", "read": arn(rsaDecrypt)} {
		m, err := open(t.Context(), keyset.ManifestKey{Name: name, Source: "awskms:" + id})
		require.NoError(t, err)
		require.NoError(t, m.SelfTest(t.Context()))
		own = append(own, keyset.Key{Material: m, State: keyset.Active})
	}
	for _, source := range []string{"file:x", "awskms:" + p256 + "?certificate=x"} {
		_, err := open(t.Context(), keyset.ManifestKey{Source: source})
		assert.Error(t, err)
	}
	// What the service does wrongly is told when the key is opened.
	_, err := open(t.Context(), keyset.ManifestKey{Use: keyset.Signing.String(), Source: "awskms:" + rsaSign + "#PS256"})
	assert.ErrorContains(t, err, "answers wrongly")
	us, err := keyset.New(1, own...)
	require.NoError(t, err)
	var theirs []keyset.Key
	for name, a := range map[string]jwe.Algorithm{"sign": jwe.ES256, "read": jwe.ECDHESA256KW} {
		k, err := jwe.GenerateKey(name, a)
		require.NoError(t, err)
		theirs = append(theirs, keyset.Key{Material: k, State: keyset.Active})
	}
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
