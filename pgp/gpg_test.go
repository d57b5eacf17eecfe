package pgp_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// A peer program must be there where the environment says so, as it does in
// CI, so that these tests are never skipped there.
func peer(t testing.TB, name string) string {
	if testing.Short() {
		t.Skipf("%s is run for some seconds", name)
	}
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("SEALWAX_REQUIRE_PEERS") != "" {
			t.Fatalf("%s is not installed, and SEALWAX_REQUIRE_PEERS is set", name)
		}
		t.Skipf("peer is missing: %s is not installed", name)
	}
	return path
}

// interop tells whoever reads the output of go test how many messages of a
// peer we opened, and how many of ours it did. docs/interop.md is made of it.
func interop(t testing.TB, peer, what string, theirs, ours int) {
	t.Attr("interop", fmt.Sprintf("OpenPGP|%s|%s|%d|%d", peer, what, theirs, ours))
}

// A gnupg is a GnuPG home of its own, with what a partner has in it.
type gnupg struct {
	t    testing.TB
	home string
}

func newGnuPG(t testing.TB) *gnupg {
	peer(t, "gpg")
	home, err := os.MkdirTemp("", "gpg") // short: the agent's socket is in it
	require.NoError(t, err)
	g := &gnupg{t, home}
	t.Cleanup(func() {
		cmd := exec.Command("gpgconf", "--kill", "all")
		cmd.Env = append(os.Environ(), "GNUPGHOME="+home)
		_ = cmd.Run()
		os.RemoveAll(home)
	})
	return g
}

// run runs gpg on input and returns its output and its status lines.
func (g *gnupg) run(input []byte, args ...string) (out []byte, status string, err error) {
	statusFile := filepath.Join(g.home, "status")
	cmd := exec.Command("gpg", append([]string{"--homedir", g.home, "--batch", "--yes", "--quiet", "--no-tty", "--trust-model", "always",
		"--pinentry-mode", "loopback", "--passphrase", "", "--status-file", statusFile}, args...)...)
	cmd.Stdin = bytes.NewReader(input)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err = cmd.Run(); err != nil {
		err = fmt.Errorf("gpg %v: %w\n%s", args, err, stderr.String())
	}
	s, _ := os.ReadFile(statusFile)
	return stdout.Bytes(), string(s), err
}

func (g *gnupg) must(input []byte, args ...string) []byte {
	out, _, err := g.run(input, args...)
	require.NoError(g.t, err)
	return out
}

// generate makes a key as gpg --full-generate-key does, and returns its fingerprint.
func (g *gnupg) generate(name, params string) string {
	g.must([]byte("%no-protection\n"+params+"\nName-Real: "+name+"\nExpire-Date: 1y\n%commit\n"), "--generate-key")
	for line := range strings.Lines(string(g.must(nil, "--with-colons", "--list-keys", "="+name))) {
		if f := strings.Split(line, ":"); f[0] == "fpr" {
			return f[9]
		}
	}
	g.t.Fatal("gpg lists no fingerprint")
	return ""
}

const (
	gpgRSA   = "Key-Type: RSA\nKey-Length: 2048\nKey-Usage: sign\nSubkey-Type: RSA\nSubkey-Length: 2048\nSubkey-Usage: encrypt"
	gpgCurve = "Key-Type: EDDSA\nKey-Curve: ed25519\nKey-Usage: sign\nSubkey-Type: ECDH\nSubkey-Curve: cv25519\nSubkey-Usage: encrypt"
	gpgNIST  = "Key-Type: ECDSA\nKey-Curve: nistp256\nKey-Usage: sign\nSubkey-Type: ECDH\nSubkey-Curve: nistp256\nSubkey-Usage: encrypt"
)

// export returns the public half as the partner hands it over.
func (g *gnupg) export(fingerprint string) *pgp.Key {
	k, err := pgp.ReadKey(bytes.NewReader(g.must(nil, "--armor", "--export", fingerprint)))
	require.NoError(g.t, err)
	assert.Equal(g.t, fingerprint, string(k.Info().ID))
	return k
}

// What partners do, with the program that they do it with: several keys on both
// sides, in every encoding, compressed or not, named or hidden.
func TestGnuPG(t *testing.T) {
	t.Parallel()
	g := newGnuPG(t)
	signers := []string{g.generate("Partner RSA", gpgRSA), g.generate("Partner ECC", gpgCurve), g.generate("Partner P-256", gpgNIST)}
	var theirKeys []*pgp.Key
	for _, fpr := range signers {
		theirKeys = append(theirKeys, g.export(fpr))
	}
	ourKeys := []*pgp.Key{bankRSA(), bank()}
	for _, k := range ourKeys {
		g.must(mustCertificate(t, k), "--import")
	}
	id := func(k *pgp.Key) string { return string(k.Info().ID) }
	e := newEnvelope(t, pgp.Config{Own: active(t, ourKeys...), Peer: active(t, theirKeys...)})
	opened, openedByIt := 0, 0
	t.Cleanup(func() {
		interop(t, "GnuPG (gpg)", "RSA, Curve25519, P-256; up to 3 signers and recipients; armor, binary, base64; compressed; hidden recipients", opened, openedByIt)
	})

	t.Run("gpg seals", func(t *testing.T) {
		for _, who := range []struct {
			signers, recipients []string
		}{
			{signers[:1], []string{id(bankRSA())}},
			{signers[1:2], []string{id(bank())}},
			{signers[2:], []string{id(bankRSA())}},
			{signers[:2], []string{id(bankRSA())}},
			{signers[:1], []string{id(bankRSA()), id(bank())}},
			{signers, []string{id(bank()), id(bankRSA())}},
		} {
			for _, options := range []string{"", "--armor", "--compress-algo none", "--compress-algo zip", "--compress-algo bzip2",
				"--throw-keyids", "--throw-keyids --armor", "base64url", "base64url padded", "base64 MIME"} {
				args := []string{"--sign", "--digest-algo", "SHA384", "--encrypt", "--cipher-algo", "AES256"}
				if strings.HasPrefix(options, "--") {
					args = append(args, strings.Fields(options)...)
				}
				for _, s := range who.signers {
					args = append(args, "-u", s)
				}
				for _, r := range who.recipients {
					args = append(args, "-r", r)
				}
				t.Run(fmt.Sprintf("%d signers, %d recipients %s", len(who.signers), len(who.recipients), options), func(t *testing.T) {
					sealed := g.must(body, args...)
					switch options {
					case "base64url":
						sealed = []byte(base64.RawURLEncoding.EncodeToString(sealed))
					case "base64url padded":
						sealed = []byte(base64.URLEncoding.EncodeToString(sealed))
					case "base64 MIME":
						cmd := exec.Command("base64")
						cmd.Stdin = bytes.NewReader(sealed)
						out, err := cmd.Output()
						require.NoError(t, err)
						sealed = out
					}
					m := open(t, e, sealed)
					assert.Equal(t, body, m.Payload)
					assert.Equal(t, "AES-256/CFB", m.Content)
					require.Len(t, m.Signers, len(who.signers))
					for _, u := range m.Signers {
						assert.Contains(t, who.signers, string(u.ID))
						assert.True(t, strings.HasSuffix(u.Algorithm, "/SHA-384"), u.Algorithm)
					}
					if !strings.Contains(options, "throw") {
						assert.Len(t, m.Addressed, len(who.recipients))
					}
					opened++
				})
			}
		}
	})

	t.Run("gpg opens", func(t *testing.T) {
		for _, enc := range []pgp.Encoding{pgp.Binary, pgp.Armor, pgp.Base64URL} {
			for _, ours := range [][]*pgp.Key{{bankRSA()}, {bank()}, ourKeys} {
				for _, theirs := range [][]*pgp.Key{theirKeys[:1], theirKeys[1:2], theirKeys[2:], theirKeys} {
					t.Run(fmt.Sprintf("%s, %d signers, %d recipients %s", enc, len(ours), len(theirs), theirs[0].Info().Algorithm), func(t *testing.T) {
						e := newEnvelope(t, pgp.Config{Own: active(t, ours...), Peer: active(t, theirs...), Encoding: enc})
						sealed := seal(t, e, body)
						if enc == pgp.Base64URL {
							var err error
							sealed, err = base64.RawURLEncoding.DecodeString(string(sealed))
							require.NoError(t, err)
						}
						out, status, err := g.run(sealed, "--decrypt")
						require.NoError(t, err)
						assert.Equal(t, body, out)
						assert.Contains(t, status, "DECRYPTION_OKAY")
						assert.Contains(t, status, "GOODMDC")
						assert.Equal(t, len(ours), strings.Count(status, "[GNUPG:] VALIDSIG"), "a signature is not good:\n%s", status)
						assert.Equal(t, len(ours), strings.Count(status, "[GNUPG:] GOODSIG"))
						assert.NotContains(t, status, "BADSIG")
						for _, k := range ours {
							assert.Contains(t, status, "VALIDSIG "+id(k))
						}
						assert.Equal(t, len(theirs), strings.Count(status, "ENC_TO"))
						openedByIt++
					})
				}
			}
		}
	})

	// gpg signs and encrypts with keys of ours: it reads our private keys too.
	t.Run("gpg uses our private keys", func(t *testing.T) {
		h := newGnuPG(t)
		for _, k := range ourKeys {
			var b bytes.Buffer
			require.NoError(t, k.WriteInsecurePrivateKey(&b))
			h.must(b.Bytes(), "--import")
		}
		h.must(mustCertificate(t, theirKeys[0]), "--import")
		sealed := h.must(body, "--sign", "--encrypt", "-u", id(bankRSA()), "-u", id(bank()), "-r", id(theirKeys[0]))
		out := g.must(sealed, "--decrypt")
		assert.Equal(t, body, out)
	})

	// What gpg exports is locked with the passphrase that it was made with.
	t.Run("we use a locked private key of gpg", func(t *testing.T) {
		g.must([]byte(gpgRSA+"\nName-Real: Locked\nExpire-Date: 1y\n%commit\n"), "--passphrase", "correct horse", "--generate-key")
		locked := g.must(nil, "--passphrase", "correct horse", "--armor", "--export-secret-keys", "=Locked")
		_, err := pgp.ReadKey(bytes.NewReader(locked))
		assert.ErrorContains(t, err, "ReadLockedKey")
		k, err := pgp.ReadLockedKey(bytes.NewReader(locked), []byte("correct horse"))
		require.NoError(t, err)
		ours := newEnvelope(t, pgp.Config{Own: active(t, k), Peer: active(t, theirKeys...), Encoding: pgp.Binary})
		_, status, err := g.run(seal(t, ours, body), "--decrypt")
		require.NoError(t, err)
		assert.Contains(t, status, "VALIDSIG "+id(k))
	})

	// A certificate that gpg extends, and then revokes, is refreshed in a ring.
	t.Run("gpg extends and revokes its key", func(t *testing.T) {
		ring := keyset.NewRing(active(t, theirKeys[1]))
		ours := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: ring})
		sealed := g.must(body, "--sign", "--encrypt", "-u", signers[1], "-r", id(bank()))
		before := theirKeys[1].Info().NotAfter
		g.must(nil, "--quick-set-expire", signers[1], "2y")
		g.must(nil, "--quick-set-expire", signers[1], "2y", "*")
		require.NoError(t, ring.Refresh(t.Context(), g.export(signers[1]), "gpg"))
		k, _ := ring.Load().Lookup(theirKeys[1].Info().ID)
		assert.Greater(t, k.Material.Info().NotAfter.Sub(before), 300*24*time.Hour)
		open(t, ours, sealed)

		revocation, err := os.ReadFile(filepath.Join(g.home, "openpgp-revocs.d", signers[1]+".rev"))
		require.NoError(t, err)
		g.must(bytes.Replace(revocation, []byte(":-----BEGIN"), []byte("-----BEGIN"), 1), "--import")
		require.NoError(t, ring.Refresh(t.Context(), g.export(signers[1]), "gpg"))
		rejected(t, ours, sealed, envelope.RevokedSigner)
		_, err = ours.Seal(t.Context(), body)
		assert.ErrorIs(t, err, envelope.ErrNoKey)
		// An older copy does not bring it back.
		require.NoError(t, ring.Refresh(t.Context(), theirKeys[1], "gpg"))
		rejected(t, ours, sealed, envelope.RevokedSigner)
	})
}

// sq is the other implementation that partners' tools are built on.
func TestSequoia(t *testing.T) {
	t.Parallel()
	peer(t, "sq")
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, data, 0o600))
		return path
	}
	sq := func(args ...string) []byte {
		cmd := exec.Command("sq", args...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		require.NoError(t, err, "sq %v: %s", args, stderr.String())
		return out
	}
	// Its own keys of both kinds that it makes, and one on P-256.
	var secrets []string
	var theirs, publics []*pgp.Key
	for _, suite := range []string{"rsa3k", "cv25519", ""} {
		path := filepath.Join(dir, "theirs"+suite+".pgp")
		if suite != "" {
			sq("key", "generate", "--userid", "Partner "+suite, "--cipher-suite", suite, "--export", path)
		} else {
			var b bytes.Buffer
			require.NoError(t, libraryKey(t, "Partner P-256", nistConfig).WriteInsecurePrivateKey(&b))
			path = write("theirs.pgp", b.Bytes())
		}
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		k, err := pgp.ReadKey(bytes.NewReader(raw))
		require.NoError(t, err)
		secrets, theirs, publics = append(secrets, path), append(theirs, k), append(publics, public(k))
	}
	in := write("body.json", body)
	opened, openedByIt := 0, 0
	ours := []*pgp.Key{bankRSA(), bank()}
	var certs []string
	for i, k := range ours {
		certs = append(certs, write(fmt.Sprint("ours", i, ".asc"), mustCertificate(t, k)))
	}
	for _, signers := range [][]int{{0}, {1}, {2}, {0, 1}, {2, 1, 0}} {
		for _, recipients := range [][]int{{0}, {1}, {0, 1}} {
			e := newEnvelope(t, pgp.Config{Own: active(t, ours...), Peer: active(t, publics...)})
			for _, compression := range []string{"none", "pad", "zip", "zlib", "bzip2"} {
				if compression != "pad" && len(signers)+len(recipients) != 2 {
					continue
				}
				out := filepath.Join(dir, "sealed")
				args := []string{"--force", "encrypt", "--compression", compression, "-o", out}
				for _, i := range signers {
					args = append(args, "--signer-key", secrets[i])
				}
				for _, i := range recipients {
					args = append(args, "--recipient-cert", certs[i])
				}
				sq(append(args, in)...)
				sealed, err := os.ReadFile(out)
				require.NoError(t, err)
				m := open(t, e, sealed)
				assert.Equal(t, body, m.Payload)
				assert.Len(t, m.Signers, len(signers))
				for _, i := range signers {
					assert.True(t, m.SignedBy(theirs[i].Info().ID))
				}
				assert.Len(t, m.Addressed, len(recipients))
				opened++
			}
		}
	}
	for _, signers := range [][]int{{0}, {1}, {0, 1}} {
		for i := range theirs {
			var us []*pgp.Key
			args := []string{"decrypt", "-n", fmt.Sprint(len(signers)), "--recipient-key", secrets[i]}
			for _, n := range signers {
				us = append(us, ours[n])
				args = append(args, "--signer-cert", certs[n])
			}
			for _, to := range [][]*pgp.Key{publics[i : i+1], publics} {
				e := newEnvelope(t, pgp.Config{Own: active(t, us...), Peer: active(t, to...), Encoding: pgp.Binary})
				assert.Equal(t, body, sq(append(args, write("message", seal(t, e, body)))...))
				openedByIt++
			}
		}
	}
	interop(t, "Sequoia (sq)", "RSA, Curve25519, P-256; up to 3 signers, 2 recipients; padded and compressed", opened, openedByIt)
}
