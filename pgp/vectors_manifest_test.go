package pgp_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
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

// Every file of the test data of rnp and of go-crypto: what ReadKeys and
// ReadLockedKey, Open and OpenTo must make of each stands in the tables, of
// which the heads say what the columns mean. No file is left out.
func TestVectorsOfRNP(t *testing.T) {
	if testing.Short() {
		t.Skip("some thousand files")
	}
	t.Parallel()
	newManifest(t, "rnp").run(t)
}

func TestVectorsOfGoCrypto(t *testing.T) {
	if testing.Short() {
		t.Skip("some hundred files")
	}
	t.Parallel()
	newManifest(t, "go-crypto").run(t)
}

// vectorDay is when files are opened and keys are used, unless a setup says otherwise.
var vectorDay = day("2025-06-15")

// A manifest runs the files of one set.
type manifest struct {
	set, root string
	rows      map[string][]string
	setups    map[string]vectorSetup
	stranger  *pgp.Envelope
	v6        *pgp.Key
	envelopes map[string]*pgp.Envelope
}

func newManifest(t *testing.T, set string) *manifest {
	v := &manifest{
		set:       set,
		root:      vectors(t, set),
		setups:    vectorSetups[set],
		envelopes: map[string]*pgp.Envelope{},
	}
	v.stranger = newEnvelope(t, pgp.Config{Own: active(t, bankRSA(), bank()), Peer: active(t, public(partner()))})
	v.v6, _ = v.key(t, "../rnp/src/tests/data/RFC9580/A.4.transferable-seckey-v6.asc")
	return v
}

// file returns the path of a file. The table leaves out what rnp's paths share.
func (v *manifest) file(name string) string {
	if v.set == "rnp" && !strings.HasPrefix(name, "LICENSE") && !strings.HasPrefix(name, "..") {
		name = "src/tests/data/" + name
	}
	return filepath.Join(v.root, filepath.FromSlash(name))
}

func (v *manifest) names(t *testing.T) []string {
	var names []string
	require.NoError(t, filepath.WalkDir(v.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(v.root, path)
		names = append(names, strings.TrimPrefix(filepath.ToSlash(name), "src/tests/data/"))
		return err
	}))
	return names
}

func (v *manifest) run(t *testing.T) {
	v.rows = readTable(t, "testdata/vectors-"+strings.ReplaceAll(v.set, "-", "")+".tsv")
	names := v.names(t)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			row := v.rows[name]
			if !assert.GreaterOrEqual(t, len(row), 5, "no expectation") {
				return
			}
			read, open, outcome := v.outcomes(t, name, row[1], row[3])
			assert.Equal(t, row[1], read, "read")
			assert.Equal(t, row[2], open, "opened by a stranger")
			assert.Equal(t, row[4], outcome, "opened with %s", row[3])
		})
	}
	for name := range v.rows {
		assert.Contains(t, names, name, "expectation without a file")
	}
}

// outcomes returns what becomes of a file. What only says that it is locked is
// not unlocked: to do so costs more than it shows.
func (v *manifest) outcomes(t *testing.T, name, want, with string) (read, open, outcome string) {
	in := v.octets(t, name)
	read = v.read(t, in, want != "locked")
	quick(t, func() { open = v.open(t, v.stranger, in, "") })
	_, err := pgp.Inspect(in)
	if err != nil {
		_, ok := errors.AsType[*envelope.OpenError](err)
		assert.True(t, ok, "Inspect: %v", err)
	}
	if with == "-" {
		return read, open, "-"
	}
	var all []string
	for s := range strings.SplitSeq(with, "; ") {
		sealed, e := v.with(t, s, name, in)
		var got string
		quick(t, func() { got = v.open(t, e, sealed, name) })
		all = append(all, got)
	}
	return read, open, strings.Join(all, "; ")
}

// quick requires that a step takes less than four seconds, or sixty under the race
// detector, which slows the decoding of bzip2 twentyfold. What a busy machine
// delayed is tried again.
func quick(t *testing.T, step func()) {
	limit := 4 * time.Second
	if raceDetector {
		limit *= 15
	}
	var took time.Duration
	for range 3 {
		start := time.Now()
		step()
		if took = time.Since(start); took < limit {
			return
		}
	}
	assert.Less(t, took, limit)
}

// bytes returns a file, without the hexadecimal of go-crypto's sources.
func (v *manifest) octets(t *testing.T, name string) []byte {
	raw, err := os.ReadFile(v.file(name))
	require.NoError(t, err)
	if strings.HasSuffix(name, ".hex") {
		if b, err := hex.DecodeString(strings.TrimSpace(string(raw))); assert.NoError(t, err) {
			return b
		}
	}
	return raw
}

// with returns the message to open and the envelope to open it with.
func (v *manifest) with(t *testing.T, setup, name string, in []byte) ([]byte, *pgp.Envelope) {
	setup, document, _ := strings.Cut(setup, ": ")
	s, ok := v.setups[setup]
	require.True(t, ok, "unknown setup %q", setup)
	if document != "" {
		raw, err := os.ReadFile(filepath.Join(filepath.Dir(v.file(name)), document))
		require.NoError(t, err)
		s.document = string(raw)
	}
	if v.envelopes[setup] == nil {
		v.envelopes[setup] = v.envelope(t, s)
	}
	if !s.inside {
		return in, v.envelopes[setup]
	}
	packets := dearmored(in)
	if s.document != "" {
		packets = append(literalPacket([]byte(s.document)), packets...)
	}
	return newForger(t, bank()).message(packets), v.envelopes[setup]
}

func (v *manifest) envelope(t *testing.T, s vectorSetup) *pgp.Envelope {
	own, peer := []*pgp.Key{bank()}, []*pgp.Key{public(partner())}
	if s.own != nil {
		own = nil
	}
	if s.peer != nil {
		peer = nil
	}
	for _, name := range s.own {
		k, err := v.key(t, name)
		require.NoError(t, err, name)
		own = append(own, k)
	}
	for _, name := range s.peer {
		k, err := v.key(t, name)
		require.NoError(t, err, name)
		peer = append(peer, public(k))
	}
	if s.now.IsZero() {
		s.now = vectorDay
	}
	return newEnvelope(t, pgp.Config{Own: active(t, own...), Peer: active(t, peer...), Waive: s.waive, MaxSize: 32 << 20, Now: func() time.Time { return s.now }})
}

// open says what Open and OpenTo make of a message: both the same.
func (v *manifest) open(t *testing.T, e *pgp.Envelope, sealed []byte, name string) string {
	before := bytes.Clone(sealed)
	m, err := e.Open(context.Background(), sealed)
	assert.True(t, bytes.Equal(before, sealed), "Open wrote to the message")
	var dst bytes.Buffer
	_, streamErr := e.OpenTo(context.Background(), &dst, bytes.NewReader(sealed))
	if err != nil {
		assert.Nil(t, m)
		assert.Zero(t, dst.Len())
		oe, ok := errors.AsType[*envelope.OpenError](err)
		require.True(t, ok, "%v", err)
		streamed, ok := errors.AsType[*envelope.OpenError](streamErr)
		require.True(t, ok, "OpenTo: %v", streamErr)
		if oe.Reason != streamed.Reason {
			return string(oe.Reason + " / " + streamed.Reason)
		}
		assert.Equal(t, fmt.Sprint(oe.Cause()), fmt.Sprint(streamed.Cause()), "Open and OpenTo say different things")
		return string(oe.Reason)
	}
	if assert.NoError(t, streamErr, "OpenTo refuses what Open opens") {
		assert.True(t, bytes.Equal(m.Payload, dst.Bytes()))
	}
	return fmt.Sprintf("opens %d, %s", len(m.Signers), v.payload(name, m.Payload))
}

// payload names the file beside a message that holds its payload, or else says
// how long the payload is.
func (v *manifest) payload(name string, payload []byte) string {
	dir := filepath.Dir(v.file(name))
	for _, plain := range []string{"message.txt", "message-32k-crlf.txt", "message.4k-long-lines", "source.txt"} {
		if want, err := os.ReadFile(filepath.Join(dir, plain)); err == nil && bytes.Equal(want, payload) {
			return plain
		}
	}
	return fmt.Sprintf("%d bytes", len(payload))
}

// The messages that go-crypto exchanges with other implementations, with the
// keys that they are for. The signer is the recipient: to the envelope that
// decrypts such a message, it is by ourselves. To see that the signature is
// good, its packets are encrypted to somebody else.
func TestIntegrationVectorsOfGoCrypto(t *testing.T) {
	raw, err := os.ReadFile(vectors(t, "go-crypto", "openpgp", "integration_tests", "v2", "testdata", "test_vectors.json"))
	require.NoError(t, err)
	var list []struct {
		Name, PrivateKey, PublicKey, Password, EncryptedSignedMessage, Message string
	}
	require.NoError(t, json.Unmarshal(raw, &list))
	const brainpool = "does not work in constant time" // the library, with a private key
	want := map[string]string{                         // why the private key is refused
		"rsa":             "",
		"dsa":             "(DSA): not allowed",
		"secp256k1":       "secp256k1",
		"brainpoolp256r1": brainpool,
		"brainpoolp384r1": brainpool,
		"brainpoolp512r1": brainpool,
		"curve25519":      "", "curve448rfc9580": "", "ed25519": "", "p256": "", "p384": "", "p521": "",
	}
	require.Len(t, list, len(want))
	for _, v := range list {
		t.Run(v.Name, func(t *testing.T) {
			require.Contains(t, want, v.Name, "no expectation")
			theirs, err := pgp.ReadKey(strings.NewReader(v.PublicKey))
			if v.Name == "dsa" || v.Name == "secp256k1" {
				assert.ErrorContains(t, err, want[v.Name])
			} else {
				require.NoError(t, err)
			}
			k, err := pgp.ReadLockedKey(strings.NewReader(v.PrivateKey), []byte(v.Password))
			if want[v.Name] != "" {
				assert.ErrorContains(t, err, want[v.Name])
				return
			}
			require.NoError(t, err)
			sealed := []byte(v.EncryptedSignedMessage)
			e := newEnvelope(t, pgp.Config{Own: active(t, k), Peer: active(t, public(partner()))})
			if v.Name == "curve448rfc9580" {
				rejected(t, e, sealed, envelope.Misdirected)
				return // signed as text, see TestHostileMessages
			}
			if v.Name == "curve25519" { // its tail has three dashes too many
				rejected(t, e, sealed, envelope.Malformed)
				sealed = bytes.TrimSuffix(sealed, []byte("---"))
			}
			if v.Name == "rsa" { // one key for both uses, and short
				rejected(t, e, sealed, envelope.Forbidden)
				return
			}
			rejected(t, e, sealed, envelope.Misdirected)
			inside := newForger(t, bank()).message(plaintext(t, k, dearmored(sealed)))
			m := open(t, newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, theirs)}), inside)
			assert.Equal(t, v.Message, string(m.Payload))
			assert.True(t, m.SignedBy(theirs.Info().ID))
		})
	}
}
