package pkcs11_test

import (
	"bytes"
	"context"
	"testing"
	"testing/fstest"
	"time"

	binding "github.com/miekg/pkcs11"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		require.NoError(t, err)
		return v
	}
}

func active(t testing.TB, materials ...keyset.Material) *keyset.Set {
	var keys []keyset.Key
	for _, m := range materials {
		keys = append(keys, keyset.Key{Material: m, State: keyset.Active})
	}
	return must[*keyset.Set](t)(keyset.New(1, keys...))
}

// manifest writes a manifest of ours, and opens it as a program does.
func manifest(t testing.TB, format keyset.Format, open keyset.Opener, keys ...keyset.ManifestKey) *keyset.Set {
	m := &keyset.Manifest{Version: 1, Revision: 1, Format: format, Private: true, Keys: keys}
	return must[*keyset.Set](t)(m.Open(t.Context(), open))
}

// entry is the line of a manifest for the key of a source.
func entry(t testing.TB, open keyset.Opener, source string) keyset.ManifestKey {
	m, err := open(t.Context(), keyset.ManifestKey{Source: source})
	require.NoError(t, err)
	i := m.Info()
	return keyset.ManifestKey{ID: i.ID, Name: "from the manifest", Use: i.Use.String(), State: keyset.Active, Source: source, Digest: m.(keyset.Digester).Digest()}
}

// exchange sends a message each way.
func exchange(t testing.TB, us, them envelope.Envelope) {
	ctx := t.Context()
	m, err := them.Open(ctx, must[[]byte](t)(us.Seal(ctx, []byte("signed on the token"))))
	require.NoError(t, err)
	assert.Equal(t, "signed on the token", string(m.Payload))
	m, err = us.Open(ctx, must[[]byte](t)(them.Seal(ctx, []byte("decrypted on the token"))))
	require.NoError(t, err)
	assert.Equal(t, "decrypted on the token", string(m.Payload))
}

// What a partner makes is opened by keys on a token, and what they sign is accepted: for
// every kind of key, by way of a manifest.
func TestOpenJOSE(t *testing.T) {
	h := start(t)
	h.generate("rsa", 1, rsaKey(2048), binding.CKA_SIGN, binding.CKA_DECRYPT) // as pkcs11-tool makes it
	h.generate("rsa-open", 8, rsaKey(2048), binding.CKA_DECRYPT)
	h.generate("rsa-sign", 2, rsaKey(2048), binding.CKA_SIGN)
	h.generate("ec-sign", 3, curve(p256), binding.CKA_SIGN)
	h.generate("ed-sign", 4, edwards("\x06\x03\x2b\x65\x70"), binding.CKA_SIGN)
	h.generate("ec-dh", 5, curve(p256), binding.CKA_DERIVE)
	h.generate("ec-dh-384", 6, curve(p384), binding.CKA_DERIVE)
	h.generate("x25519", 7, edwards("\x06\x03\x2b\x65\x6e"), binding.CKA_DERIVE)
	h.logout()
	open := h.open().OpenJOSE()
	theirSign, theirEnc := must[*jwe.Key](t)(jwe.GenerateKey("s", jwe.ES256)), must[*jwe.Key](t)(jwe.GenerateKey("e", jwe.ECDHESA256KW))
	for _, pair := range [][2]string{
		{"rsa-sign", "ec-dh"}, {"rsa-sign#RS384", "ec-dh-384#ECDH-ES"}, {"ec-sign", "x25519"}, {"ed-sign", "rsa#RSA-OAEP"}, {"ec-sign#ES256", "rsa#RSA1_5"},
	} {
		t.Run(pair[0]+" and "+pair[1], func(t *testing.T) {
			own := manifest(t, keyset.JOSE, open, entry(t, open, source(pair[0])), entry(t, open, source(pair[1])))
			waive := []envelope.Waiver{jwe.InsecureRSA1_5("an older profile")}
			us := must[*jwe.Envelope](t)(jwe.New(jwe.Config{Own: own, Peer: active(t, theirSign.Public(), theirEnc.Public()), Waive: waive}))
			them := must[*jwe.Envelope](t)(jwe.New(jwe.Config{Own: active(t, theirSign, theirEnc), Peer: own.Public(), Waive: waive}))
			exchange(t, us, them)
			for k := range own.All() {
				assert.Equal(t, "from the manifest", k.Material.Info().Name)
			}
		})
	}
	for source, want := range map[string]string{
		source("rsa"):                    "to sign and to decrypt: name an algorithm, such as #ES256 or #RSA-OAEP-256",
		source("rsa") + "#RSA-OAEP-256":  "does not do RSA-OAEP with SHA-256",
		source("rsa-open"):               `does not do RSA-OAEP-256, which partners take for a key that names no algorithm, but RSA-OAEP: bind the key`,
		source("rsa-sign") + "#RSA-OAEP": "it needs CKA_DECRYPT",
		source("ec-sign") + "#ECDH-ES":   "it needs CKA_DERIVE",
		source("ec-dh") + "#ES256":       "it needs CKA_SIGN",
	} {
		_, err := open(t.Context(), keyset.ManifestKey{Source: source})
		assert.ErrorContains(t, err, want, source)
		assert.NotErrorIs(t, err, keyset.ErrUnavailable, source)
	}
}

func TestOpenPGP(t *testing.T) {
	h := start(t)
	h.generate("bank", 1, rsaKey(2048), binding.CKA_SIGN)
	h.generate("bank", 2, rsaKey(2048), binding.CKA_DECRYPT)
	h.generate("bank", 3, rsaKey(2048), binding.CKA_SIGN) // of another certificate
	h.generate("ec", 4, curve(p256), binding.CKA_SIGN)
	h.generate("weak", 5, rsaKey(1024), binding.CKA_SIGN)
	h.logout()
	m := h.open()
	certificate := func(sign, decrypt string) []byte {
		primary := must[keyset.Remote](t)(m.Remote(t.Context(), sign, keyset.Signing))
		subkey := must[keyset.Remote](t)(m.Remote(t.Context(), decrypt, keyset.Encryption))
		key, err := pgp.NewRemoteCertificate(t.Context(), "Bank <keys@bank.example>", primary, subkey, 24*time.Hour)
		require.NoError(t, err)
		var b bytes.Buffer
		require.NoError(t, key.WriteCertificate(&b))
		return b.Bytes()
	}
	theirs := must[*pgp.Key](t)(pgp.GenerateKey("Partner", pgp.Curve25519, 24*time.Hour))
	var partners bytes.Buffer
	require.NoError(t, theirs.WriteCertificate(&partners))
	files := fstest.MapFS{
		"rsa.asc":     {Data: certificate(source("bank")+";id=%01", source("bank")+";id=%02")},
		"ec.asc":      {Data: certificate(source("ec"), source("bank")+";id=%02")},
		"partner.asc": {Data: partners.Bytes()},
	}
	open := m.OpenPGP(files)
	for _, source := range []string{
		source("bank") + "?certificate=rsa.asc", // passes over the third
		"pkcs11:token=bank?certificate=ec.asc",  // every key of the token
	} {
		t.Run(source, func(t *testing.T) {
			own := manifest(t, keyset.OpenPGP, open, entry(t, open, source))
			us := must[*pgp.Envelope](t)(pgp.New(pgp.Config{Own: own, Peer: active(t, theirs.Public())}))
			them := must[*pgp.Envelope](t)(pgp.New(pgp.Config{Own: active(t, theirs), Peer: own.Public()}))
			exchange(t, us, them)
		})
	}
	both := (keyset.Signing | keyset.Encryption).String()
	for source, want := range map[string]string{
		source("bank"):                                         "add ?certificate=NAME",
		source("bank") + "?certificate=none.asc":               "none.asc",
		source("bank") + "?certificate=partner.asc":            "none of 3 private keys",
		source("bank") + ";id=%01?certificate=rsa.asc":         "with the private keys of",
		source("ec") + "?certificate=rsa.asc":                  "none of 1 private keys",
		source("nothing") + "?certificate=rsa.asc":             "no such private key",
		source("bank") + "?pin-value=1234&certificate=rsa.asc": "a PIN does not stand in a URI",
	} {
		_, err := open(t.Context(), keyset.ManifestKey{Source: source, Use: both})
		assert.ErrorContains(t, err, want, source)
		assert.NotErrorIs(t, err, keyset.ErrUnavailable, source)
	}
}

// A token that is pulled out and put back is an outage, in both formats, and no message is
// rejected for it.
func TestPulledOut(t *testing.T) {
	h := start(t)
	h.generate("sign", 1, curve(p256), binding.CKA_SIGN)
	h.generate("open", 2, rsaKey(2048), binding.CKA_DECRYPT)
	h.logout()
	open := h.open().OpenJOSE()
	own := manifest(t, keyset.JOSE, open, entry(t, open, source("sign")), entry(t, open, source("open")+"#RSA-OAEP"))
	sign, enc := must[*jwe.Key](t)(jwe.GenerateKey("s", jwe.ES256)), must[*jwe.Key](t)(jwe.GenerateKey("e", jwe.ECDHESA256KW))
	us := must[*jwe.Envelope](t)(jwe.New(jwe.Config{Own: own, Peer: active(t, sign.Public(), enc.Public())}))
	them := must[*jwe.Envelope](t)(jwe.New(jwe.Config{Own: active(t, sign, enc), Peer: own.Public()}))
	message := must[[]byte](t)(them.Seal(context.Background(), []byte("hello")))
	for range 3 {
		back := h.pullOut()
		_, err := us.Open(t.Context(), message)
		assert.ErrorIs(t, err, keyset.ErrUnavailable)
		assert.NotErrorIs(t, err, envelope.ErrRejected)
		assert.ErrorContains(t, err, "there is no such token")
		_, err = us.Seal(t.Context(), []byte("hello"))
		assert.ErrorIs(t, err, keyset.ErrUnavailable)
		back()
		m, err := us.Open(t.Context(), message)
		require.NoError(t, err)
		assert.Equal(t, "hello", string(m.Payload))
	}
	asked := h.pins.Load()
	require.NoError(t, h.admin.CloseAllSessions(h.slot("bank"))) // as a token does that was away for a moment
	exchange(t, us, them)
	assert.Equal(t, asked+1, h.pins.Load(), "one login")
}
