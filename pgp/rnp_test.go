package pgp_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/pgp"
)

// rnp is the OpenPGP of Thunderbird, on Botan. It is the one peer that also
// writes AEAD in the packet of LibrePGP, as GnuPG 2.3 and later do.
func TestRNP(t *testing.T) {
	t.Parallel()
	peer(t, "rnp")
	dir := t.TempDir()
	home := filepath.Join(dir, "home")
	require.NoError(t, os.Mkdir(home, 0o700))
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, data, 0o600))
		return path
	}
	run := func(program string, args ...string) string {
		cmd := exec.Command(program, append([]string{"--homedir", home, "--notty", "--password", ""}, args...)...)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s %v: %s", program, args, out)
		return string(out)
	}
	// Its own RSA key, and elliptic curve keys that it signs with.
	run("rnpkeys", "--generate-key", "--userid", "Partner RSA", "--numbits", "2048")
	exported := filepath.Join(dir, "theirs.asc")
	run("rnpkeys", "--export-key", "--output", exported, "Partner RSA")
	raw, err := os.ReadFile(exported)
	require.NoError(t, err)
	theirRSA, err := pgp.ReadKey(bytes.NewReader(raw))
	require.NoError(t, err)
	nist := libraryKey(t, "Partner P-256", nistConfig)
	theirs := []*pgp.Key{theirRSA, partner(), nist}
	for i, k := range theirs[1:] {
		var b bytes.Buffer
		require.NoError(t, k.WriteInsecurePrivateKey(&b))
		run("rnpkeys", "--import-keys", write(fmt.Sprint("partner", i), b.Bytes()))
	}
	ours := []*pgp.Key{bankRSA(), bank()}
	for i, k := range ours {
		run("rnpkeys", "--import-keys", write(fmt.Sprint("ours", i), mustCertificate(t, k)))
	}
	id := func(k *pgp.Key) string { return string(k.Info().ID) }
	in := write("body.json", body)
	var publics []*pgp.Key
	for _, k := range theirs {
		publics = append(publics, public(k))
	}

	opened, openedByIt := 0, 0
	t.Cleanup(func() {
		interop(t, "RNP", "RSA, Curve25519, P-256; up to 3 signers, 2 recipients; compressed; AEAD of LibrePGP (EAX, OCB)", opened, openedByIt)
	})
	t.Run("rnp seals", func(t *testing.T) {
		e := newEnvelope(t, pgp.Config{Own: active(t, ours...), Peer: active(t, publics...)})
		for _, signers := range [][]*pgp.Key{theirs[:1], theirs[1:2], theirs[2:], theirs} {
			for _, recipients := range [][]*pgp.Key{ours[:1], ours[1:], ours} {
				for options, content := range map[string]string{"": "AES-256/CFB", "--armor": "AES-256/CFB", "--zlib -z 6": "AES-256/CFB",
					"--zip -z 6": "AES-256/CFB", "--bzip -z 6": "AES-256/CFB", "--aead=EAX": "AES-256/EAX", "--aead=OCB": "AES-256/OCB"} {
					out := filepath.Join(dir, "sealed")
					args := append([]string{"-e", "-s", "--hash", "SHA384", "--cipher", "AES256", "--overwrite", "--output", out}, strings.Fields(options)...)
					for _, k := range signers {
						args = append(args, "-u", id(k))
					}
					for _, k := range recipients {
						args = append(args, "-r", id(k))
					}
					run("rnp", append(args, in)...)
					sealed, err := os.ReadFile(out)
					require.NoError(t, err)
					m := open(t, e, sealed)
					assert.Equal(t, body, m.Payload)
					assert.Equal(t, content, m.Content, options)
					assert.Len(t, m.Signers, len(signers))
					assert.Len(t, m.Addressed, len(recipients))
					opened++
				}
			}
		}
	})

	t.Run("rnp opens", func(t *testing.T) {
		for _, signers := range [][]*pgp.Key{ours[:1], ours[1:], ours} {
			for _, recipients := range [][]*pgp.Key{publics[:1], publics[1:2], publics[2:], publics} {
				for _, enc := range []pgp.Encoding{pgp.Binary, pgp.Armor} {
					e := newEnvelope(t, pgp.Config{Own: active(t, signers...), Peer: active(t, recipients...), Encoding: enc})
					out := filepath.Join(dir, "opened")
					said := run("rnp", "-d", "--overwrite", "--output", out, write("message", seal(t, e, body)))
					got, err := os.ReadFile(out)
					require.NoError(t, err)
					assert.Equal(t, body, got)
					assert.Equal(t, len(signers), strings.Count(said, "Good signature"), said)
					assert.Contains(t, said, "verified successfully")
					openedByIt++
				}
			}
		}
	})
}
