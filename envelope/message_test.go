package envelope_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
)

const (
	canary       = "CANARY-PAYLOAD"
	headerCanary = "CANARY-HEADER"
)

var (
	signedAt  = time.Date(2026, 12, 3, 9, 30, 0, 0, time.UTC)
	decrypter = envelope.KeyUse{ID: "OURS", Subkey: "SUB", Own: true, Use: keyset.Encryption, State: keyset.Active, Algorithm: "RSA-3072"}
	signer    = envelope.KeyUse{ID: "THEIRS", Use: keyset.Signing, State: keyset.Retiring, Algorithm: "Ed25519/SHA-512", Time: signedAt, Digest: [32]byte{0xd1, 0x9e}}
	ignored   = envelope.KeyUse{ID: "REVOKED", Use: keyset.Signing, State: keyset.Revoked, Algorithm: "RSA-2048/SHA-256"}
)

func message() *envelope.Message {
	return &envelope.Message{
		Payload:   []byte(canary),
		SealedAs:  keyset.OpenPGP,
		Signers:   []envelope.KeyUse{signer},
		Ignored:   []envelope.KeyUse{ignored},
		Decrypter: decrypter,
		Bound:     true,
		Header:    map[string]any{headerCanary: headerCanary},
		Content:   "AES-256/OCB",
		Addressed: []keyset.ID{"OURS"},
		Unknown:   []keyset.ID{"STRANGER"},
		Opened:    signedAt.Add(time.Second),
		Waived:    []envelope.Waiver{envelope.NewWaiver("pgp.InsecureSHA1Certificates", "their HSM is from 2009")},
	}
}

// assertHidden looks for the canaries in all spellings that fmt knows.
func assertHidden(t *testing.T, text, from string) {
	t.Helper()
	for _, c := range []string{canary, headerCanary} {
		for _, s := range []string{c, hex.EncodeToString([]byte(c)), strings.ToUpper(hex.EncodeToString([]byte(c))),
			fmt.Sprint([]byte(c)), strings.Trim(fmt.Sprint([]byte(c)), "[]"), fmt.Sprintf("%#v", []byte(c)), base64.StdEncoding.EncodeToString([]byte(c))} {
			assert.NotContains(t, text, s, from)
		}
	}
}

func TestMessagePrintsWithoutPayload(t *testing.T) {
	m := message()
	const want = "openpgp message of 14 bytes, signed by [THEIRS], decrypted by OURS, opened 2026-12-03T09:30:01Z"
	every(func(format string) {
		for _, v := range []any{m, *m} {
			text := fmt.Sprintf(format, v)
			assertHidden(t, text, format)
			if !strings.HasSuffix(format, "T") {
				assert.Equal(t, want, text, format)
			}
		}
		for _, v := range []any{[]*envelope.Message{m}, []envelope.Message{*m}, struct{ M *envelope.Message }{m}, struct{ M envelope.Message }{*m},
			map[string]any{"m": *m}, &m} {
			assertHidden(t, fmt.Sprintf(format, v), format)
		}
	})
	assertHidden(t, fmt.Sprint(m, *m), "Sprint")
	assert.Equal(t, " message of 0 bytes, signed by [], decrypted by , opened 0001-01-01T00:00:00Z", fmt.Sprint(envelope.Message{}))
}

func TestMessageLogsWithoutPayload(t *testing.T) {
	m := message()
	for name, v := range map[string]any{"message": m, "copy": *m} {
		t.Run(name, func(t *testing.T) {
			text, doc := logged(slog.Any("message", v))
			assertHidden(t, text, "text")
			assertHidden(t, doc, "json")
			for _, s := range []string{
				"message.format=openpgp", "message.size=14", "message.decrypter.id=OURS", "message.decrypter.subkey=SUB", "message.decrypter.own=true",
				"message.signers.0.id=THEIRS", "message.signers.0.state=retiring", "message.signers.0.digest=d19e0000",
				"message.ignored.0.id=REVOKED", "message.ignored.0.state=revoked", "message.bound=true", "message.content=AES-256/OCB",
				"message.addressed=[OURS]", "message.unknown=[STRANGER]", "pgp.InsecureSHA1Certificates: their HSM is from 2009",
			} {
				assert.Contains(t, text, s)
			}
			var line struct {
				Message struct {
					Format    string
					Size      int
					Decrypter map[string]any
					Signers   map[string]map[string]any
					Opened    time.Time
					Waived    []string
				}
			}
			require.NoError(t, json.Unmarshal([]byte(doc), &line), doc)
			assert.Equal(t, 14, line.Message.Size)
			assert.Equal(t, "THEIRS", line.Message.Signers["0"]["id"])
			assert.Equal(t, "signing", line.Message.Signers["0"]["use"])
			assert.Equal(t, "encryption", line.Message.Decrypter["use"])
			assert.True(t, m.Opened.Equal(line.Message.Opened))
			assert.Equal(t, []string{"pgp.InsecureSHA1Certificates: their HSM is from 2009"}, line.Message.Waived)
		})
	}

	t.Run("nothing to say is left out", func(t *testing.T) {
		text, _ := logged(slog.Any("message", envelope.Message{SealedAs: keyset.JOSE, Decrypter: decrypter}))
		for _, s := range []string{"addressed", "unknown", "waived", "signers", "ignored"} {
			assert.NotContains(t, text, s)
		}
	})
}

func TestSignedBy(t *testing.T) {
	m := &envelope.Message{Signers: []envelope.KeyUse{{ID: "A"}, {ID: "B"}}, Ignored: []envelope.KeyUse{{ID: "C"}}, Decrypter: envelope.KeyUse{ID: "D"}}
	for id, want := range map[keyset.ID]bool{"A": true, "B": true, "C": false, "D": false, "a": false, "": false} {
		assert.Equal(t, want, m.SignedBy(id), id)
	}
	assert.False(t, new(envelope.Message).SignedBy("A"))
}

// Of a message that is signed inside and outside, the inside speaks.
func TestSignedByOfLayers(t *testing.T) {
	in, out := envelope.KeyUse{ID: "IN"}, envelope.KeyUse{ID: "OUT", Layer: envelope.Outer}
	for _, order := range [][]envelope.KeyUse{{in, out}, {out, in}} {
		m := &envelope.Message{Signers: order}
		assert.True(t, m.SignedBy("IN"))
		assert.False(t, m.SignedBy("OUT"))
	}
	assert.True(t, (&envelope.Message{Signers: []envelope.KeyUse{out}}).SignedBy("OUT"))
	assert.Equal(t, "inner", envelope.Inner.String())
	assert.Equal(t, "outer", envelope.Outer.String())
	assert.Equal(t, "layer 7", envelope.Layer(7).String())
	text, _ := logged(slog.Any("key", out))
	assert.Contains(t, text, "key.layer=outer")
}

func TestKeyUsePrints(t *testing.T) {
	assert.Equal(t, "our active key OURS/SUB (encryption, RSA-3072)", decrypter.String())
	assert.Equal(t, "partner's retiring key THEIRS (signing, Ed25519/SHA-512)", signer.String())
	assert.Equal(t, "our active key OURS/SUB (encryption, RSA-3072)", fmt.Sprint(&decrypter))

	text, doc := logged(slog.Any("key", decrypter))
	assert.Equal(t, `level=INFO msg=m key.id=OURS key.subkey=SUB key.own=true key.use=encryption key.state=active key.algorithm=RSA-3072`, text)
	assert.Equal(t, `{"level":"INFO","msg":"m","key":{"id":"OURS","subkey":"SUB","own":true,"use":"encryption","state":"active","algorithm":"RSA-3072"}}`, doc)
	text, _ = logged(slog.Any("key", signer))
	assert.Equal(t, `level=INFO msg=m key.id=THEIRS key.own=false key.use=signing key.state=retiring key.algorithm=Ed25519/SHA-512`+
		` key.time=2026-12-03T09:30:00.000Z key.digest=d19e`+strings.Repeat("00", 30), text)
}

// Whoever marshals a message writes to a log more often than to a store.
func TestMessageMarshalsWithoutPayload(t *testing.T) {
	m := &envelope.Message{Payload: []byte("CANARY"), Decrypter: envelope.KeyUse{State: keyset.Active}, Header: map[string]any{"h": "CANARY"}, Content: "A256GCM"}
	for _, v := range []any{m, *m, []*envelope.Message{m}, struct{ M envelope.Message }{*m}} {
		text, err := json.Marshal(v)
		require.NoError(t, err)
		assert.Contains(t, string(text), "A256GCM")
		assert.NotContains(t, string(text), "CANARY")
		assert.NotContains(t, string(text), base64.StdEncoding.EncodeToString([]byte("CANARY")))
	}
}
