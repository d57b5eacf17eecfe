package openpgp_test

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"crypto"
	_ "crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/internal/openpgp"
	"github.com/sealwax/sealwax/internal/seeds"
)

func pkt(tag byte, body ...[]byte) []byte {
	return openpgp.Packet{Tag: tag, Body: bytes.Join(body, nil)}.Encode()
}

func literal(payload string) []byte {
	return pkt(openpgp.TagLiteral, []byte("b\x03abc\x00\x00\x00\x00"+payload))
}

// partial writes a packet in parts of 2^power bytes.
func partial(tag byte, power int, body []byte) []byte {
	out := []byte{0xc0 | tag}
	for ; len(body) > 1<<power; body = body[1<<power:] {
		out = append(append(out, byte(224+power)), body[:1<<power]...)
	}
	return append(openpgp.AppendLength(out, int64(len(body))), body...)
}

func zip(algorithm byte, data []byte) []byte {
	var b bytes.Buffer
	b.WriteByte(algorithm)
	var w io.WriteCloser
	switch algorithm {
	case 0:
		b.Write(data)
		return pkt(openpgp.TagCompressed, b.Bytes())
	case 1:
		w, _ = flate.NewWriter(&b, 6)
	default:
		w = zlib.NewWriter(&b)
	}
	_, _ = w.Write(data)
	_ = w.Close()
	return pkt(openpgp.TagCompressed, b.Bytes())
}

const maxSize = 1 << 20

var (
	onePass   = pkt(openpgp.TagOnePass, []byte("one-pass"))
	signature = pkt(openpgp.TagSignature, []byte("signature"))
	padding   = pkt(openpgp.TagPadding, []byte("padding"))
	private   = pkt(60, []byte("private"))
)

func join(p ...[]byte) []byte { return bytes.Join(p, nil) }

var inner = []struct {
	name    string
	in      []byte
	payload string
	err     string // if it is no signed message
}{
	{"literal, signature", join(literal("x"), signature), "x", ""},
	{"one-pass", join(onePass, literal("x"), signature), "x", ""},
	{"signature first", join(signature, literal("x")), "x", ""},
	{"empty literal", literal(""), "", ""},
	{"literal alone", literal("x"), "x", ""},
	{"more one-pass signatures than signatures", join(onePass, onePass, literal("x"), signature), "x", ""},
	{"padding everywhere", join(padding, onePass, private, literal("x"), padding, signature, private), "x", ""},
	{"padding of 200 KiB", join(onePass, literal("x"), signature, pkt(openpgp.TagPadding, make([]byte, 200<<10))), "x", ""},
	{"256 packets", join(literal("x"), signature, bytes.Repeat(padding, 254)), "x", ""},
	{"257 packets", join(literal("x"), signature, bytes.Repeat(padding, 255)), "", "more than 256 packets"},
	{"one-pass of 200 KiB", join(pkt(openpgp.TagOnePass, make([]byte, 200<<10)), literal("x"), signature), "", "larger than any"},
	{"compressed, all of it", zip(2, join(onePass, literal("x"), signature)), "x", ""},
	{"raw DEFLATE", zip(1, join(onePass, literal("x"), signature)), "x", ""},
	{"not compressed", zip(0, join(onePass, literal("x"), signature)), "x", ""},
	{"compressed, padding after it", join(zip(2, literal("x")), padding), "x", ""},
	{"compressed, a signature after it", join(zip(2, literal("x")), signature), "", "data after the end"},
	{"a one-pass signature before what is compressed", join(onePass, zip(2, join(literal("x"), signature))), "", "packet of type 8"},
	{"a signature before what is compressed", join(signature, zip(2, literal("x"))), "", "packet of type 8"},
	{"both before what is compressed", join(onePass, signature, zip(2, literal("x"))), "", "packet of type 8"},
	{"a file name of 255 bytes", pkt(openpgp.TagLiteral, []byte("b\xff"), make([]byte, 255+4), []byte("x")), "x", ""},
	{"a file name that is cut", pkt(openpgp.TagLiteral, []byte("b\xff"), make([]byte, 255+3)), "", "truncated"},
	{"the largest", literal(strings.Repeat("x", maxSize)), strings.Repeat("x", maxSize), ""},
	{"the largest, in parts", partial(openpgp.TagLiteral, 9, []byte("b\x00\x00\x00\x00\x00"+strings.Repeat("x", maxSize))), strings.Repeat("x", maxSize), ""},
	{"compressed twice", zip(2, zip(2, literal("x"))), "", "more than once"},
	{"damaged compression", pkt(openpgp.TagCompressed, []byte("\x02nonsense")), "", "damaged"},
	{"unknown compression", pkt(openpgp.TagCompressed, []byte("\x09x")), "", "compression algorithm 9"},
	{"two literals", join(literal("x"), literal("y")), "", "packet of type 11"},
	{"nothing", nil, "", "not a signed literal"},
	{"signatures alone", join(onePass, signature), "", "not a signed literal"},
	{"encrypted once more", pkt(openpgp.TagSEIPD, []byte("x")), "", "packet of type 18"},
	{"literal without a date", pkt(openpgp.TagLiteral, []byte("b\x00\x00")), "", "truncated"},
	{"literal that is cut", literal("xxxx")[:12], "", "truncated"},
	{"no packet", []byte("plain text"), "", "invalid packet header"},
	{"in parts", join(onePass, partial(openpgp.TagLiteral, 9, []byte("b\x00\x00\x00\x00\x00"+strings.Repeat("x", 2000))), signature), strings.Repeat("x", 2000), ""},
	{"in parts below 512", join(onePass, partial(openpgp.TagLiteral, 3, []byte("b\x00\x00\x00\x00\x00"+strings.Repeat("x", 100))), signature), strings.Repeat("x", 100), ""},
	{"a signature in parts", join(literal("x"), partial(openpgp.TagSignature, 3, make([]byte, 20))), "", "invalid packet header"},
	{"up to the end", append([]byte{0xaf, 'b', 0, 0, 0, 0, 0}, "xyz"...), "xyz", ""},
	{"up to the end, compressed", append([]byte{0xa3}, zip(2, literal("x"))[2:]...), "x", ""},
	{"too large", literal(strings.Repeat("x", maxSize+1)), "", "larger than MaxSize"},
	{"too large, compressed", zip(2, literal(strings.Repeat("x", 2*maxSize))), "", "larger than MaxSize"},
}

// The grammar is one for bytes in memory and for a stream in runs of any size.
func TestGrammar(t *testing.T) {
	for _, tt := range inner {
		t.Run(tt.name, func(t *testing.T) {
			for _, run := range []int{0, 1, 7, 512, 64 << 10} {
				if run == 1 && len(tt.in) > 300<<10 {
					continue
				}
				m, err := openpgp.ReadInner(tt.in, maxSize, run)
				if tt.err != "" {
					require.ErrorContains(t, err, tt.err, "runs of %d", run)
					assert.Nil(t, m)
					continue
				}
				require.NoError(t, err, "runs of %d", run)
				assert.Equal(t, tt.payload, string(m.Payload), "runs of %d", run)
				assert.Equal(t, int64(len(tt.payload)), m.Size)
			}
		})
	}
}

// What stands where is told, for those who judge the signatures.
func TestWhatStandsWhere(t *testing.T) {
	for _, tt := range []struct {
		in                       []byte
		signatures, before, ones int
	}{
		{join(literal("x"), signature, signature), 2, 0, 0},
		{join(signature, onePass, signature, onePass, literal("x"), signature), 3, 2, 2},
		{zip(1, join(onePass, padding, literal("x"), signature)), 1, 0, 1},
	} {
		for _, run := range []int{0, 5} {
			m, err := openpgp.ReadInner(tt.in, maxSize, run)
			require.NoError(t, err)
			require.Len(t, m.Signatures, tt.signatures)
			assert.Equal(t, tt.before, m.Before)
			require.Len(t, m.OnePass, tt.ones)
			for _, p := range m.Signatures {
				assert.Equal(t, openpgp.Packet{Tag: openpgp.TagSignature, Body: []byte("signature")}, p)
			}
			for _, p := range m.OnePass {
				assert.Equal(t, openpgp.Packet{Tag: openpgp.TagOnePass, Body: []byte("one-pass")}, p)
			}
		}
	}
}

// A payload that lies in one piece in memory is not copied, and any other is.
func TestPayloadIsNotCopied(t *testing.T) {
	payload := strings.Repeat("payload", 100)
	for name, tt := range map[string]struct {
		in     []byte
		shared bool
	}{
		"of a length":                      {literal(payload), true},
		"of a length, before a signature":  {join(onePass, literal(payload), signature), true},
		"up to the end":                    {append([]byte{0xaf, 'b', 0, 0, 0, 0, 0}, payload...), true},
		"in parts":                         {partial(openpgp.TagLiteral, 9, []byte("b\x00\x00\x00\x00\x00"+payload)), false},
		"in parts, of which one is enough": {join([]byte{0xc0 | openpgp.TagLiteral, 224 + 9}, []byte("b\x00\x00\x00\x00\x00"), []byte(payload[:506]), []byte{0}), false},
		"compressed":                       {zip(1, literal(payload)), false},
	} {
		before := bytes.Clone(tt.in)
		m, err := openpgp.ReadInner(tt.in, maxSize, 0)
		require.NoError(t, err, name)
		assert.Equal(t, before, tt.in, "%s: it was written to", name)
		was := string(m.Payload)
		for i := range tt.in {
			tt.in[i] ^= 0xff
		}
		assert.Equal(t, tt.shared, was != string(m.Payload), name)
	}
}

// What is compressed may grow a thousand times: blank records of fixed width
// grow 274 times.
func TestRatio(t *testing.T) {
	read := func(in []byte) error {
		_, err := openpgp.ReadInner(in, 64<<20, 0)
		_, streamed := openpgp.ReadInner(in, 64<<20, 4096)
		assert.Equal(t, fmt.Sprint(err), fmt.Sprint(streamed))
		return err
	}
	blank := zip(2, literal(strings.Repeat(strings.Repeat(" ", 79)+"\n", 20_000)))
	require.NoError(t, read(blank))
	require.NoError(t, read(zip(1, literal(strings.Repeat("\x00", 200<<10)))), "up to 256 KiB it does not matter")
	err := read(pkt(openpgp.TagCompressed, []byte{1}, bomb(4<<20)))
	require.ErrorIs(t, err, openpgp.ErrLimit)
	assert.ErrorContains(t, err, "more than 1000 times")
	assert.NotErrorIs(t, err, openpgp.ErrSize)
}

// bomb is DEFLATE that grows as much as DEFLATE can, 1,032 times: matches of 258
// bytes in two bits each, in a literal.
func bomb(size int) []byte {
	out := []byte{0, 7, 0, 0xf8, 0xff, 0xaf, 'b', 0, 0, 0, 0, 0} // a stored block: the head of a literal up to the end
	var acc, n uint
	put := func(v, bits uint) { // the lowest bit first
		acc |= v << n
		for n += bits; n >= 8; n -= 8 {
			out = append(out, byte(acc))
			acc >>= 8
		}
	}
	put(1, 1)  // the last block
	put(2, 2)  // with tables
	put(29, 5) // 286 literals and lengths
	put(0, 5)  // one distance
	put(14, 4) // 18 lengths of the code for lengths, in their order
	for _, s := range []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1} {
		put(map[int]uint{18: 1, 1: 2, 2: 2}[s], 3)
	}
	one, two, zeros := uint(0b01), uint(0b11), func(n uint) { put(0, 1); put(n-11, 7) } // the codes 10, 11, and 0
	put(two, 2)                                                                         // the literal 0 has two bits
	zeros(138)
	zeros(117)
	put(two, 2) // and so has the end of the block
	zeros(28)
	put(one, 2) // a match of 258 has one
	put(one, 2) // and so has the distance 1
	put(0b01, 2)
	for range size / 258 {
		put(0, 2)
	}
	put(0b11, 2)
	put(0, 7)
	return out
}

func TestEncrypted(t *testing.T) {
	session := pkt(openpgp.TagPKESK, []byte("session"))
	password := pkt(openpgp.TagSKESK, []byte("password"))
	data := pkt(openpgp.TagSEIPD, []byte("\x01data"))
	for _, tt := range []struct {
		name     string
		in       []byte
		sessions int
		err      string
	}{
		{"one recipient", join(session, data), 1, ""},
		{"a password beside it", join(password, session, data), 1, ""},
		{"passwords only", join(password, data), 0, "passwords only"},
		{"no session key", data, 0, ""},
		{"padding everywhere", join(padding, session, private, data, padding, private), 1, ""},
		{"padding of 200 KiB in front", join(pkt(openpgp.TagPadding, make([]byte, 200<<10)), session, data), 1, ""},
		{"255 session keys", join(bytes.Repeat(session, 255), data), 255, ""},
		{"256 session keys", join(bytes.Repeat(session, 256), data), 0, "more than 256 packets"},
		{"256 packets after the data", join(session, data, bytes.Repeat(padding, 256)), 0, "more than 256 packets"},
		{"a session key after the data", join(data, session), 0, "data after the end"},
		{"a new line after the data", join(session, data, []byte("\n")), 0, "data after the end"},
		{"signed only", join(onePass, literal("x"), signature), 0, "not encrypted"},
		{"a user ID", join(pkt(openpgp.TagUserID, []byte("x")), data), 0, "packet of type 13"},
		{"no data", session, 0, "no encrypted data"},
		{"data that is cut", join(session, data[:4]), 0, "truncated"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, in := range []*openpgp.Reader{openpgp.NewReader(tt.in), openpgp.NewStream(iotest.HalfReader(bytes.NewReader(tt.in)))} {
				e, err := openpgp.ReadEncrypted(in)
				if err == nil {
					_, err = e.Body.Whole(1 << 20)
				}
				if err == nil {
					err = e.End()
				}
				if tt.err != "" {
					assert.ErrorContains(t, err, tt.err)
					continue
				}
				require.NoError(t, err)
				assert.Len(t, e.Sessions, tt.sessions)
			}
		})
	}
}

func TestHashes(t *testing.T) {
	kind := openpgp.HashKind{Hash: crypto.SHA256, Salt: "salt"}
	want := kind.Begin()
	want.Write([]byte("payload"))
	m, err := openpgp.ReadInner(literal("payload"), maxSize, 0)
	require.NoError(t, err)
	for range 2 { // what one signature writes to it, the next one does not see
		h, err := m.Hashes.Get(kind)
		require.NoError(t, err)
		assert.Equal(t, want.Sum(nil), h.Sum(nil))
		h.Write([]byte("suffix"))
	}
	m, err = openpgp.ReadInner(literal("payload"), maxSize, 3)
	require.NoError(t, err)
	_, err = m.Hashes.Get(kind)
	assert.ErrorIs(t, err, openpgp.ErrNotComputed)
}

func TestLengths(t *testing.T) {
	for _, n := range []int64{0, 191, 192, 8383, 8384, 1 << 20, openpgp.MaxLength} {
		out := openpgp.AppendLength(nil, n)
		r := openpgp.NewReader(append([]byte{0xc0 | openpgp.TagLiteral}, out...))
		_, body, err := r.Next()
		require.NoError(t, err)
		if n == 0 {
			_, err = body.Next(1)
			assert.Equal(t, io.EOF, err)
			continue
		}
		_, err = body.Whole(n - 1)
		assert.ErrorIs(t, err, openpgp.ErrLarge, "%d", n)
	}
	assert.Panics(t, func() { openpgp.AppendLength(nil, openpgp.MaxLength+1) }, "a length is never cut")
}

// The grammar alone, without any cryptography: the same in memory and streamed.
func FuzzInner(f *testing.F) {
	for _, tt := range inner {
		if len(tt.in) < 4<<10 {
			f.Add(tt.in, uint16(7))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, run uint16) {
		m, err := openpgp.ReadInner(in, maxSize, 0)
		s, streamErr := openpgp.ReadInner(in, maxSize, 1+int(run))
		if fmt.Sprint(err) != fmt.Sprint(streamErr) {
			t.Fatalf("in memory: %v; in runs of %d: %v", err, 1+int(run), streamErr)
		}
		if err != nil {
			return
		}
		if !bytes.Equal(m.Payload, s.Payload) || m.Size != s.Size || m.Before != s.Before {
			t.Fatal("other payloads")
		}
		if fmt.Sprint(m.Signatures, m.OnePass) != fmt.Sprint(s.Signatures, s.OnePass) {
			t.Fatal("other signatures")
		}
		if m.Hashes.Canonical() != s.Hashes.Canonical() {
			t.Fatal("other line ends")
		}
	})
}

// The grammar of what is around: session keys, data, and nothing after it. It is the same in
// memory and streamed, and what was read is read again when it is written.
func FuzzEncrypted(f *testing.F) {
	session, data := pkt(openpgp.TagPKESK, []byte("session")), pkt(openpgp.TagSEIPD, []byte("data"))
	for _, in := range [][][]byte{
		{session, data}, {pkt(openpgp.TagSKESK, []byte{4}), data}, {pkt(openpgp.TagMarker, []byte("PGP")), session, data, pkt(openpgp.TagPadding, []byte{1})},
		{session, partial(openpgp.TagSEIPD, 2, []byte("data in parts"))}, {session, data, data}, {session}, {data, session},
		{session, {0x80 | openpgp.TagSED<<2 | 3}, []byte("to the end")}, {pkt(openpgp.TagAEAD, nil)}, {literal("x")},
	} {
		f.Add(bytes.Join(in, nil), uint16(3))
	}
	read := func(in *openpgp.Reader) (e *openpgp.Encrypted, body []byte, err error) {
		if e, err = openpgp.ReadEncrypted(in); err != nil {
			return nil, nil, err
		}
		if body, err = io.ReadAll(e.Body); err == nil {
			err = e.End()
		}
		return e, body, err
	}
	f.Fuzz(func(t *testing.T, in []byte, run uint16) {
		e, body, err := read(openpgp.NewReader(in))
		s, streamed, streamErr := read(openpgp.NewRunReader(in, 1+int(run)))
		require.Equal(t, fmt.Sprint(err), fmt.Sprint(streamErr), "in runs of %d", 1+int(run))
		if err != nil {
			return
		}
		require.Equal(t, fmt.Sprint(e.Tag, e.Sessions, e.Passwords, body), fmt.Sprint(s.Tag, s.Sessions, s.Passwords, streamed))
		var again []byte
		for _, p := range e.Sessions {
			again = append(again, p.Encode()...)
		}
		w, written, err := read(openpgp.NewReader(append(again, pkt(e.Tag, body)...)))
		if len(e.Sessions) != 0 || e.Passwords == 0 {
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint(e.Tag, e.Sessions, body), fmt.Sprint(w.Tag, w.Sessions, written))
		}
	})
}

func TestSeeds(t *testing.T) { seeds.Told(t) }

// A header of the legacy format has a length of one, two, or four octets, or none, which
// means to the end (RFC 9580, Section 4.2.2).
func TestOldLengths(t *testing.T) {
	for kind, length := range [][]byte{{3}, {0, 3}, {0, 0, 0, 3}, {}} {
		in := append([]byte{0x80 | openpgp.TagLiteral<<2 | byte(kind)}, length...)
		in = append(in, "abc"...)
		for _, r := range []*openpgp.Reader{openpgp.NewReader(in), openpgp.NewRunReader(in, 1)} {
			tag, body, err := r.Next()
			require.NoError(t, err, kind)
			require.EqualValues(t, openpgp.TagLiteral, tag)
			all, err := body.Whole(3)
			require.NoError(t, err, kind)
			require.Equal(t, "abc", string(all))
			_, _, err = r.Next()
			require.Equal(t, io.EOF, err)
		}
	}
}

// Drain reads to the end, and says what the source says.
func TestDrain(t *testing.T) {
	in := openpgp.NewRunReader(literal("payload"), 1)
	require.NoError(t, in.Drain())
	_, _, err := in.Next()
	assert.Equal(t, io.EOF, err)
	broken := errors.New("the connection is lost")
	assert.ErrorIs(t, openpgp.NewStream(io.MultiReader(bytes.NewReader(literal("payload")), iotest.ErrReader(broken))).Drain(), broken)
}
