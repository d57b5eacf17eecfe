package pkcs11_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelopetest"
	"github.com/sealwax/sealwax/internal/process"
	"github.com/sealwax/sealwax/internal/sealctltest"
	"github.com/sealwax/sealwax/keyset"
)

func readme(t *testing.T) string {
	raw, err := os.ReadFile("README.md")
	require.NoError(t, err)
	return string(raw)
}

// What README.md says that SoftHSM does is what the suite sees it do.
func TestCapabilities(t *testing.T) {
	h := start(t)
	for i, k := range kinds {
		h.generate(k.name, byte(i+1), k.kind, k.attribute)
	}
	h.logout()
	m := h.open()
	table := "| key | does | does not |\n|---|---|---|\n"
	for _, k := range kinds {
		remote, err := m.Remote(t.Context(), source(k.name), k.use)
		require.NoError(t, err)
		var does, not []string
		for _, c := range envelopetest.Capabilities(t.Context(), envelopetest.RemoteSubject{Remote: remote, Use: k.use}) {
			_, name, _ := strings.Cut(c.Operation, " ")
			if c.Does {
				does = append(does, name)
				continue
			}
			not = append(not, fmt.Sprintf("%s (%s)", name, regexp.MustCompile(`CKR_\w+|$`).FindString(c.Says)))
		}
		table += strings.TrimSuffix(fmt.Sprintf("| %s | %s | %s |", k.name, strings.Join(does, ", "), strings.Join(not, ", ")), "  |")
		if len(not) == 0 {
			table += " |"
		}
		table += "\n"
	}
	assert.Contains(t, readme(t), table, "the table of README.md should be:\n%s", table)
}

// The commands of README.md make keys that can be used, and a certificate.
func TestCommands(t *testing.T) {
	library(t)
	program(t, "softhsm2-util", "softhsm2")
	program(t, "pkcs11-tool", "opensc")
	dir := t.TempDir()
	soft, err := process.NewSoftHSM(dir)
	require.NoError(t, err)
	block := regexp.MustCompile("(?s)<!-- keyset/pkcs11/readme_test.go -->\n```sh\n(.*?)```").FindStringSubmatch(readme(t))
	require.Len(t, block, 2)
	sh := exec.Command("bash", "-euo", "pipefail", "-c", block[1])
	sh.Env = []string{"PATH=" + os.Getenv("PATH"), "SOFTHSM2_CONF=" + soft.Conf, "PIN=" + pin, "SO_PIN=271827", "PKCS11_MODULE_PATH=" + soft.Library}
	out, err := sh.CombinedOutput()
	require.NoError(t, err, "%s", out)

	t.Setenv("SOFTHSM2_CONF", soft.Conf)
	h := &hsm{SoftHSM: soft, t: t, pin: pin}
	m := h.open()
	open := m.OpenJOSE()
	for _, source := range []string{source("sign-2027") + "#ES256", source("open-2027") + "#ECDH-ES+A256KW", source("sign-2028") + "#EdDSA"} {
		_, err := open(t.Context(), keyset.ManifestKey{Source: source})
		assert.NoError(t, err, source)
	}
	file := filepath.Join(dir, "own-2027.asc")
	require.NoError(t, certify(t.Context(), m, file))
	_, err = m.OpenPGP(os.DirFS(dir))(t.Context(), keyset.ManifestKey{Source: source("own-2027") + "?certificate=own-2027.asc"})
	assert.NoError(t, err)
	assert.NoError(t, m.Close())
	assert.Contains(t, readme(t), "softhsm2 opensc")
}

// Sealctl, built with this module, does with keys on a token what it does with files.
func TestSealctl(t *testing.T) {
	h := start(t)
	h.generate("sign", 1, curve(p256), 0x108) // CKA_SIGN
	h.generate("open", 2, rsaKey(2048), 0x105)
	h.generate("sign 2", 3, curve(p384), 0x108)
	h.logout()
	p := sealctltest.Build(t, pin, "PKCS11_MODULE_PATH="+h.Library)
	p.Write("pin", pin+"\n")
	p.Exchange(sealctltest.Keys{Sign: source("sign"), Read: source("open") + "#RSA-OAEP", Next: source("sign 2")}, "-passphrase", "pin")
	p.Write("wrong", "314159")
	p.Fails("refuses the PIN", "check", "own.json", "-passphrase", "wrong")
	p.Fails("own.asc: no such file", "rotate", "other.json", "init", source("sign")+"?certificate=own.asc", "-passphrase", "pin")
}
