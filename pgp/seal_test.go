package pgp_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

func TestRoundTrip(t *testing.T) {
	random := make([]byte, 100_000)
	rand.Read(random)
	for name, keys := range map[string][2]*pgp.Key{
		"Curve25519": {bank(), partner()},
		"RSA":        {bankRSA(), partRSA()},
		"mixed":      {bank(), partRSA()},
	} {
		ours, theirs := conversation(t, keys[0], keys[1])
		for _, payload := range [][]byte{nil, {0}, body, random[:191], random[:192], random[:8383], random[:8384], random} {
			t.Run(fmt.Sprintf("%s/%d", name, len(payload)), func(t *testing.T) {
				before := bytes.Clone(payload)
				sealed := seal(t, ours, payload)
				assert.Equal(t, before, payload, "Seal wrote to the payload")
				copied := bytes.Clone(sealed)
				m := open(t, theirs, sealed)
				assert.Equal(t, copied, sealed, "Open wrote to the message")
				assert.True(t, bytes.Equal(payload, m.Payload))
				require.Len(t, m.Signers, 1)
				assert.Equal(t, keys[0].Info().ID, m.Signers[0].ID)
				assert.True(t, m.SignedBy(keys[0].Info().ID))
				assert.Equal(t, keys[1].Info().ID, m.Decrypter.ID)
				assert.NotEmpty(t, m.Decrypter.Subkey)
				assert.Equal(t, []keyset.ID{keys[1].Info().ID}, m.Addressed)
				assert.True(t, m.Bound)
				assert.Equal(t, "AES-256/CFB", m.Content)
				assert.Equal(t, keyset.OpenPGP, m.SealedAs)
				assert.Contains(t, m.Signers[0].Algorithm, "/SHA-384")
				assert.NotZero(t, m.Signers[0].Digest)
				assert.WithinDuration(t, time.Now(), m.Signers[0].Time, time.Minute)
			})
		}
	}
}

// The document of a payment partner: several keys on both sides at once.
func TestSealUsesEveryActiveKey(t *testing.T) {
	next, nextPartner := newKey(t, "next"), newKey(t, "next partner")
	own, peer := active(t, bank(), next), active(t, public(partner()), public(nextPartner))
	ours := newEnvelope(t, pgp.Config{Own: own, Peer: peer})
	sealed := seal(t, ours, body)

	for _, tt := range []struct {
		name  string
		own   *pgp.Key
		trust []*pgp.Key
	}{
		{"old keys on both sides", partner(), []*pgp.Key{bank()}},
		{"new keys on both sides", nextPartner, []*pgp.Key{next}},
		{"new decrypts, old verifies", nextPartner, []*pgp.Key{bank()}},
		{"both verify", partner(), []*pgp.Key{bank(), next}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var trusted []*pgp.Key
			for _, k := range tt.trust {
				trusted = append(trusted, public(k))
			}
			theirs := newEnvelope(t, pgp.Config{Own: active(t, tt.own), Peer: active(t, trusted...)})
			m := open(t, theirs, sealed)
			assert.Equal(t, body, m.Payload)
			assert.Equal(t, tt.own.Info().ID, m.Decrypter.ID)
			require.Len(t, m.Signers, len(tt.trust))
			for _, k := range tt.trust {
				assert.True(t, m.SignedBy(k.Info().ID))
			}
			assert.Len(t, m.Unknown, 2-len(tt.trust))
			assert.Len(t, m.Addressed, 2)
		})
	}
}

func TestEncodings(t *testing.T) {
	_, theirs := conversation(t, bank(), partner())
	sealed := map[pgp.Encoding][]byte{}
	for _, enc := range []pgp.Encoding{pgp.Base64URL, pgp.Armor, pgp.Binary} {
		ours := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner())), Encoding: enc})
		sealed[enc] = seal(t, ours, body)
	}
	binary := sealed[pgp.Binary]
	lines := func(s string, n int, eol string) string {
		var b strings.Builder
		for len(s) > n {
			b.WriteString(s[:n] + eol)
			s = s[n:]
		}
		return b.String() + s + eol
	}
	url, std := base64.RawURLEncoding.EncodeToString(binary), base64.StdEncoding.EncodeToString(binary)
	require.True(t, strings.ContainsAny(url, "-_"))
	for name, in := range map[string]string{
		"base64url by Seal":   string(sealed[pgp.Base64URL]),
		"armor by Seal":       string(sealed[pgp.Armor]),
		"binary by Seal":      string(binary),
		"base64url":           url,
		"base64url, padded":   base64.URLEncoding.EncodeToString(binary),
		"base64url, newline":  url + "\n",
		"base64url, lines":    lines(url, 76, "\r\n"),
		"base64":              std,
		"base64, not padded":  strings.TrimRight(std, "="),
		"base64, MIME":        lines(std, 76, "\r\n"),
		"armor, CRLF":         strings.ReplaceAll(string(sealed[pgp.Armor]), "\n", "\r\n"),
		"armor, space around": "\r\n" + string(sealed[pgp.Armor]) + "\r\n\r\n",
		"armor, headers":      strings.Replace(string(sealed[pgp.Armor]), "\n\n", "\nVersion: X 1.0\nComment: c\n\n", 1),
		"armor, no checksum":  armorOf(binary, 64, ""),
		"armor, one line":     armorOf(binary, 1<<20, ""),
		"armor, bad checksum": armorOf(binary, 64, "=AAAA\n"), // RFC 9580, Section 6.1: must not be refused
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, body, open(t, theirs, []byte(in)).Payload)
		})
	}
	for name, in := range map[string]string{
		"mixed alphabets":            url + "+/",
		"base64url, space inside":    url[:40] + " " + url[40:],
		"wrong padding":              url + "=",
		"base64 of armor":            base64.RawURLEncoding.EncodeToString(sealed[pgp.Armor]),
		"armor without end":          strings.Split(string(sealed[pgp.Armor]), "-----END")[0],
		"armor with text after":      string(sealed[pgp.Armor]) + "and more",
		"armor twice":                string(sealed[pgp.Armor]) + string(sealed[pgp.Armor]),
		"armor of a key":             strings.ReplaceAll(string(sealed[pgp.Armor]), "PGP MESSAGE", "PGP PUBLIC KEY BLOCK"),
		"text before armor":          "see below\n" + string(sealed[pgp.Armor]),
		"armor with line breaks cut": strings.ReplaceAll(string(sealed[pgp.Armor]), "\n", ""),
		"binary with newline":        string(binary) + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			rejected(t, theirs, []byte(in), envelope.Malformed)
		})
	}
}

func armorOf(binary []byte, width int, checksum string) string {
	text := base64.StdEncoding.EncodeToString(binary)
	var b strings.Builder
	b.WriteString("-----BEGIN PGP MESSAGE-----\n\n")
	for len(text) > 0 {
		n := min(width, len(text))
		b.WriteString(text[:n] + "\n")
		text = text[n:]
	}
	b.WriteString(checksum + "-----END PGP MESSAGE-----\n")
	return b.String()
}

func TestContentType(t *testing.T) {
	for enc, want := range map[pgp.Encoding]string{
		pgp.Base64URL: "application/octet-stream; charset=utf-8",
		pgp.Binary:    "application/octet-stream; charset=utf-8",
		pgp.Armor:     "application/pgp-encrypted",
	} {
		e := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner())), Encoding: enc})
		assert.Equal(t, want, e.ContentType())
	}
}

// Trap T14: the library signs with SHA-256 and encrypts with AES-128 if a
// recipient does not list better, without a word.
func TestT14NeverSilentlyLess(t *testing.T) {
	poor := func(name string) *pgp.Key {
		e, err := openpgp.NewEntity(name, "", "", &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Curve: packet.Curve25519,
			DefaultCipher: packet.CipherAES128, DefaultHash: 5})
		require.NoError(t, err)
		return readEntity(t, e)
	}
	signer, recipient := poor("signer"), poor("recipient")
	ours, theirs := conversation(t, signer, recipient)
	m := open(t, theirs, seal(t, ours, body))
	assert.Equal(t, "AES-256/CFB", m.Content)
	assert.Contains(t, m.Signers[0].Algorithm, "/SHA-384")
}

// The library itself is one more reader of what Seal writes.
func TestLibraryReadsWhatSealWrites(t *testing.T) {
	for _, enc := range []pgp.Encoding{pgp.Armor, pgp.Binary} {
		ours := newEnvelope(t, pgp.Config{Own: active(t, bank(), bankRSA()), Peer: active(t, public(partner()), public(partRSA())), Encoding: enc})
		sealed := seal(t, ours, body)
		if enc == pgp.Armor {
			block, err := armor.Decode(bytes.NewReader(sealed))
			require.NoError(t, err)
			var b bytes.Buffer
			_, err = b.ReadFrom(block.Body)
			require.NoError(t, err)
			sealed = b.Bytes()
		}
		ring := openpgp.EntityList{entity(t, partner()), entity(t, partRSA()), entity(t, public(bank())), entity(t, public(bankRSA()))}
		md, err := openpgp.ReadMessage(bytes.NewReader(sealed), ring, nil, nil)
		require.NoError(t, err)
		var b bytes.Buffer
		_, err = b.ReadFrom(md.UnverifiedBody)
		require.NoError(t, err)
		assert.Equal(t, body, b.Bytes())
		require.NoError(t, md.SignatureError)
		require.Len(t, md.SignatureCandidates, 2)
		for _, c := range md.SignatureCandidates {
			assert.NoError(t, c.SignatureError)
		}
	}
}

func TestAlsoTo(t *testing.T) {
	archive := newKey(t, "archive")
	ours := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner())),
		AlsoTo: []keyset.Source{active(t, public(archive))}})
	sealed := seal(t, ours, body)
	for _, k := range []*pgp.Key{partner(), archive} {
		m := open(t, newEnvelope(t, pgp.Config{Own: active(t, k), Peer: active(t, public(bank()))}), sealed)
		assert.Equal(t, body, m.Payload)
		assert.True(t, m.Bound)
	}
	// The archive reads what is sealed, and cannot speak for the partner.
	_, fromArchive := conversation(t, bank(), archive)
	rejected(t, ours, seal(t, fromArchive, body), envelope.UnknownSigner)
}

func TestSealErrors(t *testing.T) {
	good := active(t, public(partner()))
	late := func() time.Time { return time.Now().Add(2 * year) }
	for _, tt := range []struct {
		name   string
		config pgp.Config
		text   string
	}{
		{"no active key of ours", pgp.Config{Own: inState(t, keyset.Pending, bank()), Peer: good}, "of ours"},
		{"no active key of the partner", pgp.Config{Own: active(t, bank()), Peer: inState(t, keyset.Retiring, public(partner()))}, "of the partner"},
		{"revoked", pgp.Config{Own: inState(t, keyset.Revoked, bank()), Peer: good}, "of ours"},
		{"expired", pgp.Config{Own: active(t, bank()), Peer: good, Now: late}, "of ours"},
		{"no key to archive to", pgp.Config{Own: active(t, bank()), Peer: good,
			AlsoTo: []keyset.Source{inState(t, keyset.Pending, public(third()))}}, "AlsoTo[0]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sealed, err := newEnvelope(t, tt.config).Seal(context.Background(), body)
			assert.Nil(t, sealed)
			require.ErrorIs(t, err, envelope.ErrNoKey)
			assert.ErrorContains(t, err, tt.text)
			assert.NotErrorIs(t, err, envelope.ErrRejected)
		})
	}
}

func TestContextIsDone(t *testing.T) {
	ours, theirs := conversation(t, bank(), partner())
	sealed := seal(t, ours, body)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := ours.Seal(ctx, body)
	assert.ErrorIs(t, err, context.Canceled)
	m, err := theirs.Open(ctx, sealed)
	assert.ErrorIs(t, err, context.Canceled)
	assert.NotErrorIs(t, err, envelope.ErrRejected)
	assert.Nil(t, m)
}

func TestNewErrors(t *testing.T) {
	own, peer := active(t, bank()), active(t, public(partner()))
	reason := "because the test says so"
	for name, c := range map[string]pgp.Config{
		"no Own":              {Peer: peer},
		"no Peer":             {Own: own},
		"halves swapped":      {Own: peer, Peer: own},
		"AlsoTo private":      {Own: own, Peer: peer, AlsoTo: []keyset.Source{own}},
		"AlsoTo nil":          {Own: own, Peer: peer, AlsoTo: []keyset.Source{nil}},
		"negative MaxSize":    {Own: own, Peer: peer, MaxSize: -1},
		"negative MaxAge":     {Own: own, Peer: peer, MaxAge: -1},
		"unknown Encoding":    {Own: own, Peer: peer, Encoding: 9},
		"nil ring":            {Own: (*keyset.Ring)(nil), Peer: peer},
		"long context":        {Own: own, Peer: peer, SealContext: strings.Repeat("x", 2000)},
		"waiver by hand":      {Own: own, Peer: peer, Waive: []envelope.Waiver{{}}},
		"waiver of others":    {Own: own, Peer: peer, Waive: []envelope.Waiver{envelope.NewWaiver("jwe.InsecureRSA1_5", reason)}},
		"waiver twice":        {Own: own, Peer: peer, Waive: []envelope.Waiver{pgp.InsecureUnsigned(reason), pgp.InsecureUnsigned(reason)}},
		"unsigned and bound":  {Own: own, Peer: peer, Waive: []envelope.Waiver{pgp.InsecureUnsigned(reason)}, RequireBound: true},
		"unsigned in context": {Own: own, Peer: peer, Waive: []envelope.Waiver{pgp.InsecureUnsigned(reason)}, OpenContext: "order"},
		"unsigned of an age":  {Own: own, Peer: peer, Waive: []envelope.Waiver{pgp.InsecureUnsigned(reason)}, MaxAge: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := pgp.New(c)
			assert.Error(t, err)
			assert.Nil(t, e)
		})
	}
	assert.Panics(t, func() { pgp.InsecureUnsigned("  ") })
	// A set of the wrong format cannot be made to fit; a set that becomes
	// wrong later is an error of ours, not of the message.
	_, err := pgp.New(pgp.Config{Own: own, Peer: peer})
	assert.NoError(t, err)
}
