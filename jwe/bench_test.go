package jwe_test

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	josecipher "github.com/go-jose/go-jose/v4/cipher"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/jwe"
)

// The benchmarks run each operation beside the primitives that it cannot do
// without, called straight from the standard library on buffers that are there
// already, and beside go-jose, within one run. "ns/op" is our median, "ratio" that
// over the median of the primitives, and "go-jose" the median of go-jose over
// ours. "memory" is what we allocate over 1.1 times the result and 16 KiB.

func BenchmarkSeal(b *testing.B) { benchmark(b, benchSeal) }
func BenchmarkOpen(b *testing.B) { benchmark(b, benchOpen) }

func benchmark(b *testing.B, run func(b *testing.B, p profile, payload []byte)) {
	for _, p := range []profile{rsaProfile(b), ecProfile(b)} {
		for _, size := range []int{1 << 10, 16 << 10, 1 << 20, 16 << 20} {
			b.Run(fmt.Sprintf("%s/%dKiB", p.name, size>>10), func(b *testing.B) {
				if testing.Short() && size > 16<<10 {
					b.Skip("large")
				}
				payload := bytes.Repeat([]byte(`{"id":"3f0c7d0e","amount":"1024.50","currency":"SGD"},`), size/54+1)[:size]
				run(b, p, payload)
			})
		}
	}
}

// A profile is the keys of one direction and its bare primitives.
type profile struct {
	name          string
	algs          jwe.Algorithms
	sign, decrypt *jwe.Key
	raw           [2]crypto.PrivateKey // the same, for go-jose
	seal          func(s *scratch, payload []byte)
	open          func(s *scratch) bool
}

func (p profile) envelopes(b *testing.B) (from, to *jwe.Envelope) {
	own, peer := p.sign, p.decrypt.Public().(*jwe.Key)
	from = newEnvelope(b, jwe.Config{Own: set(b, own), Peer: set(b, peer), MaxSize: 16 << 20})
	to = newEnvelope(b, jwe.Config{Own: set(b, p.decrypt), Peer: set(b, own.Public().(*jwe.Key)), MaxSize: 16 << 20})
	return from, to
}

func benchSeal(b *testing.B, p profile, payload []byte) {
	from, _ := p.envelopes(b)
	s := newScratch(len(payload))
	encrypter, err := jose.NewEncrypter(jose.ContentEncryption(p.algs.Content),
		jose.Recipient{Algorithm: jose.KeyAlgorithm(p.algs.Key), Key: publicOf(p.raw[1])}, nil)
	must(err)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(p.algs.Signature), Key: p.raw[0]}, nil)
	must(err)
	inTurns(b, func() int {
		out, err := from.Seal(b.Context(), payload)
		must(err)
		return len(out)
	}, func() { p.seal(s, payload) }, func() {
		signed, err := signer.Sign(payload)
		must(err)
		text, err := signed.CompactSerialize()
		must(err)
		encrypted, err := encrypter.Encrypt([]byte(text))
		must(err)
		_, err = encrypted.CompactSerialize()
		must(err)
	})
}

func benchOpen(b *testing.B, p profile, payload []byte) {
	from, to := p.envelopes(b)
	sealed, err := from.Seal(b.Context(), payload)
	require.NoError(b, err)
	s := newScratch(len(payload))
	p.seal(s, payload)
	inTurns(b, func() int {
		m, err := to.Open(b.Context(), sealed)
		must(err)
		return len(m.Payload)
	}, func() {
		if !p.open(s) {
			b.Fatal("the primitives fail")
		}
	}, func() {
		token, err := jose.ParseEncryptedCompact(string(sealed),
			[]jose.KeyAlgorithm{jose.KeyAlgorithm(p.algs.Key)}, []jose.ContentEncryption{jose.ContentEncryption(p.algs.Content)})
		must(err)
		content, err := token.Decrypt(p.raw[1])
		must(err)
		signed, err := jose.ParseSignedCompact(string(content), []jose.SignatureAlgorithm{jose.SignatureAlgorithm(p.algs.Signature)})
		must(err)
		_, err = signed.Verify(publicOf(p.raw[0]))
		must(err)
	})
}

// inTurns runs ours and the primitives in turns, and go-jose after them: its
// garbage would be collected on our time.
func inTurns(b *testing.B, ours func() int, bare, gojose func()) {
	var took [3][]time.Duration
	measure := func(i int, f func()) {
		start := time.Now()
		f()
		took[i] = append(took[i], time.Since(start))
	}
	for b.Loop() {
		measure(0, func() { ours() })
		measure(1, bare)
	}
	n := min(len(took[0]), 100)
	var before, after runtime.MemStats
	size := ours()
	runtime.ReadMemStats(&before)
	for range n {
		ours()
	}
	runtime.ReadMemStats(&after)
	for range n {
		measure(2, gojose)
	}
	median := func(i int) float64 {
		slices.Sort(took[i])
		return float64(took[i][len(took[i])/2].Nanoseconds())
	}
	b.ReportMetric(median(0), "ns/op")
	b.ReportMetric(median(0)/median(1), "ratio")
	b.ReportMetric(median(2)/median(0), "go-jose")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(n)/(float64(size)*1.1+16<<10), "memory")
}

// scratch are the buffers of the bare primitives, and what one message leaves
// in them for the next step.
type scratch struct {
	jws, body, token, payload []byte
	signature, key, iv, cek   []byte
	ephemeral                 *ecdh.PublicKey
}

func newScratch(n int) *scratch {
	return &scratch{jws: make([]byte, 2*n+1000), body: make([]byte, 2*n+1000), token: make([]byte, 3*n+3000), payload: make([]byte, n+3),
		iv: make([]byte, 12), cek: make([]byte, 32)}
}

// content is the part of Seal that both profiles share, and uncontent that of
// Open: base64url twice, SHA-256, AES-256-GCM.
func (s *scratch) content(payload []byte, sign func(sum []byte)) {
	enc := base64.RawURLEncoding
	n := enc.EncodedLen(len(payload))
	enc.Encode(s.jws, payload)
	sum := sha256.Sum256(s.jws[:n])
	sign(sum[:])
	enc.Encode(s.jws[n:], s.signature)
	n += enc.EncodedLen(len(s.signature))
	rand.Read(s.iv)
	s.body = s.aead().Seal(s.body[:0], s.iv, s.jws[:n], nil)
	enc.Encode(s.token, s.body)
	s.token = s.token[:enc.EncodedLen(len(s.body))]
}

func (s *scratch) uncontent(verify func(sum []byte) bool) bool {
	enc := base64.RawURLEncoding
	s.token = s.token[:enc.EncodedLen(len(s.body))]
	n, err := enc.Decode(s.body[:cap(s.body)], s.token)
	if err != nil {
		return false
	}
	jws, err := s.aead().Open(s.jws[:0], s.iv, s.body[:n], nil)
	if err != nil {
		return false
	}
	jws = jws[:len(jws)-enc.EncodedLen(len(s.signature))]
	if _, err := enc.Decode(s.payload, jws); err != nil {
		return false
	}
	sum := sha256.Sum256(jws)
	return verify(sum[:])
}

func (s *scratch) aead() cipher.AEAD {
	block, err := aes.NewCipher(s.cek)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func rsaProfile(b *testing.B) profile {
	sign, decrypt := rsaKeys[0](), rsaKeys[1]()
	salt := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
	return profile{
		name: "PS256+RSA-OAEP-256+A256GCM",
		algs: jwe.Algorithms{Key: jwe.RSAOAEP256, Content: jwe.A256GCM, Signature: jwe.PS256}, raw: [2]crypto.PrivateKey{sign, decrypt},
		sign: signing(b, "", sign), decrypt: encryption(b, "", decrypt),
		seal: func(s *scratch, payload []byte) {
			var err error
			rand.Read(s.cek)
			s.key, err = rsa.EncryptOAEP(sha256.New(), rand.Reader, &decrypt.PublicKey, s.cek, nil)
			must(err)
			s.content(payload, func(sum []byte) {
				s.signature, err = rsa.SignPSS(rand.Reader, sign, crypto.SHA256, sum, salt)
				must(err)
			})
		},
		open: func(s *scratch) bool {
			var err error
			s.cek, err = rsa.DecryptOAEP(sha256.New(), nil, decrypt, s.key, nil)
			return err == nil && s.uncontent(func(sum []byte) bool {
				return rsa.VerifyPSS(&sign.PublicKey, crypto.SHA256, sum, s.signature, salt) == nil
			})
		},
	}
}

func ecProfile(b *testing.B) profile {
	sign, decrypt := newEC(b, elliptic.P256()), newEC(b, elliptic.P256())
	private, err := decrypt.ECDH()
	require.NoError(b, err)
	block := func(z []byte) cipher.Block {
		kek := sha256.Sum256(z)
		c, err := aes.NewCipher(kek[:])
		must(err)
		return c
	}
	return profile{
		name: "ES256+ECDH-ES+A256KW+A256GCM",
		algs: jwe.Algorithms{Key: jwe.ECDHESA256KW, Content: jwe.A256GCM, Signature: jwe.ES256}, raw: [2]crypto.PrivateKey{sign, decrypt},
		sign: signing(b, "", sign), decrypt: encryption(b, "", decrypt),
		seal: func(s *scratch, payload []byte) {
			e, err := ecdh.P256().GenerateKey(rand.Reader)
			must(err)
			s.ephemeral = e.PublicKey()
			z, err := e.ECDH(private.PublicKey())
			must(err)
			rand.Read(s.cek)
			s.key, err = josecipher.KeyWrap(block(z), s.cek)
			must(err)
			s.content(payload, func(sum []byte) {
				r, t, err := ecdsa.Sign(rand.Reader, sign, sum)
				must(err)
				s.signature = make([]byte, 64)
				r.FillBytes(s.signature[:32])
				t.FillBytes(s.signature[32:])
			})
		},
		open: func(s *scratch) bool {
			p, err := ecdh.P256().NewPublicKey(s.ephemeral.Bytes())
			must(err)
			z, err := private.ECDH(p)
			must(err)
			s.cek, err = josecipher.KeyUnwrap(block(z), s.key)
			return err == nil && s.uncontent(func(sum []byte) bool {
				r, t := new(big.Int).SetBytes(s.signature[:32]), new(big.Int).SetBytes(s.signature[32:])
				return ecdsa.Verify(&sign.PublicKey, sum, r, t)
			})
		},
	}
}
