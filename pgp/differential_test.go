package pgp_test

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/pgp"
)

// Sizes on both sides of every threshold of the fast paths.
var thresholds = []int{0, 1, 15, 16, 17, 4095, 4096, 4097, 6143, 6144, 6145, 65535, 65536, 65537, 1<<20 - 1, 1 << 20, 1<<20 + 1}

func octets(n int) []byte {
	r := rand.NewChaCha8([32]byte{7})
	b := make([]byte, n)
	_, _ = r.Read(b)
	return b
}

// What Seal makes, the library's own functions read, and what they make, Open
// does: at every size, in memory and streamed, with one core and with all.
func TestDifferential(t *testing.T) {
	v6, theirV6 := v6Own(t), v6Key(t, "gcm", packet.AEADModeGCM)
	ocb := readsAEAD(t, "ocb", packet.AEADModeOCB)
	for _, tt := range []struct {
		content      string
		ours, theirs *pgp.Key
		library      string // what it writes to ours
	}{
		{"AES-256/CFB", bank(), partner(), "AES-256/CFB"},
		{"AES-256/GCM", v6, theirV6, "AES-256/OCB"},
		{"AES-256/OCB", bank(), ocb, "AES-256/CFB"},
	} {
		for _, cores := range []int{1, runtime.NumCPU()} {
			t.Run(fmt.Sprintf("%s, %d cores", tt.content, cores), func(t *testing.T) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
				ours := newEnvelope(t, pgp.Config{Own: active(t, tt.ours), Peer: active(t, public(tt.theirs)), Encoding: pgp.Binary})
				text := newEnvelope(t, pgp.Config{Own: active(t, tt.ours), Peer: active(t, public(tt.theirs))})
				theirs := newEnvelope(t, pgp.Config{Own: active(t, tt.theirs), Peer: active(t, public(tt.ours))})
				back := newEnvelope(t, pgp.Config{Own: active(t, tt.ours), Peer: active(t, public(tt.theirs))})
				for _, n := range thresholds {
					if (raceDetector && cores == 1 || testing.Short()) && n > 1<<17 {
						continue // there is nothing to race, and it is slow
					}
					payload := octets(n)
					var streamed bytes.Buffer
					require.NoError(t, ours.SealTo(t.Context(), &streamed, bytes.NewReader(payload)))
					for _, sealed := range [][]byte{seal(t, ours, payload), streamed.Bytes()} {
						libraryOpens(t, sealed, payload, tt.theirs, tt.ours)
						same(t, payload, theirs, sealed, tt.content)
					}
					same(t, payload, theirs, seal(t, text, payload), tt.content)
					made := librarySeals(t, payload, tt.theirs, tt.ours)
					same(t, payload, back, made, tt.library)
					same(t, payload, back, []byte(base64.RawURLEncoding.EncodeToString(made)), tt.library)
				}
			})
		}
	}
}

// same requires that sealed opens to payload, and is left as it was.
func same(t *testing.T, payload []byte, e *pgp.Envelope, sealed []byte, content string) {
	before := bytes.Clone(sealed)
	m := open(t, e, sealed)
	require.True(t, bytes.Equal(payload, m.Payload), "%d bytes", len(payload))
	require.Equal(t, content, m.Content)
	require.True(t, bytes.Equal(before, sealed), "Open wrote to what it was given")
}

func librarySeals(t *testing.T, payload []byte, from, to *pgp.Key) []byte {
	var b bytes.Buffer
	w, err := openpgp.Encrypt(&b, []*openpgp.Entity{entity(t, public(to))}, nil, []*openpgp.Entity{entity(t, from)}, nil,
		&packet.Config{DefaultCipher: packet.CipherAES256, DefaultHash: crypto.SHA384, AEADConfig: &packet.AEADConfig{}})
	require.NoError(t, err)
	_, err = w.Write(payload)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// A change anywhere in a large message is found, whichever goroutine meets it,
// and leaves what the caller passed as it was. A second session key that fits
// does not suffer from the first, which is tried before it.
func TestLargeMessagesAreChecked(t *testing.T) {
	ours, theirs := conversation(t, bank(), partner())
	sealed := seal(t, ours, octets(200_000))
	raw, err := base64.RawURLEncoding.DecodeString(string(sealed))
	require.NoError(t, err)
	for at := 2000; at < len(raw); at += 9973 {
		changed := bytes.Clone(raw)
		changed[at] ^= 1
		kept := bytes.Clone(changed)
		rejected(t, theirs, changed, envelope.Corrupt)
		require.True(t, bytes.Equal(kept, changed))
		rejected(t, theirs, []byte(base64.RawURLEncoding.EncodeToString(changed)), envelope.Corrupt)
	}

	wrong := newForger(t, partner())
	wrong.session = octets(32)
	both := append(wrong.pkesk(), raw...)
	m := open(t, theirs, []byte(base64.RawURLEncoding.EncodeToString(both)))
	assert.True(t, bytes.Equal(octets(200_000), m.Payload))
}
