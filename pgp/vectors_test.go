package pgp_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/pgp"
)

// Messages that gpg and sq made, and messages that were tampered with: what
// must become of each stands in testdata/vectors.tsv, and no file is left out.
//
// Some of the tampered ones open, because RFC 9580 says so or because nothing
// is lost: marker, padding, and unknown private packets are passed over
// (Sections 4.3, 5.8, 5.14), so are session keys of others or of unknown
// versions, what a one-pass packet announces is not relied on, and one layer of
// compression may be of the kind that does not compress.
func TestPeerMessages(t *testing.T) {
	want := readTable(t, "testdata/vectors.tsv")
	payload, err := os.ReadFile(vectors(t, "selfmade", "body.json"))
	require.NoError(t, err)
	seen := 0
	for _, peer := range []string{"gpg", "sq"} {
		dir := vectors(t, "selfmade", "pgp", peer)
		manifest := readTable(t, filepath.Join(dir, "manifest.tsv"))
		files, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, f := range files {
			name := peer + "/" + f.Name()
			if f.Name() == "manifest.tsv" {
				continue
			}
			seen++
			t.Run(name, func(t *testing.T) {
				require.Contains(t, want, name, "no expectation")
				row := manifest[strings.SplitN(f.Name(), ".", 2)[0]]
				require.NotEmpty(t, row)
				sealed, err := os.ReadFile(filepath.Join(dir, f.Name()))
				require.NoError(t, err)
				got, m := outcome(t, row[0], row[1], sealed)
				assert.Equal(t, want[name][0], got)
				if m != nil {
					assert.Equal(t, payload, m.Payload)
				}
			})
		}
	}
	files, err := os.ReadDir(vectors(t, "selfmade", "tampered"))
	require.NoError(t, err)
	for _, f := range files {
		name := "tampered/" + f.Name()
		seen++
		t.Run(name, func(t *testing.T) {
			require.Contains(t, want, name, "no expectation")
			sealed, err := os.ReadFile(vectors(t, "selfmade", name))
			require.NoError(t, err)
			got, m := outcome(t, "partner-rsa,partner-ecc", "our-rsa,our-ecc", sealed)
			assert.Equal(t, want[name][0], got)
			if m != nil {
				assert.Equal(t, payload, m.Payload)
			}
		})
	}
	assert.Equal(t, len(want), seen, "files and expectations differ in number")
}

// readTable reads tab-separated values by their first column.
func readTable(t testing.TB, path string) map[string][]string {
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	table := map[string][]string{}
	for line := range strings.Lines(string(raw)) {
		if f := strings.Split(strings.TrimRight(line, "\n"), "\t"); len(f) > 1 && !strings.HasPrefix(line, "#") {
			table[f[0]] = f[1:]
		}
	}
	return table
}

// outcome opens a message from the named signers to the named recipients. A
// recipient that also signs is the partner, and not one of us.
func outcome(t testing.TB, signers, recipients string, sealed []byte) (string, *envelope.Message) {
	var own []*pgp.Key
	for n := range strings.SplitSeq(recipients, ",") {
		if n == "-" {
			n = "our-rsa"
		}
		if strings.Contains(signers, n) && signers != recipients {
			continue
		}
		k, err := readVectorKey(t, n+".sec.asc")
		if err != nil {
			return "no key", nil
		}
		own = append(own, k)
	}
	var partners []*pgp.Key
	for n := range strings.SplitSeq(signers, ",") {
		if n == "-" {
			n = "partner-rsa"
		}
		k, err := readVectorKey(t, n+".pub.asc")
		if err != nil {
			return "no key", nil
		}
		partners = append(partners, k)
	}
	made := day("2026-11-22") // the day after; one signature is for a day
	e := newEnvelope(t, pgp.Config{Own: active(t, own...), Peer: active(t, partners...), Now: func() time.Time { return made }})
	m, err := e.Open(t.Context(), sealed)
	if err != nil {
		oe, ok := errors.AsType[*envelope.OpenError](err)
		require.True(t, ok, "%v", err)
		rejected(t, e, sealed, oe.Reason)
		return string(oe.Reason), nil
	}
	open(t, e, sealed)
	return fmt.Sprintf("opens %d", len(m.Signers)), m
}

func readVectorKey(t testing.TB, name string) (*pgp.Key, error) {
	raw, err := os.ReadFile(vectors(t, "selfmade", "keys", name))
	require.NoError(t, err)
	return pgp.ReadKey(bytes.NewReader(raw))
}
