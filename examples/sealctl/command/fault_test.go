package command

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	payments "github.com/sealwax/sealwax/examples/standardpayments"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// A stage has an endpoint's keys, and those of a network, which the endpoint knows as
// active, expired, and revoked.
type stage struct {
	format                         keyset.Format
	bank1, bank2                   []string
	network, old, revoked, nowhere []string
	args                           []string // of sealctl serve
}

func newStage(t *testing.T, format keyset.Format) *stage {
	s := &stage{format: format}
	s.bank1, s.bank2 = keygens(t, format, "bank1"), keygens(t, format, "bank2")
	s.network, s.old, s.revoked, s.nowhere = keygens(t, format, "net"), keygens(t, format, "expired"), keygens(t, format, "revoked"), keygens(t, format, "stranger")
	if format == keyset.OpenPGP {
		s.old, s.bank1 = []string{keyOfLastWeek(t, "expired", 2*time.Hour)}, []string{keyOfLastWeek(t, "bank-of-last-week", 0)}
	}
	var keys []keyset.Key
	for state, files := range map[keyset.State][]string{keyset.Active: append(s.network, s.old...), keyset.Revoked: s.revoked} {
		for k := range side(t, files...).Public().All() {
			k.State = state
			if k.Material.Info().Name == "expired-sign" {
				k.NotAfter = time.Now().Add(-time.Hour)
			}
			name := "file:peer-" + string(k.ID())[:8]
			k.Source = name
			writePublic(t, strings.TrimPrefix(name, "file:"), k.Material)
			keys = append(keys, k)
		}
	}
	set, err := keyset.New(1, keys...)
	require.NoError(t, err)
	require.NoError(t, set.Manifest().WriteFile("peer.json"))
	s.args = append(flags("-own", append(s.bank1, s.bank2...)...), "-peer", "peer.json")
	return s
}

func writePublic(t *testing.T, name string, m keyset.Material) {
	var b bytes.Buffer
	if k, ok := m.(*pgp.Key); ok {
		require.NoError(t, k.WriteCertificate(&b))
	} else {
		require.NoError(t, m.(*jwe.Key).WritePublicJWK(&b))
	}
	require.NoError(t, os.WriteFile(name, b.Bytes(), 0o600))
}

// lastWeek is when the expired key was good.
var lastWeek = time.Now().AddDate(0, 0, -7)

// keyOfLastWeek makes an OpenPGP key that began before lastWeek, and that may have ended.
func keyOfLastWeek(t *testing.T, name string, lifetime time.Duration) string {
	then := func() time.Time { return lastWeek.Add(-time.Hour) }
	c := &packet.Config{Time: then, KeyLifetimeSecs: uint32(lifetime.Seconds()), Algorithm: packet.PubKeyAlgoEdDSA}
	e, err := openpgp.NewEntity(name, "", "", c)
	require.NoError(t, err)
	var b bytes.Buffer
	w, err := armor.Encode(&b, openpgp.PrivateKeyType, nil)
	require.NoError(t, err)
	require.NoError(t, e.SerializePrivate(w, c))
	require.NoError(t, w.Close())
	require.NoError(t, os.WriteFile(name+".asc", b.Bytes(), 0o600))
	return name + ".asc"
}

// seal makes a request at a time with the network's keys.
func (s *stage) seal(t *testing.T, from, to []string, at time.Time, payload string) []byte {
	now := func() time.Time { return at }
	own, peer := side(t, from...), side(t, to...).Public()
	var e envelope.Envelope
	var err error
	if s.format == keyset.OpenPGP {
		e, err = pgp.New(pgp.Config{Own: own, Peer: peer, Now: now})
	} else {
		e, err = jwe.New(jwe.Config{Own: own, Peer: peer, Now: now})
	}
	require.NoError(t, err)
	return sealed(t, e, payload)
}

// unsigned makes a request that nobody signed.
func (s *stage) unsigned(t *testing.T) []byte {
	if s.format == keyset.JOSE {
		e, err := jwe.New(jwe.Config{Own: side(t, s.network...), Peer: side(t, s.bank1...).Public(), Waive: []envelope.Waiver{jwe.InsecureEncryptOnly("test")}})
		require.NoError(t, err)
		return sealed(t, e, echoNow())
	}
	bank, err := side(t, s.bank1...).Find("bank-of-last-week")
	require.NoError(t, err)
	to := entities(bank.Material, (*pgp.Key).WriteCertificate)
	var b bytes.Buffer
	w, err := openpgp.Encrypt(&b, to, nil, nil, nil, &packet.Config{DefaultCipher: packet.CipherAES256})
	require.NoError(t, err)
	_, err = w.Write([]byte(echoNow()))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// request returns the message by which the fault is found, and whether it is to be answered.
func (s *stage) request(t *testing.T, fault string) (body []byte, right bool) {
	now := time.Now()
	switch fault {
	case "first-key":
		return s.seal(t, s.network, s.bank2, now, echoNow()), true
	case "kid-required":
		k, err := side(t, s.bank1...).Find("bank1-encrypt")
		require.NoError(t, err)
		writePublic(t, "renamed.jwk", k.Material.(*jwe.Key).WithName("another").Public())
		return s.seal(t, s.network, []string{"renamed.jwk"}, now, echoNow()), true
	case "expired-signer":
		if s.format == keyset.OpenPGP {
			now = lastWeek
		}
		return s.seal(t, s.old, s.bank1, now, echoNow()), false
	case "revoked-signer":
		return s.seal(t, s.revoked, s.bank1, now, echoNow()), false
	case "unsigned":
		return s.unsigned(t), false
	case "text", "outage":
		return s.seal(t, s.nowhere, s.bank1, now, echoNow()), false
	case "lax-json":
		return s.seal(t, s.network, s.bank1, now, strings.Replace(echoNow(), `{`, `{ /* comment */ "clientMessage":'twice',`, 1)), false
	case "stale":
		return s.seal(t, s.network, s.bank1, now, echoAt(now.Add(-61*time.Second), "hello")), false
	case "no-limit":
		return s.seal(t, s.network, s.bank1, now, echoAt(now, strings.Repeat("x", 2<<20))), false
	}
	return s.seal(t, s.network, s.bank1, now, echoNow()), true // it shows in the reply
}

// Each fault is one mistake: the right endpoint does the opposite, and the faulty one does
// all else that it should.
func TestFaults(t *testing.T) {
	eachFormat(t, func(t *testing.T, format keyset.Format) {
		s := newStage(t, format)
		network := over(t, side(t, s.network...), side(t, append(s.bank1, s.bank2...)...))
		rightURL, _ := serving(t, s.args...)
		for _, f := range faults() {
			if f.format != "" && f.format != format {
				continue
			}
			t.Run(f.name, func(t *testing.T) {
				url, log := serving(t, append(s.args, "-fault", f.name)...)
				if f.name == "first-signature" {
					s.firstSignature(t, network, rightURL, url)
					return
				}
				body, answers := s.request(t, f.name)
				right, m := ask(t, rightURL, network, body)
				assert.Equal(t, answers, right.status == 200, "%+v", right)
				if answers {
					require.NotNil(t, m)
				}
				wrong, m := ask(t, url, network, body)
				switch f.name {
				case "text":
					assert.Equal(t, 404, wrong.status)
					assert.Contains(t, wrong.body, "unknown_signer")
				case "outage":
					assert.Equal(t, 503, wrong.status)
				case "reply-old-key":
					require.NotNil(t, m)
					assert.Len(t, m.Signers, 1)
				case "reply-plain":
					assert.Contains(t, wrong.body, `"clientMessage":"hello"`)
				case "reply-wrong-recipient":
					rejected, ok := wrong.err.(*envelope.OpenError)
					require.True(t, ok)
					assert.Equal(t, envelope.NotForUs, rejected.Reason)
				default:
					assert.Equal(t, !answers, wrong.status == 200, "%+v\n%s", wrong, log)
				}
				if !strings.HasPrefix(f.name, "reply-") {
					a, m := ask(t, url, network, s.seal(t, s.network, s.bank1, time.Now(), echoNow()))
					assert.Equal(t, 200, a.status, "a right message")
					require.NotNil(t, m)
					garbled, _ := ask(t, url, network, []byte("garbled"))
					assert.GreaterOrEqual(t, garbled.status, 400)
				}
			})
		}
	})
}

// Of the two orders of a known and an unknown signer, one is refused.
func (s *stage) firstSignature(t *testing.T, network envelope.Envelope, right, wrong string) {
	statuses := map[int]int{}
	for _, from := range [][]string{append(s.network, s.nowhere...), append(s.nowhere, s.network...)} {
		body := s.seal(t, from, s.bank1, time.Now(), echoNow())
		a, _ := ask(t, right, network, body)
		assert.Equal(t, 200, a.status)
		a, _ = ask(t, wrong, network, body)
		statuses[a.status]++
	}
	assert.Equal(t, map[int]int{200: 1, 404: 1}, statuses)
}

// The advised mode tells a signature from the rest. Faults add up.
func TestServeModes(t *testing.T) {
	eachFormat(t, func(t *testing.T, format keyset.Format) {
		s := newStage(t, format)
		network := over(t, side(t, s.network...), side(t, s.bank1...))
		stranger := s.seal(t, s.nowhere, s.bank1, time.Now(), echoNow())
		url, _ := serving(t, append(s.args, "-advised", "-refuse-unknown", "-fault", "text", "-fault", "stale")...)
		a, _ := ask(t, url, network, stranger)
		assert.Equal(t, 401, a.status)
		assert.Contains(t, a.body, "unknown_signer")
		a, _ = ask(t, url, network, []byte("garbled"))
		assert.Equal(t, 400, a.status)
		a, m := ask(t, url, network, s.seal(t, s.network, s.bank1, time.Now(), strings.Replace(echoNow(), "{", `{"later":1,`, 1)))
		assert.Equal(t, 400, a.status)
		require.NotNil(t, m)
		assert.Contains(t, string(m.Payload), payments.InvalidDecryptedRequest)
		a, _ = ask(t, url, network, s.seal(t, s.network, s.bank1, time.Now(), echoAt(time.Now().Add(-time.Hour), "")))
		assert.Equal(t, 200, a.status, fmt.Sprint(a))
	})
}

// What is no request is left to the strict decoder.
func TestRewritesLeaveTheRestAlone(t *testing.T) {
	for _, text := range []string{"", "x", `{"requestHeader":1}`, `{"requestHeader":{"requestTimestamp":1}}`} {
		assert.Equal(t, text, string(stampedNow([]byte(text))))
	}
	for in, out := range map[string]string{
		"": "", "{": "{", "\ufeff{}": "{}", `{"a":[1,],}`: `{"a":[1]}`, `{"a":1,"a":2} {}`: `{"a":2}`, "{'a':NaN}//": `{"a":0}`,
	} {
		assert.Equal(t, out, string(lax([]byte(in))), in)
	}
}

// A certificate may carry its own revocation, whatever the manifest says.
func TestRevokedCertificate(t *testing.T) {
	t.Chdir(t.TempDir())
	s := &stage{format: keyset.OpenPGP}
	s.bank1, s.network, s.revoked = keygens(t, s.format, "bank"), keygens(t, s.format, "net"), keygens(t, s.format, "revoked")
	sealctl(t, "public", "-revoke", "lost", "-o", "revoked-pub.asc", s.revoked[0])
	args := append(flags("-own", s.bank1...), flags("-peer", handOut(t, s.network...), "revoked-pub.asc")...)
	network := over(t, side(t, s.network...), side(t, s.bank1...))
	body := s.seal(t, s.revoked, s.bank1, time.Now(), echoNow())
	for _, tt := range []struct {
		fault  []string
		status int
	}{{nil, 404}, {flags("-fault", "expired-signer"), 404}, {flags("-fault", "revoked-signer"), 200}} {
		url, log := serving(t, append(args, tt.fault...)...)
		a, _ := ask(t, url, network, body)
		assert.Equal(t, tt.status, a.status, "%v\n%s", tt.fault, log)
	}
}
