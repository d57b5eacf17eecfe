package pgp_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/pgp"
)

// An olderProgram is one that a partner has who knows nothing of RFC 9980. Its own key is
// partRSA, and it trusts bankRSA. What it writes is empty if it refuses.
type olderProgram struct {
	seal func(certificate string) []byte // body, to whom it is told
	open func(sealed string) []byte      // the payload, if it is signed by whom it trusts
}

// olderPrograms returns them by their columns in the runbook. Everything is in files of dir.
func olderPrograms(t *testing.T, dir string) map[string]olderProgram {
	key, trusted, in := filepath.Join(dir, "partner.key"), filepath.Join(dir, "bank.cert"), filepath.Join(dir, "body")
	read := func(path string) []byte {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		return raw
	}
	try := func(program string, args ...string) []byte {
		os.Remove(filepath.Join(dir, "out"))
		cmd := exec.Command(program, args...)
		cmd.Dir = dir
		if cmd.Run() != nil {
			return nil
		}
		return read(filepath.Join(dir, "out"))
	}

	g := newGnuPG(t)
	g.must(read(key), "--import")
	g.must(read(trusted), "--import")
	gpg := olderProgram{
		seal: func(certificate string) []byte {
			out, _, err := g.run(body, "--encrypt", "--recipient-file", certificate)
			if err != nil {
				return nil
			}
			return out
		},
		open: func(sealed string) []byte {
			out, status, err := g.run(read(sealed), "--decrypt")
			if err != nil || !strings.Contains(status, "GOODSIG") {
				return nil
			}
			return out
		},
	}

	peer(t, "sq")
	sq := olderProgram{
		seal: func(certificate string) []byte {
			return try("sq", "encrypt", "--recipient-cert", certificate, "-o", "out", in)
		},
		open: func(sealed string) []byte {
			return try("sq", "decrypt", "--recipient-key", key, "--signer-cert", trusted, "--signatures", "1", "-o", "out", sealed)
		},
	}

	peer(t, "rnp")
	rnp := olderProgram{
		seal: func(certificate string) []byte {
			home := t.TempDir()
			if exec.Command("rnpkeys", "--homedir", home, "--import-keys", certificate).Run() != nil {
				return nil
			}
			return try("rnp", "--homedir", home, "--encrypt", "--recipient", "@", "--output", "out", in)
		},
	}
	home := t.TempDir()
	for _, file := range []string{key, trusted} {
		require.NoError(t, exec.Command("rnpkeys", "--homedir", home, "--import-keys", file).Run())
	}
	rnp.open = func(sealed string) []byte {
		out := filepath.Join(dir, "out")
		os.Remove(out)
		said, err := exec.Command("rnp", "--homedir", home, "--password", "", "--decrypt", "--output", out, sealed).CombinedOutput()
		if err != nil || !strings.Contains(string(said), "Good signature") { // it ends well without one
			return nil
		}
		return read(out)
	}

	js := tryOpenpgpjs(t, "openpgp")
	openpgpJS := olderProgram{
		seal: func(certificate string) []byte {
			return js(jsJob{Op: "seal", Keys: []string{string(read(key))}, Others: []string{string(read(certificate))}, Message: body}).Message
		},
		open: func(sealed string) []byte {
			return js(jsJob{Op: "open", Keys: []string{string(read(key))}, Others: []string{string(read(trusted))}, Message: read(sealed)}).Message
		},
	}

	peer(t, "java")
	const jars = "/usr/share/java/bcpg.jar:/usr/share/java/bcprov.jar"
	source, err := filepath.Abs("testdata/BouncyCastle.java")
	require.NoError(t, err)
	bouncyCastle := olderProgram{
		seal: func(certificate string) []byte {
			return try("java", "-cp", jars, source, "seal", certificate, in, "out")
		},
		open: func(sealed string) []byte {
			return try("java", "-cp", jars, source, "open", key, trusted, sealed, "out")
		},
	}
	return map[string]olderProgram{"GnuPG 2.2": gpg, "Sequoia sq 0.27": sq, "RNP 0.16": rnp, "OpenPGP.js 6.3": openpgpJS, "Bouncy Castle 1.72": bouncyCastle}
}

// What programs that know nothing of RFC 9980 do with post-quantum certificates and
// messages: the runbook has it as a table, which is held against each of them.
func TestOlderPrograms(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("five other programs, and Java starts slowly")
	}
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, data, 0o600))
		return path
	}
	write("partner.key", []byte(armoredPrivate(t, partRSA())))
	write("bank.cert", mustCertificate(t, bankRSA()))
	write("body", body)
	beside := func(k *pgp.Key) *pgp.Key {
		out, err := k.WithPostQuantumSubkey(t.Context(), year)
		require.NoError(t, err)
		return out
	}
	bankBeside := beside(bankRSA())
	seals := func(own, peer []*pgp.Key) string {
		var publics []*pgp.Key
		for _, k := range peer {
			publics = append(publics, public(k))
		}
		e := newEnvelope(t, pgp.Config{Own: active(t, own...), Peer: active(t, publics...), Encoding: pgp.Binary})
		return write("sealed", seal(t, e, body))
	}
	certificate := func(own *pgp.Key) func(olderProgram) bool {
		return func(p olderProgram) bool {
			sealed := p.seal(write("bank.pq.cert", mustCertificate(t, own)))
			if sealed == nil {
				return false
			}
			e, err := pgp.New(pgp.Config{Own: active(t, own), Peer: active(t, public(partRSA())), Waive: []envelope.Waiver{pgp.InsecureUnsigned("they only encrypt")}})
			require.NoError(t, err)
			return assert.Equal(t, body, open(t, e, sealed).Payload)
		}
	}
	message := func(own, peer []*pgp.Key) func(olderProgram) bool {
		return func(p olderProgram) bool {
			payload := p.open(seals(own, peer))
			return payload != nil && assert.Equal(t, body, payload)
		}
	}
	rows := map[string]func(olderProgram) bool{
		"encrypts to RSA":                                             certificate(bankRSA()),
		"opens a message to RSA, signed by RSA":                       message([]*pgp.Key{bankRSA()}, []*pgp.Key{partRSA()}),
		"encrypts to RSA beside ML-KEM (version 4)":                   certificate(bankBeside),
		"encrypts to composite keys (version 6)":                      certificate(bankPQ()),
		"opens a message to its RSA key, and to ML-KEM in version 4":  message([]*pgp.Key{bankRSA()}, []*pgp.Key{partRSA(), beside(third())}),
		"opens a message to its RSA key, and to ML-KEM in version 6":  message([]*pgp.Key{bankRSA()}, []*pgp.Key{partRSA(), partPQ()}),
		"opens a message to its RSA key, signed by RSA and ML-DSA":    message([]*pgp.Key{bankRSA(), bankPQ()}, []*pgp.Key{partRSA()}),
		"opens a message to its RSA key, signed by ML-DSA and by RSA": message([]*pgp.Key{bankPQ(), bankRSA()}, []*pgp.Key{partRSA()}),
	}
	columns, told := runbookTable(t, "encrypts to RSA")
	programs := olderPrograms(t, dir)
	require.Len(t, columns, len(programs))
	require.Len(t, told, len(rows))
	for row, cells := range told {
		does, ok := rows[row]
		if !assert.True(t, ok, "the runbook has a row %q", row) {
			continue
		}
		for i, column := range columns {
			p, ok := programs[column]
			require.True(t, ok, "the runbook has a column %q", column)
			got := map[bool]string{true: "yes", false: "no"}[does(p)]
			assert.Equal(t, cells[i], got, "%s: %s", column, row)
		}
	}
}

// runbookTable is the table of the runbook that has a row with that name.
func runbookTable(t *testing.T, with string) (columns []string, rows map[string][]string) {
	raw, err := os.ReadFile("../docs/rotation.md")
	require.NoError(t, err)
	for block := range strings.SplitSeq(string(raw), "\n\n") {
		if !strings.Contains(block, "\n| "+with+" |") {
			continue
		}
		rows = map[string][]string{}
		for line := range strings.Lines(block) {
			cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			switch {
			case columns == nil:
				columns = cells[1:]
			case !strings.HasPrefix(cells[0], "-"):
				rows[cells[0]] = cells[1:]
			}
		}
		return columns, rows
	}
	t.Fatalf("docs/rotation.md has no table with a row %q", with)
	return nil, nil
}
