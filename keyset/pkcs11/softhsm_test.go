package pkcs11_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	binding "github.com/miekg/pkcs11"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/internal/process"
	"github.com/sealwax/sealwax/keyset/pkcs11"
)

const pin = "271828"

// A hsm is a SoftHSM with one token, "bank", in a folder of the test. It is used by the
// library under test, and by a second binding to the same library, which is in the same
// state: PKCS #11 libraries have one for each process.
type hsm struct {
	*process.SoftHSM
	t       testing.TB
	admin   *binding.Ctx
	session binding.SessionHandle
	pins    atomic.Int64 // how often the PIN was asked for
	pin     string
}

func library(t testing.TB) string {
	file, err := process.SoftHSMLibrary()
	if err != nil && os.Getenv("SEALWAX_REQUIRE_PEERS") == "1" {
		t.Fatalf("%v, and SEALWAX_REQUIRE_PEERS is set", err)
	}
	if err != nil {
		t.Skip(err)
	}
	return file
}

func program(t testing.TB, name, pkg string) {
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("SEALWAX_REQUIRE_PEERS") == "1" {
			t.Fatalf("%s is not installed, and SEALWAX_REQUIRE_PEERS is set", name)
		}
		t.Skipf("%s is not installed: on Debian it is in %s", name, pkg)
	}
}

// start makes the token. SoftHSM is told where it is by a variable of its own.
func start(t testing.TB) *hsm {
	library(t)
	soft, err := process.NewSoftHSM(t.TempDir())
	require.NoError(t, err)
	h := &hsm{SoftHSM: soft, t: t, pin: pin}
	t.Setenv("SOFTHSM2_CONF", h.Conf)
	h.admin = binding.New(h.Library)
	require.NotNil(t, h.admin)
	require.NoError(t, h.admin.Initialize())
	t.Cleanup(func() {
		_ = h.admin.Finalize()
		h.admin.Destroy()
	})
	h.makeToken("bank")
	return h
}

func (h *hsm) makeToken(label string) {
	slots, err := h.admin.GetSlotList(true)
	require.NoError(h.t, err)
	require.NoError(h.t, h.admin.InitToken(slots[len(slots)-1], "so-pin", label))
	h.login(label, true)
}

func (h *hsm) slot(label string) uint {
	slots, err := h.admin.GetSlotList(true)
	require.NoError(h.t, err)
	for _, s := range slots {
		if i, err := h.admin.GetTokenInfo(s); err == nil && i.Label == label {
			return s
		}
	}
	h.t.Fatalf("no token %s", label)
	return 0
}

// login gives the user a PIN, and leaves a session of an administrator for making keys.
func (h *hsm) login(label string, first bool) {
	slot := h.slot(label)
	s, err := h.admin.OpenSession(slot, binding.CKF_SERIAL_SESSION|binding.CKF_RW_SESSION)
	require.NoError(h.t, err)
	if first {
		require.NoError(h.t, h.admin.Login(s, binding.CKU_SO, "so-pin"))
		require.NoError(h.t, h.admin.InitPIN(s, pin))
		require.NoError(h.t, h.admin.Logout(s))
	}
	require.NoError(h.t, h.admin.Login(s, binding.CKU_USER, pin))
	h.session = s
}

// logout ends the session of the administrator, so that the library under test logs in.
func (h *hsm) logout() { require.NoError(h.t, h.admin.CloseSession(h.session)) }

func attribute(typ uint, value any) *binding.Attribute { return binding.NewAttribute(typ, value) }

type kind struct {
	mechanism uint
	public    []*binding.Attribute
	private   []*binding.Attribute
}

func rsaKey(bits int) kind {
	return kind{mechanism: binding.CKM_RSA_PKCS_KEY_PAIR_GEN, public: []*binding.Attribute{attribute(binding.CKA_MODULUS_BITS, bits), attribute(binding.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1})}}
}

// only is a key that may be used with some mechanisms alone.
func only(k kind, mechanisms ...uint) kind {
	var all []byte
	for _, m := range mechanisms {
		all = append(all, attribute(0, m).Value...)
	}
	k.private = []*binding.Attribute{attribute(binding.CKA_ALLOWED_MECHANISMS, all)}
	return k
}

func curve(params string) kind {
	return kind{mechanism: binding.CKM_EC_KEY_PAIR_GEN, public: []*binding.Attribute{attribute(binding.CKA_EC_PARAMS, []byte(params))}}
}

const (
	p256 = "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
	p384 = "\x06\x05\x2b\x81\x04\x00\x22"
	p521 = "\x06\x05\x2b\x81\x04\x00\x23"
)

func edwards(params string) kind {
	k := curve(params)
	k.mechanism = 0x1055 // CKM_EC_EDWARDS_KEY_PAIR_GEN
	return k
}

// generate makes a key pair for what the attributes say: CKA_SIGN, CKA_DECRYPT, CKA_DERIVE.
func (h *hsm) generate(label string, id byte, k kind, uses ...uint) (public, private binding.ObjectHandle) {
	common := []*binding.Attribute{attribute(binding.CKA_TOKEN, true), attribute(binding.CKA_LABEL, label), attribute(binding.CKA_ID, []byte{id})}
	half := append(append(common[:len(common):len(common)], attribute(binding.CKA_PRIVATE, true), attribute(binding.CKA_SENSITIVE, true)), k.private...)
	for _, a := range []uint{binding.CKA_SIGN, binding.CKA_DECRYPT, binding.CKA_DERIVE} {
		granted := false
		for _, u := range uses {
			granted = granted || u == a
		}
		half = append(half, attribute(a, granted))
	}
	public, private, err := h.admin.GenerateKeyPair(h.session, []*binding.Mechanism{binding.NewMechanism(k.mechanism, nil)}, append(common[:len(common):len(common)], k.public...), half)
	require.NoError(h.t, err, label)
	return public, private
}

// open opens the library under test.
func (h *hsm) open() *pkcs11.Module { return h.openWith(pkcs11.Config{}) }

func (h *hsm) openWith(c pkcs11.Config) *pkcs11.Module {
	c.Library = h.Library
	if c.PIN == nil {
		c.PIN = func(_ context.Context, token string) ([]byte, error) {
			h.pins.Add(1)
			return []byte(h.pin), nil
		}
	}
	m, err := pkcs11.Open(c)
	require.NoError(h.t, err)
	h.t.Cleanup(func() { require.NoError(h.t, m.Close()) })
	return m
}

// pullOut takes the token away, and returns the function that puts it back.
func (h *hsm) pullOut() func() {
	back, err := h.PullOut(h.admin.Finalize)
	require.NoError(h.t, err)
	return func() { require.NoError(h.t, back()) }
}

// sessions counts those of this process. SoftHSM does not tell (C_GetTokenInfo says
// CK_UNAVAILABLE_INFORMATION), but its handles are numbers that count up.
func (h *hsm) sessions(label string) (n int) {
	last, err := h.admin.OpenSession(h.slot(label), binding.CKF_SERIAL_SESSION)
	require.NoError(h.t, err)
	defer func() { require.NoError(h.t, h.admin.CloseSession(last)) }()
	for s := range last {
		if _, err := h.admin.GetSessionInfo(s); err == nil {
			n++
		}
	}
	return n
}

func source(label string) string {
	return "pkcs11:token=bank;object=" + strings.ReplaceAll(label, " ", "%20")
}
