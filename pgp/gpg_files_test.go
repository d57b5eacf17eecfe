package pgp_test

import (
	"bytes"
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/pgp"
)

// A key whose primary half is offline, as "gpg --export-secret-subkeys" writes it,
// is written so that gpg reads it again as one.
func TestGnuPGOfflinePrimary(t *testing.T) {
	g := newGnuPG(t)
	fpr := g.generate("Offline", gpgCurve)
	k, err := pgp.ReadKey(bytes.NewReader(g.must(nil, "--export-secret-subkeys", fpr)))
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, k.WriteInsecurePrivateKey(&out))
	h := newGnuPG(t)
	h.must(out.Bytes(), "--import")
	list := string(h.must(nil, "--with-colons", "--list-secret-keys"))
	assert.Regexp(t, `(?m)^sec:[^\n]*:#:`, list, "the primary key is a stub")
	assert.Regexp(t, `(?m)^ssb:[^\n]*:\+:`, list, "the subkey is here")
	sealed := seal(t, newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(k))}), body)
	ours := newEnvelope(t, pgp.Config{Own: active(t, k), Peer: active(t, public(bank()))})
	open(t, ours, sealed)
}

// What a key file is instead of one, and which key it is that is locked.
func TestKeyFilesAreExplained(t *testing.T) {
	cert := mustCertificate(t, partner())
	for in, want := range map[string]string{
		"\xef\xbb\xbf" + string(cert):                                "byte order mark",
		base64.StdEncoding.EncodeToString(cert):                      "encoded twice",
		"-----BEGIN CERTIFICATE-----\nMIIB":                          "X.509",
		"\x30\x82\x02\x0a\x02\x82\x01\x01\x00":                       "DER",
		"ssh-ed25519 AAAAC3Nz bank@example.org":                      "SSH",
		string(bytes.Replace(cert, []byte("\n\n"), []byte("\n"), 1)): "no empty line",
		string(bytes.ReplaceAll(cert, []byte("\n"), []byte(`\n`))):   "spelled out",
		"\x00\x00\x00\x20\x01\x01\x00\x02KBXf\x00\x00":               "gpg --export",
		string(seal(t, newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner())), Encoding: pgp.Armor}), body)): "PGP MESSAGE",
	} {
		_, err := pgp.ReadKey(bytes.NewReader([]byte(in)))
		assert.ErrorContains(t, err, want)
	}
	e := entity(t, bank())
	require.NoError(t, e.EncryptPrivateKeys([]byte("right"), nil))
	var locked bytes.Buffer
	require.NoError(t, e.SerializePrivateWithoutSigning(&locked, nil))
	_, err := pgp.ReadKey(bytes.NewReader(locked.Bytes()))
	assert.ErrorContains(t, err, string(bank().Info().ID))
	assert.ErrorContains(t, err, "ReadLockedKey")
	_, err = pgp.ReadLockedKey(bytes.NewReader(locked.Bytes()), []byte("wrong"))
	assert.ErrorContains(t, err, string(bank().Info().ID))
	assert.NotContains(t, err.Error(), "wrong")
}

// A file that GnuPG signed as text opens, and says so.
func TestGnuPGTextMode(t *testing.T) {
	g := newGnuPG(t)
	fpr := g.generate("Partner", gpgCurve)
	g.must(mustCertificate(t, bank()), "--import")
	ours := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, g.export(fpr))})
	sealed := g.must([]byte("line one\nline two\n"), "--textmode", "--sign", "--encrypt", "--recipient", string(bank().Info().ID), "--local-user", fpr)
	m := open(t, ours, sealed)
	assert.Equal(t, "line one\r\nline two\r\n", string(m.Payload), "what was signed")
	assert.True(t, m.Text)
}
