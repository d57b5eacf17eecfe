package jwe_test

import (
	"bytes"
	"compress/flate"
	"fmt"
	mathrand "math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
)

func waivedZip() []envelope.Waiver {
	return []envelope.Waiver{jwe.InsecureCompression("the older profile")}
}

func deflate(t testing.TB, content []byte) []byte {
	return deflateAt(t, flate.BestCompression, content)
}

func deflateAt(t testing.TB, level int, content []byte) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
	require.NoError(t, err)
	_, err = w.Write(content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// statementJSON is JSON as banks send it, of about n bytes.
func statementJSON(_ testing.TB, n int) []byte {
	r := mathrand.New(mathrand.NewPCG(1, 2))
	var block []byte
	for len(block) < min(n, 256<<10) {
		block = fmt.Appendf(block, `{"transactionId":"%016x","amount":"%d.%02d","currency":"%s","bookedAt":"2026-06-%02dT%02d:00:00Z",`+
			`"description":"card payment, thank you","merchantCategory":%d,"settled":%t},`,
			r.Uint64(), r.IntN(10000), r.IntN(100), []string{"SGD", "KRW", "EUR"}[r.IntN(3)], 1+r.IntN(28), r.IntN(24), 5000+r.IntN(900), r.IntN(2) == 0)
	}
	text := []byte(`{"statement":[`)
	for len(text) < n { // DEFLATE looks back 32 KiB, and does not see that blocks repeat
		text = append(text, block...)
	}
	return append(text[:len(text)-1], `]}`...)
}

const headerZip = `{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"dec","zip":"DEF"}`

func TestCompression(t *testing.T) {
	s := newStage(t, jwe.Config{Waive: waivedZip(), MaxSize: 9 << 20})
	strict := newEnvelope(t, jwe.Config{Own: s.own, Peer: s.peer})
	zipped := func(content []byte) []byte {
		return []byte(encryptTo(t, &s.decrypt.PublicKey, headerZip, string(content)))
	}
	good := deflate(t, []byte(signES256(t, s.sign, goodJWS, "{}")))
	m := open(t, s.receiver, zipped(good))
	assert.Equal(t, waivedZip(), m.Waived)
	assert.NotContains(t, m.Header, "zip")
	assert.Empty(t, open(t, s.receiver, []byte(s.good(t))).Waived)
	rejects(t, strict, zipped(good), envelope.Forbidden)

	for _, size := range []int{300 << 10, 8 << 20} {
		payload := statementJSON(t, size)
		signed := signES256(t, s.sign, goodJWS, string(payload))
		assert.Equal(t, payload, open(t, s.receiver, zipped(deflateAt(t, flate.BestSpeed, []byte(signed)))).Payload)
	}
	for name, tt := range map[string]struct {
		content []byte
		reason  envelope.Reason
	}{
		"not compressed":       {[]byte("eyJ"), envelope.Malformed},
		"empty":                {nil, envelope.Malformed},
		"cut off":              {good[:len(good)-5], envelope.Malformed},
		"octets after the end": {append(bytes.Clone(good), 0), envelope.Malformed},
		"twice":                {append(bytes.Clone(good), good...), envelope.Malformed},
		"no JWS":               {deflate(t, []byte("{}")), envelope.Unsigned},
		"compressed twice":     {deflate(t, good), envelope.Unsigned},
		"20 MiB of zeros":      {deflateAt(t, flate.BestSpeed, make([]byte, 20<<20)), envelope.TooLarge},
		"1 MiB of zeros":       {deflate(t, make([]byte, 1<<20)), envelope.TooLarge}, // by the ratio alone
		"too large":            {deflateAt(t, flate.BestSpeed, bytes.Repeat(random(1<<10), 16<<10)), envelope.TooLarge},
	} {
		t.Run(name, func(t *testing.T) { rejects(t, s.receiver, zipped(tt.content), tt.reason) })
	}
	for _, zip := range []string{`"GZIP"`, `"def"`, `""`, `null`, `["DEF"]`} {
		rejects(t, s.receiver, []byte(s.outer(t, `{"alg":"RSA-OAEP-256","enc":"A256GCM","zip":`+zip+`}`)), envelope.Malformed)
	}
}

// The limits are those of the payload, to the byte.
func TestCompressionLimit(t *testing.T) {
	w := newWorld(t)
	only := append(waivedZip(), jwe.InsecureEncryptOnly("test"))
	us := w.ours(t, jwe.Config{Waive: only, MaxSize: 1 << 20})
	them := w.theirs(t, jwe.Config{Waive: only, Compress: true})
	payload := statementJSON(t, 2<<20)
	assert.Len(t, open(t, us, seal(t, them, string(payload[:1<<20]))).Payload, 1<<20)
	rejects(t, us, seal(t, them, string(payload[:1<<20+1])), envelope.TooLarge)
}

// A bomb costs what a message may cost and no more.
func TestBombsAreCheap(t *testing.T) {
	s := newStage(t, jwe.Config{Waive: waivedZip(), MaxSize: 1 << 20})
	bomb := deflateAt(t, flate.BestSpeed, bytes.Repeat(random(300), 60<<10)) // of 17 MiB, within the ratio
	token := []byte(encryptTo(t, &s.decrypt.PublicKey, headerZip, string(bomb)))
	rejects(t, s.receiver, token, envelope.TooLarge) // which also warms up
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	rejects(t, s.receiver, token, envelope.TooLarge)
	runtime.ReadMemStats(&after)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(12<<20))
}

func TestCompress(t *testing.T) {
	w := newWorld(t)
	_, err := jwe.New(jwe.Config{Own: set(t, w.ourDecrypt), Peer: set(t, w.theirSign.Public().(*jwe.Key)), Compress: true})
	assert.ErrorContains(t, err, "Compress is not allowed without InsecureCompression")
	us := w.ours(t, jwe.Config{Waive: waivedZip(), MaxSize: 16 << 20})
	for _, content := range contentAlgorithms {
		for _, inJSON := range []bool{false, true} {
			them := w.theirs(t, jwe.Config{Waive: waivedZip(), Compress: true, JSON: inJSON, MaxSize: 16 << 20, Seal: jwe.Algorithms{Content: content}})
			for name, payload := range map[string]string{
				"a statement": string(statementJSON(t, 20<<10)), "another": string(statementJSON(t, 1000)), "noise": string(random(5000)), "nothing": "",
			} {
				sealed := seal(t, them, payload)
				m := open(t, us, sealed)
				assert.Equal(t, payload, string(m.Payload), name)
				assert.Equal(t, waivedZip(), m.Waived)
				if name == "a statement" {
					assert.Less(t, len(sealed), len(payload))
				}
			}
		}
	}
	t.Run("what Seal compresses, Open takes", func(t *testing.T) {
		them := w.theirs(t, jwe.Config{Waive: waivedZip(), Compress: true, MaxSize: 16 << 20})
		only := append(waivedZip(), jwe.InsecureEncryptOnly("test"))
		bare := w.theirs(t, jwe.Config{Waive: only, Compress: true, MaxSize: 16 << 20})
		for _, payload := range []string{strings.Repeat("A", 2<<20), strings.Repeat("\x00", 2<<20)} {
			assert.Equal(t, payload, string(open(t, us, seal(t, them, payload)).Payload))
			assert.Equal(t, payload, string(open(t, w.ours(t, jwe.Config{Waive: only}), seal(t, bare, payload)).Payload), "with the best ratio of all")
		}
	})
	t.Run("many at once", func(t *testing.T) {
		them := w.theirs(t, jwe.Config{Waive: waivedZip(), Compress: true})
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for range 5 {
					payload := string(statementJSON(t, 500*(i+1)))
					assert.Equal(t, payload, string(open(t, us, seal(t, them, payload)).Payload))
				}
			})
		}
		wg.Wait()
	})
}
