package pgp_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha3"
	"encoding/binary"
	"hash"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/timing"
	"github.com/sealwax/sealwax/pgp"
)

// A carrier has recorded one message under SEIPD version 1. He has the public keys
// and knows the form of the payload, but not what it says. He joins blocks of the
// ciphertext anew, so that one byte of the plaintext becomes the type of a packet:
// that of a literal up to the end of the data, if a guess of his is right, and of
// nothing otherwise (RFC 9580, Section 13.7). If anything looks at plaintext whose
// integrity is not known yet, a right guess costs more than a wrong one.
type carrier struct {
	sessions []byte   // packets before the data
	blocks   [][]byte // of the ciphertext
	begins   []byte   // the first 14 bytes of the plaintext, which he knows
	second   []byte   // and its block 2
	filler   []byte
}

// newCarrier records a message whose payload begins with known and has size bytes
// after it.
func newCarrier(t testing.TB, by *pgp.Key, algorithm byte, sealed, known []byte, payload, size int) *carrier {
	c := &carrier{filler: make([]byte, size)}
	_, err := rand.Read(c.filler)
	require.NoError(t, err)
	packets, data := splitData(t, sealed)
	c.sessions = packets
	for ; len(data) >= 16; data = data[16:] {
		c.blocks = append(c.blocks, data[:16])
	}
	id := binary.BigEndian.AppendUint64(nil, entity(t, public(by)).PrimaryKey.KeyId)
	c.begins = append([]byte{0xc4, 13, 3, 0, 9, algorithm}, id...)                             // a one-pass signature
	c.second = append([]byte{1, 0xcb, byte(6 + payload), 'b', 0, 0, 0, 0, 0}, known[:16-9]...) // its flag, and a literal
	return c
}

// splitData returns the packets before the SEIPD packet of a binary message, and
// its data behind the version.
func splitData(t testing.TB, sealed []byte) (before, data []byte) {
	for rest := sealed; ; {
		require.Equal(t, byte(0xc0), rest[0]&0xc0)
		head, n := 2, int(rest[1])
		switch {
		case rest[1] == 255:
			head, n = 6, int(binary.BigEndian.Uint32(rest[2:]))
		case rest[1] >= 192:
			head, n = 3, (n-192)<<8+int(rest[2])+192
		}
		if rest[0]&0x3f == 18 {
			return sealed[:len(sealed)-len(rest)], rest[head+1 : head+n]
		}
		rest = rest[head+n:]
	}
}

// guess returns a message in which byte j of the plaintext of block at decides: it
// is read as the type of a literal if it is g.
func (c *carrier) guess(at, j int, g byte) []byte {
	xor := func(a, b []byte) []byte {
		out := make([]byte, len(a))
		for i := range out {
			out[i] = a[i] ^ b[i]
		}
		return out
	}
	// A signature packet comes first, whose body reaches up to the byte. Its hash
	// is SHA3-512, so that the literal costs as much as it can.
	signature := []byte{0xc2, 41, 4, 0, 1, 14, 0, 28, 21, 100, 0, 0, 0, 0}
	first := bytes.Clone(c.blocks[1])
	copy(first[2:], xor(c.blocks[1][2:], xor(c.begins, signature)))
	mask := xor(c.blocks[2], c.second) // of the block behind block 1
	rest := []byte{5, 2, 0x60, 0, 0, 0, 0, 0, 0xab, 0xcd, 0, 8, 0x80, 0xc4, byte(17 + j), 0}
	target := bytes.Clone(c.blocks[at])
	target[j] ^= g ^ 0xaf // a literal of the legacy format, up to the end
	body := []byte{1}
	for _, b := range [][]byte{c.blocks[0], first, c.blocks[1], xor(mask, rest), c.blocks[at-1], target, c.filler} {
		body = append(body, b...)
	}
	return append(bytes.Clone(c.sessions), rawPacket(18, body)...)
}

const iban = `{"to":"DE89370400440532013000","amount":"12.50"}`

func recorded(t testing.TB, size int) (*pgp.Envelope, *carrier) {
	ours, _ := conversation(t, bank(), partner())
	theirs := newEnvelope(t, pgp.Config{Own: active(t, partner()), Peer: active(t, public(bank())), Encoding: pgp.Binary})
	return ours, newCarrier(t, partner(), 22, seal(t, theirs, []byte(iban)), []byte(`{"to":"`), len(iban), size)
}

// What runs behind the check of the integrity does not run if the check fails. The
// work is counted, and not the time, which is noisy: no hash is begun for the
// signature that the carrier put there, and allocations and bytes read are what
// they are for a wrong guess.
func TestNothingIsReadBeforeItIsIntact(t *testing.T) {
	begun := 0
	crypto.RegisterHash(crypto.SHA3_512, func() hash.Hash { begun++; return sha3.New512() })
	defer crypto.RegisterHash(crypto.SHA3_512, func() hash.Hash { return sha3.New512() })
	for _, size := range []int{1 << 10, 64 << 10, 1 << 20, 6 << 20} {
		ours, c := recorded(t, size)
		for _, guess := range []struct {
			at, j        int
			right, wrong byte
		}{{2, 9, '{', '}'}, {3, 0, 'D', 'E'}, {3, 1, 'E', 'F'}, {3, 2, '8', '9'}} {
			right, wrong := c.guess(guess.at, guess.j, guess.right), c.guess(guess.at, guess.j, guess.wrong)
			for _, sealed := range [][]byte{right, wrong} {
				rejected(t, ours, sealed, envelope.Corrupt)
			}
			assert.Zero(t, begun, "a hash was begun for plaintext that is not intact")
			if raceDetector {
				continue // it allocates on its own
			}
			count := func(f func()) float64 { return testing.AllocsPerRun(3, f) }
			openIt := func(sealed []byte) func() {
				return func() { _, _ = ours.Open(context.Background(), sealed) }
			}
			openTo := func(sealed []byte) func() {
				return func() { _, _ = ours.OpenTo(context.Background(), io.Discard, bytes.NewReader(sealed)) }
			}
			assert.InDelta(t, count(openIt(wrong)), count(openIt(right)), 6, "Open, %d", size)
			assert.InDelta(t, count(openTo(wrong)), count(openTo(right)), 6, "OpenTo, %d", size)
			reads := func(sealed []byte) int64 {
				r := &countingSeeker{ReadSeeker: bytes.NewReader(sealed)}
				_, err := ours.OpenTo(context.Background(), io.Discard, r)
				require.Error(t, err)
				return r.n
			}
			assert.Equal(t, reads(wrong), reads(right), "OpenTo reads the message once, whatever is in it")
			assert.Equal(t, int64(len(right)), reads(right))
		}
	}
}

type countingSeeker struct {
	io.ReadSeeker
	n int64
}

func (c *countingSeeker) Read(p []byte) (int, error) {
	n, err := c.ReadSeeker.Read(p)
	c.n += int64(n)
	return n, err
}

// The exploit as it is: right guesses against wrong ones, judged as package timing does.
// They are told apart if zero is not between low and high.
//
//	go test -run - -bench CarrierGuesses -benchtime 2000x ./pgp
func BenchmarkCarrierGuesses(b *testing.B) {
	for name, size := range map[string]int{"64KiB": 64 << 10, "1MiB": 1 << 20, "6MiB": 6 << 20} {
		ours, c := recorded(b, size)
		right, wrong := c.guess(3, 0, 'D'), c.guess(3, 0, 'E')
		for way, call := range map[string]func(context.Context, []byte) error{
			"Open": timing.Open(ours),
			"OpenTo": func(ctx context.Context, m []byte) error {
				_, err := ours.OpenTo(ctx, io.Discard, bytes.NewReader(m))
				return err
			},
		} {
			b.Run(way+"/"+name, func(b *testing.B) {
				p := timing.Pair{Name: way + ", " + name, Do: call, Kinds: [2]timing.Kind{
					{Name: "right", Messages: [][]byte{right}, Want: timing.Rejected(envelope.Corrupt)},
					{Name: "wrong", Messages: [][]byte{wrong}, Want: timing.Rejected(envelope.Corrupt)}}}
				s, err := timing.Method{Rounds: b.N, Now: timing.Clock()}.Measure(b.Context(), p)
				require.NoError(b, err)
				r := timing.Compare(s.First, s.Second, timing.Confidence)
				b.ReportMetric(r.Difference, "difference-ns")
				b.ReportMetric(r.Low, "low-ns")
				b.ReportMetric(r.High, "high-ns")
			})
		}
	}
}
