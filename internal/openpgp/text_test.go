package openpgp_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/internal/openpgp"
)

// bytes is no message, but begins like one; it has a letter of each alphabet.
var octets = append([]byte{0xc1, 0xfb, 0xff, 0xbf}, bytes.Repeat([]byte{0xfb, 0xf0, 7, 0x3e}, 60)...)

func armor(head, text, end string) string {
	return "-----BEGIN PGP MESSAGE-----\n" + head + "\n" + text + end
}

const endLine = "-----END PGP MESSAGE-----\n"

func lines(text string, n int) string {
	var b strings.Builder
	for ; len(text) > n; text = text[n:] {
		b.WriteString(text[:n] + "\n")
	}
	return b.String() + text + "\n"
}

func texts() []struct{ name, in, encoding, err string } {
	std, url := base64.StdEncoding.EncodeToString(octets), base64.RawURLEncoding.EncodeToString(octets)
	wrapped := lines(std, 64)
	indented := strings.ReplaceAll(armor("Version: x\n", wrapped, endLine), "\n", "\n    ")
	return []struct{ name, in, encoding, err string }{
		{"binary", string(octets), "binary", ""},
		{"base64url", url, "base64url", ""},
		{"base64url, padded", base64.URLEncoding.EncodeToString(octets), "base64url", ""},
		{"base64url in lines", lines(url, 76), "base64url", ""},
		{"white space around it", " \r\n\t" + url + " \n ", "base64url", ""},
		{"standard base64", std, "base64", ""},
		{"standard base64 in lines of 60, CR LF", strings.ReplaceAll(lines(std, 60), "\n", "\r\n"), "base64", ""},
		{"standard base64 in lines of 5", lines(std, 5), "base64", ""},
		{"no padding", base64.RawStdEncoding.EncodeToString(octets), "base64", ""},
		{"both alphabets", strings.Replace(std, "+", "-", 1), "", "mixes both alphabets"},
		{"both, the other way round", strings.Replace(url, "-", "+", 1), "", "mixes both alphabets"},
		{"a space inside", url[:40] + " " + url[40:], "", "nor base64"},
		{"too much padding", url + "===", "", "nor base64"},
		{"padding in the middle", url[:40] + "=" + url[40:], "", "nor base64"},
		{"a letter alone", url + "AAA", "", "nor base64"},
		{"unused bits", base64.RawURLEncoding.EncodeToString(octets[:len(octets)-1])[:len(url)-2] + "B", "", "nor base64"},
		{"base64 of something else", base64.StdEncoding.EncodeToString([]byte("hello, world, hello")), "", "nor base64"},
		{"a short one of something else", "aGk", "", "nor base64"},
		{"base64 of armor", base64.StdEncoding.EncodeToString([]byte(armor("", wrapped, endLine))), "", "encoded twice"},
		{"nothing", "", "", "empty input"},
		{"white space", " \r\n", "", "empty input"},
		{"armor", armor("Version: x\nComment: y\n", wrapped+"=ABCD\n", endLine), "armor", ""},
		{"armor without headers", armor("", wrapped, endLine), "armor", ""},
		{"armor in one line", armor("", std+"\n", endLine), "armor", ""},
		{"armor, CR LF", strings.ReplaceAll(armor("A: b\n", wrapped+"=ABCD\n", endLine), "\n", "\r\n"), "armor", ""},
		{"armor with 80 header lines", armor(strings.Repeat("Comment: x\n", 80), wrapped, endLine), "armor", ""},
		{"armor that is indented", indented, "armor", ""},
		{"armor whose end is glued to the data", armor("", std, endLine), "armor", ""},
		{"armor whose end is glued to the checksum", armor("", wrapped+"=ABCD", endLine), "armor", ""},
		{"armor without a line end at its end", strings.TrimSpace(armor("", wrapped, endLine)), "armor", ""},
		// RFC 9580, Section 6.1: a checksum that is wrong, or none, must not matter.
		{"checksum that is wrong", armor("", wrapped+"=AAAA\n", endLine), "armor", ""},
		{"checksum that is short", armor("", wrapped+"=AAA\n", endLine), "armor", ""},
		{"checksum that is long", armor("", wrapped+"=AAAAAA\n", endLine), "armor", ""},
		{"checksum that is empty", armor("", wrapped+"=\n", endLine), "armor", ""},
		{"checksum that is no base64", armor("", wrapped+"=!!!!\n", endLine), "armor", ""},
		{"checksum that is padded", armor("", wrapped+"=AA==\n", endLine), "armor", ""},
		{"checksum in the middle", armor("", lines(std[:64], 64)+"=AAAA\n"+lines(std[64:], 64), endLine), "", "data after its checksum"},
		{"no end", armor("", wrapped, ""), "", "no end"},
		{"half an end", armor("", wrapped, "-----END PGP"), "", "no end"},
		{"another end", armor("", wrapped, "-----END PGP SIGNATURE-----\n"), "", "its end is not that of a PGP MESSAGE"},
		{"no empty line", "-----BEGIN PGP MESSAGE-----\n" + wrapped + endLine, "", "no empty line"},
		{"text after it", armor("", wrapped, endLine) + "Regards\n", "", "text after its end"},
		{"two of them", armor("", wrapped, endLine) + armor("", wrapped, endLine), "", "text after its end"},
		{"of a key", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n" + wrapped, "", "another type"},
		{"base64url in armor", armor("", lines(url+strings.Repeat("=", (4-len(url)%4)%4), 64), endLine), "", "not base64"},
		{"not padded", armor("", lines(strings.TrimRight(std, "="), 64), endLine), "", "not base64"},
		{"nothing in it", armor("", "", endLine), "", "not base64"},
		{"header lines without an end", "-----BEGIN PGP MESSAGE-----\n" + strings.Repeat("Comment: x\n", 30_000), "", "too long"},
	}
}

// What is accepted, and what is said of the rest, is the same in memory and in a
// stream, whatever the size of its reads.
func TestDecode(t *testing.T) {
	for _, tt := range texts() {
		t.Run(tt.name, func(t *testing.T) {
			out, encoding, err := openpgp.DecodeMessage([]byte(tt.in), nil)
			for name, src := range map[string]io.Reader{
				"whole": strings.NewReader(tt.in), "bytes": iotest.OneByteReader(strings.NewReader(tt.in)),
				"halves": iotest.HalfReader(strings.NewReader(tt.in)), "end with data": iotest.DataErrReader(strings.NewReader(tt.in)),
			} {
				streamed, streamErr := openpgp.ReadStream(src)
				assert.Equal(t, fmt.Sprint(err), fmt.Sprint(streamErr), name)
				if err == nil {
					assert.Equal(t, out, streamed, name)
				}
			}
			if tt.err != "" {
				assert.ErrorContains(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.encoding, encoding)
			assert.Equal(t, octets, out)
		})
	}
}

// A large message is decoded on two cores, and in lines on one.
func TestDecodeLarge(t *testing.T) {
	large := bytes.Repeat(octets, 3000)
	for _, text := range []string{
		base64.RawURLEncoding.EncodeToString(large), base64.StdEncoding.EncodeToString(large), lines(base64.StdEncoding.EncodeToString(large), 64),
		lines(base64.StdEncoding.EncodeToString(large), 100_001),
	} {
		out, _, err := openpgp.DecodeMessage([]byte(text), nil)
		require.NoError(t, err)
		require.True(t, bytes.Equal(large, out))
		streamed, err := openpgp.ReadStream(strings.NewReader(text))
		require.NoError(t, err)
		require.True(t, bytes.Equal(large, streamed))
	}
}

func TestDecodeKeys(t *testing.T) {
	text := lines(base64.StdEncoding.EncodeToString(octets), 64)
	block := "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n" + text + "-----END PGP PUBLIC KEY BLOCK-----\n"
	out, err := openpgp.DecodeKeys([]byte("\n" + block + "\n" + strings.ReplaceAll(block, "PUBLIC", "PRIVATE")))
	require.NoError(t, err)
	assert.Equal(t, append(bytes.Clone(octets), octets...), out)
	for in, want := range map[string]string{
		block + "and so on":          "text after its end",
		armor("", text, endLine):     "another type",
		strings.Split(text, "\n")[0]: "invalid ASCII armor",
		"":                           "empty input",
	} {
		_, err := openpgp.DecodeKeys([]byte(in))
		assert.ErrorContains(t, err, want)
	}
}

// What people send instead of a message or a key is named, and nothing of it quoted.
func TestExplain(t *testing.T) {
	text := armor("", lines(base64.StdEncoding.EncodeToString(octets), 64), endLine)
	var latin1 strings.Builder
	for _, c := range octets {
		latin1.WriteRune(rune(c))
	}
	utf16 := func(s string) string {
		var b strings.Builder
		for _, c := range []byte(s) {
			b.Write([]byte{c, 0})
		}
		return b.String()
	}
	for in, want := range map[string]string{
		"\xef\xbb\xbf" + text:    "byte order mark",
		"\xff\xfe" + utf16(text): "UTF-16",
		utf16(text):              "UTF-16",
		base64.StdEncoding.EncodeToString([]byte(text)):   "encoded twice",
		"-----BEGIN CERTIFICATE-----\nMIIB\n":             "X.509",
		"\x30\x82\x01\x02":                                "DER",
		"-----BEGIN OPENSSH PRIVATE KEY-----":             "SSH",
		"ssh-ed25519 AAAA":                                "SSH",
		strings.ReplaceAll(text, "\n", `\n`):              `spelled out as "\n"`,
		"Dear bank,\n\n" + text:                           "text stands before",
		"data:application/pgp-encrypted;base64," + "AAAA": "data: URI",
		`"` + strings.ReplaceAll(text, "\n", `\n`) + `"`:  "JSON string",
		`{"body":"x"}`:                                    "JSON",
		latin1.String():                                   "turned into text",
		"\xef\xbf\xbd\xef\xbf\xbd":                        "replaced because they are no text",
		strings.ReplaceAll(text, "\n", " "):               "line ends are lost",
		"eyJhbGciOiJSU0EifQ.x.y":                          "JOSE",
		"<html>":                                          "HTML",
		"\x00\x00\x00\x20\x01\x01\x00\x02KBXf":            "keybox",
	} {
		_, _, err := openpgp.DecodeMessage([]byte(in), nil)
		if err == nil {
			_, err = openpgp.ReadEncrypted(openpgp.NewReader([]byte(in)))
		}
		require.Error(t, err, "%.20q", in)
		explained := openpgp.Explain([]byte(in), err)
		assert.ErrorContains(t, explained, want, "%.20q", in)
		assert.ErrorIs(t, explained, err)
	}
	assert.NoError(t, openpgp.Explain([]byte("{"), nil))
	assert.Equal(t, io.EOF, openpgp.Explain(octets, io.EOF), "nothing is said of what is nothing else")
}

func FuzzDecode(f *testing.F) {
	for _, tt := range texts() {
		if len(tt.in) < 4<<10 {
			f.Add([]byte(tt.in), uint16(5))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, run uint16) {
		out, _, err := openpgp.DecodeMessage(in, nil)
		streamed, streamErr := openpgp.ReadStream(&inRuns{in, 1 + int(run)})
		if fmt.Sprint(err) != fmt.Sprint(streamErr) {
			t.Fatalf("in memory: %v; in runs of %d: %v", err, 1+int(run), streamErr)
		}
		if err == nil && !bytes.Equal(out, streamed) {
			t.Fatal("other bytes")
		}
	})
}

type inRuns struct {
	in []byte
	n  int
}

func (r *inRuns) Read(p []byte) (int, error) {
	if len(r.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.in[:min(r.n, len(r.in))])
	r.in = r.in[n:]
	return n, nil
}
