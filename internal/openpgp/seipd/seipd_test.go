package seipd_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/internal/openpgp/seipd"
	"github.com/sealwax/sealwax/internal/scratch"
)

var key = bytes.Repeat([]byte{7}, 32)

func suites() map[string]seipd.Suite {
	return map[string]seipd.Suite{
		"CFB": {Cipher: packet.CipherAES256},
		"EAX": {Cipher: packet.CipherAES256, Mode: packet.AEADModeEAX},
		"OCB": {Cipher: packet.CipherAES256, Mode: packet.AEADModeOCB},
		"GCM": {Cipher: packet.CipherAES256, Mode: packet.AEADModeGCM},
	}
}

func sealed(t testing.TB, s seipd.Suite, plain []byte) []byte {
	var b bytes.Buffer
	w, err := s.NewWriter(&scratch.Pool{}, &b, key, int64(len(plain)))
	require.NoError(t, err)
	_, err = w.Write(plain)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.Equal(t, s.BodySize(int64(len(plain))), int64(b.Len()))
	return b.Bytes()
}

// inMemory opens a body whose header is still in front.
func inMemory(t testing.TB, body []byte, overwrite bool) ([]byte, error) {
	r := bytes.NewReader(bytes.Clone(body))
	h, err := seipd.ReadHeader(18, r)
	require.NoError(t, err)
	rest := body[len(body)-r.Len():]
	if overwrite {
		rest = bytes.Clone(rest)
	}
	p, err := h.Open(&scratch.Pool{}, key, rest, overwrite)
	if err != nil {
		return nil, err
	}
	require.NotZero(t, p)
	out, ok := p.Memory()
	require.True(t, ok)
	require.Equal(t, int64(len(out)), p.Size())
	return out, nil
}

// streamed reads first in the first pass and second in a later one.
func streamed(t testing.TB, first, second io.Reader) ([]byte, error) {
	h, err := seipd.ReadHeader(18, first)
	require.NoError(t, err)
	c, err := h.Check(key, first)
	if err != nil {
		return nil, err
	}
	again, err := seipd.ReadHeader(18, second)
	require.NoError(t, err)
	require.True(t, c.Is(again))
	p, err := c.Plaintext(second)
	require.NoError(t, err)
	var out []byte
	for {
		run, err := p.Next()
		out = append(out, run...)
		if err == io.EOF {
			require.Equal(t, int64(len(out)), p.Size())
			return out, nil
		}
		if err != nil {
			return out, err
		}
	}
}

// What is written is read, in memory and in passes, at sizes around every block.
func TestRoundTrip(t *testing.T) {
	for name, s := range suites() {
		for _, n := range []int{0, 1, 15, 16, 17, 63, 64, 65, 4095, 65518, 65535, 65536, 65537, 131072, 200_001} {
			t.Run(fmt.Sprint(name, " ", n), func(t *testing.T) {
				plain := bytes.Repeat([]byte("0123456789abcde"), n/15+1)[:n]
				body := sealed(t, s, plain)
				kept := bytes.Clone(body)
				for _, overwrite := range []bool{false, true} {
					out, err := inMemory(t, body, overwrite)
					require.NoError(t, err)
					require.True(t, bytes.Equal(plain, out))
				}
				require.Equal(t, kept, body, "what may not be overwritten is not")
				out, err := streamed(t, bytes.NewReader(body), iotest.HalfReader(bytes.NewReader(body)))
				require.NoError(t, err)
				require.True(t, bytes.Equal(plain, out))
			})
		}
	}
}

// Whatever is changed, cut, or added: nothing comes out, in either way.
func TestNothingThatIsNotIntact(t *testing.T) {
	for name, s := range suites() {
		t.Run(name, func(t *testing.T) {
			plain := bytes.Repeat([]byte("pay 12.50\n"), 20)
			body := sealed(t, s, plain)
			head := 1
			if s.Mode != 0 {
				head = 4 + 32
			}
			check := func(bad []byte, what string, at int) {
				_, err := inMemory(t, bad, false)
				assert.ErrorIs(t, err, seipd.ErrIntegrity, "%s %d", what, at)
				_, err = streamed(t, bytes.NewReader(bad), bytes.NewReader(bad))
				assert.ErrorIs(t, err, seipd.ErrIntegrity, "%s %d, streamed", what, at)
			}
			for at := head; at < len(body); at++ {
				bad := bytes.Clone(body)
				bad[at] ^= 1
				check(bad, "changed", at)
				check(body[:at], "cut", at)
			}
			check(append(bytes.Clone(body), 0), "longer by", 1)
		})
	}
}

// A later pass compares each block with what the first one saw.
func TestLaterPasses(t *testing.T) {
	fault := errors.New("disk on fire")
	for name, s := range suites() {
		t.Run(name, func(t *testing.T) {
			plain := bytes.Repeat([]byte("0123456789abcdef"), 20_000)
			body, other := sealed(t, s, plain), bytes.Clone(plain)
			other[200_000] ^= 1
			changed := bytes.Clone(body)
			changed[len(changed)-1000] ^= 1
			for what, second := range map[string]io.Reader{"changed": bytes.NewReader(changed), "cut": bytes.NewReader(body[:len(body)/2])} {
				out, err := streamed(t, bytes.NewReader(body), second)
				assert.ErrorIs(t, err, seipd.ErrChanged, what)
				assert.True(t, bytes.HasPrefix(plain, out), what)
			}
			for _, at := range []int{50, 100_000} {
				bad := func() io.Reader { return io.MultiReader(bytes.NewReader(body[:at]), iotest.ErrReader(fault)) }
				_, err := streamed(t, bad(), nil)
				assert.ErrorIs(t, err, fault, "the source's fault is not that of the data")
				_, err = streamed(t, bytes.NewReader(body), bad())
				assert.ErrorIs(t, err, fault)
			}
			// Another message under the same session key is not the one that was checked.
			if s.Mode == 0 {
				_, err := streamed(t, bytes.NewReader(body), bytes.NewReader(sealed(t, s, other)))
				assert.ErrorIs(t, err, seipd.ErrChanged)
			}
		})
	}
}

func TestReadHeader(t *testing.T) {
	for _, tt := range []struct {
		tag  byte
		body []byte
		want string
	}{
		{18, nil, "truncated"},
		{18, []byte{3}, "version 3"},
		{20, []byte{2}, "version 2"},
		{18, []byte{2, 9}, "truncated"},
		{18, []byte{2, 9, 4, 0}, "mode 4"},
		{18, []byte{2, 9, 0, 0}, "mode 0"},
		{20, []byte{1, 9, 3, 0}, "mode 3"},
		{18, []byte{2, 9, 2, 17}, "chunks of 2^23 bytes"},
		{18, append([]byte{2, 9, 2, 16}, make([]byte, 31)...), "truncated"},
		{9, []byte{1}, "not protected"},
	} {
		_, err := seipd.ReadHeader(tt.tag, bytes.NewReader(tt.body))
		assert.ErrorContains(t, err, tt.want)
	}
}
