package pkcs11_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	binding "github.com/miekg/pkcs11"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/keyset/pkcs11"
)

// Each mistake has an error when the key is loaded, that names the key, and what to do.
func TestBadInput(t *testing.T) {
	h := start(t)
	h.generate("rsa", 1, rsaKey(2048), binding.CKA_SIGN, binding.CKA_DECRYPT)
	h.generate("sign", 2, rsaKey(2048), binding.CKA_SIGN)
	h.generate("decrypt", 3, rsaKey(2048), binding.CKA_DECRYPT)
	h.generate("ec", 4, curve(p256), binding.CKA_SIGN)
	h.generate("nothing", 5, curve(p256))
	h.generate("twice", 6, curve(p256), binding.CKA_SIGN)
	h.generate("twice", 7, curve(p256), binding.CKA_SIGN)
	h.generate("ed", 8, edwards("\x06\x03\x2b\x65\x70"), binding.CKA_SIGN)
	h.generate("brainpool", 9, curve("\x06\x09\x2b\x24\x03\x03\x02\x08\x01\x01\x07"), binding.CKA_SIGN)
	public, _ := h.generate("private alone", 10, curve(p256), binding.CKA_SIGN)
	require.NoError(t, h.admin.DestroyObject(h.session, public))
	_, err := h.admin.GenerateKey(h.session, []*binding.Mechanism{binding.NewMechanism(binding.CKM_AES_KEY_GEN, nil)},
		[]*binding.Attribute{attribute(binding.CKA_TOKEN, true), attribute(binding.CKA_LABEL, "aes"), attribute(binding.CKA_VALUE_LEN, 32)})
	require.NoError(t, err)
	_, _, err = h.admin.GenerateKeyPair(h.session, []*binding.Mechanism{binding.NewMechanism(binding.CKM_RSA_PKCS_KEY_PAIR_GEN, nil)},
		append(rsaKey(2048).public, attribute(binding.CKA_TOKEN, true)),
		[]*binding.Attribute{attribute(binding.CKA_TOKEN, true), attribute(binding.CKA_LABEL, "each time"), attribute(binding.CKA_SIGN, true), attribute(binding.CKA_ALWAYS_AUTHENTICATE, true)})
	require.NoError(t, err)
	h.logout()
	m := h.open()

	const unsupported, unavailable = "unsupported", "unavailable"
	for _, tt := range []struct {
		source string
		use    keyset.Use
		want   string
		is     string
	}{
		{source("sign"), keyset.Encryption, `object=sign;id=%02": the key is not for encryption: it needs CKA_DECRYPT`, ""},
		{source("decrypt"), keyset.Signing, "is not for signing: it needs CKA_SIGN", ""},
		{source("ec"), keyset.Encryption, "it needs CKA_DERIVE", ""},
		{source("rsa"), keyset.Signing, "", ""},
		{source("rsa"), keyset.Signing | keyset.Encryption, "", ""},
		{source("rsa"), 0, "", ""},
		{source("nothing"), 0, "grants nothing of this key", ""},
		{source("twice"), 0, "2 private keys have this name; add id=%01", ""},
		{source("twice") + ";id=%06", 0, "", ""},
		{source("ed"), keyset.Encryption, "a ed25519.PublicKey is not for encryption", unsupported},
		{source("brainpool"), 0, "a curve or a point that is not known here", ""},
		{source("private alone"), 0, "the token has 0 public keys with this ID", ""},
		{source("aes"), 0, "the token has no such private key", ""},
		{source("each time"), 0, "CKA_ALWAYS_AUTHENTICATE", ""},
		{source("none"), 0, "the token has no such private key", ""},
		{"pkcs11:token=none;object=rsa", 0, `there is no such token among 1 ("bank")`, unavailable},
		{"pkcs11:token=bank;serial=7;object=rsa", 0, "there is no such token", unavailable},
		{"pkcs11:token=bank;object=rsa?pin-value=" + pin, 0, "a PIN does not stand in a URI", ""},
		{"pkcs11:token=bank;object=rsa?module-name=x&pin-value=" + pin, 0, "not supported", ""},
		{"pkcs11:token=bank;object=rsa;pin-value=" + pin, 0, "a PIN does not stand in a URI", ""},
		{"pkcs11:token=bank;object=rsa?pin-source=file:/pin", 0, "a PIN does not stand in a URI", ""},
		{"pkcs11:object=rsa", 0, "names no token", ""},
		{"pkcs11:", 0, "empty", ""},
		{"", 0, "is not a PKCS #11 URI", ""},
		{"file:rsa", 0, "is not a PKCS #11 URI", ""},
		{"pkcs11:token=bank;object=rsa;object=rsa", 0, "repeated", ""},
		{"pkcs11:token=bank;object=%zz", 0, "badly escaped", ""},
		{"pkcs11:token=bank;object=", 0, "empty", ""},
		{"pkcs11:token=bank;label=rsa", 0, `the attribute "label" is not supported`, ""},
		{"pkcs11:token=bank;object=rsa;type=public", 0, `the attribute "type" is not supported, or not with this value`, ""},
		{"pkcs11:token=bank;object=rsa;type=private", 0, "", ""},
		{"pkcs11:token=b%61nk;model=SoftHSM%20v2;object=rsa;id=%01", 0, "", ""},
	} {
		_, err := m.Remote(t.Context(), tt.source, tt.use)
		if tt.want == "" {
			assert.NoError(t, err, tt.source)
			continue
		}
		assert.ErrorContains(t, err, tt.want, tt.source)
		assert.NotContains(t, fmt.Sprint(err), pin)
		assert.Equal(t, tt.is == unsupported, errors.Is(err, errors.ErrUnsupported), tt.source)
		assert.Equal(t, tt.is == unavailable, errors.Is(err, keyset.ErrUnavailable), tt.source)
	}
}

func TestBadConfig(t *testing.T) {
	_, err := pkcs11.Open(pkcs11.Config{Library: "/nowhere/lib.so"})
	assert.ErrorContains(t, err, `"/nowhere/lib.so" cannot be loaded`)
	_, err = pkcs11.Open(pkcs11.Config{})
	assert.Error(t, err)
	_, err = pkcs11.Open(pkcs11.Config{Library: "x", Sessions: -1})
	assert.Error(t, err)
}

// Two tokens of one label are told apart, and nothing is used of either before.
func TestTwoTokens(t *testing.T) {
	h := start(t)
	h.generate("k", 1, curve(p256), binding.CKA_SIGN)
	h.logout()
	slots, err := h.admin.GetSlotList(true)
	require.NoError(t, err)
	require.NoError(t, h.admin.InitToken(slots[len(slots)-1], "so-pin", "bank"))
	m := h.open()
	_, err = m.Remote(t.Context(), source("k"), 0)
	assert.ErrorContains(t, err, "2 tokens have this name; add serial=NUMBER")
	i, err := h.admin.GetTokenInfo(slots[0])
	require.NoError(t, err)
	_, err = m.Remote(t.Context(), source("k")+";serial="+i.SerialNumber, 0)
	assert.NoError(t, err)
}

// A PIN that is wrong is tried once. It is in nothing that is printed.
func TestWrongPIN(t *testing.T) {
	h := start(t)
	h.generate("k", 1, curve(p256), binding.CKA_SIGN)
	h.logout()
	h.pin = "314159"
	m := h.open()
	for range 5 {
		_, err := m.Remote(t.Context(), source("k"), 0)
		assert.ErrorContains(t, err, "refuses the PIN: it is not tried again, because tokens lock")
		assert.ErrorContains(t, err, "CKR_PIN_INCORRECT")
		assert.NotErrorIs(t, err, keyset.ErrUnavailable, "nobody shall try again")
		for _, text := range []string{fmt.Sprintf("%v %+v %#v", err, err, err), fmt.Sprintf("%+v", m), fmt.Sprintf("%#v", m)} {
			assert.NotContains(t, text, h.pin)
		}
	}
	assert.EqualValues(t, 1, h.pins.Load(), "asked once, and tried once")
}

func TestPIN(t *testing.T) {
	h := start(t)
	h.generate("k", 1, curve(p256), binding.CKA_SIGN)
	h.logout()
	m, err := pkcs11.Open(pkcs11.Config{Library: h.Library})
	require.NoError(t, err)
	_, err = m.Remote(t.Context(), source("k"), 0)
	assert.ErrorContains(t, err, "wants a PIN: set Config.PIN")
	require.NoError(t, m.Close())

	broken := true
	m = h.openWith(pkcs11.Config{PIN: func(_ context.Context, token string) ([]byte, error) {
		assert.Equal(t, "bank", token)
		if broken {
			return nil, errors.New("the store of PINs is down")
		}
		return []byte(pin), nil
	}})
	_, err = m.Remote(t.Context(), source("k"), 0)
	assert.ErrorContains(t, err, "the store of PINs is down")
	assert.ErrorIs(t, err, keyset.ErrUnavailable)
	broken = false
	remote, err := m.Remote(t.Context(), source("k"), 0)
	require.NoError(t, err, "it is asked again")
	for _, text := range []string{fmt.Sprint(remote), fmt.Sprintf("%+v", remote), fmt.Sprintf("%#v", remote), logged(remote)} {
		assert.NotContains(t, text, pin)
	}
}

func logged(v any) string {
	var b strings.Builder
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "v", v)
	return b.String()
}
