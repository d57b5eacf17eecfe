package pgp_test

import (
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/pgp"
)

// Seal and Open beside the same primitives of the standard library, on buffers
// that are there already, in one run: "ratio" is ours to theirs. The primitives
// do not parse, do not check, and allocate almost nothing; they are the limit.
//
//	go test -bench . ./pgp
func BenchmarkSealOpen(b *testing.B) {
	for _, p := range []struct {
		name        string
		ours, their func() *pgp.Key
		bare        func(b *testing.B) bare
	}{
		{"RSA-3072", bankRSA, partRSA, bareRSA},
		{"Curve25519", bank, partner, bareCurve},
	} {
		ours, theirs := conversation(b, p.ours(), p.their())
		limit := p.bare(b)
		for _, size := range []int{1 << 10, 16 << 10} {
			payload := make([]byte, size)
			rand.Read(payload)
			sealed := seal(b, ours, payload)
			b.Run(fmt.Sprintf("Seal/%s/%dKiB", p.name, size>>10), func(b *testing.B) {
				ratio(b, size, func() {
					_, err := ours.Seal(context.Background(), payload)
					require.NoError(b, err)
				}, func() { limit.seal(payload) })
			})
			b.Run(fmt.Sprintf("Open/%s/%dKiB", p.name, size>>10), func(b *testing.B) {
				ratio(b, size, func() {
					_, err := theirs.Open(context.Background(), sealed)
					require.NoError(b, err)
				}, func() { limit.open(payload) })
			})
		}
	}
}

// ratio runs both in turn and reports how the times compare.
func ratio(b *testing.B, size int, ours, limit func()) {
	var t, l time.Duration
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		ours()
		t += time.Since(start)
		b.StopTimer()
		start = time.Now()
		limit()
		l += time.Since(start)
		b.StartTimer()
	}
	b.ReportMetric(float64(t)/float64(l), "ratio")
}

// bare is the cryptography of one message and nothing else.
type bare struct{ seal, open func(payload []byte) }

func bareBody(b *testing.B) (encrypt, decrypt func([]byte)) {
	block, err := aes.NewCipher(make([]byte, 32))
	require.NoError(b, err)
	iv := make([]byte, 16)
	text := make([]byte, base64.RawURLEncoding.EncodedLen(64<<10))
	out := make([]byte, 64<<10)
	encrypt = func(p []byte) {
		n := len(p) &^ 15
		sha1.Sum(p)
		cipher.NewCBCEncrypter(block, iv).CryptBlocks(out[:n], p[:n]) // the same work as CFB
		base64.RawURLEncoding.Encode(text, out[:len(p)])
	}
	decrypt = func(p []byte) {
		_, _ = base64.RawURLEncoding.Decode(out, text[:base64.RawURLEncoding.EncodedLen(len(p))])
		for i := 0; i+16 <= len(p); i += 16 {
			block.Encrypt(out[i:], out[i:])
		}
		sha1.Sum(out[:len(p)])
		sha256.Sum256(out[:len(p)]) // the Digest
	}
	return encrypt, decrypt
}

func bareRSA(b *testing.B) bare {
	key, err := rsa.GenerateKey(rand.Reader, 3072)
	require.NoError(b, err)
	encrypt, decrypt := bareBody(b)
	digest := sha512.Sum384(nil)
	signature, err := key.Sign(rand.Reader, digest[:], crypto.SHA384)
	require.NoError(b, err)
	wrapped := make([]byte, key.Size())
	wrapped[5] = 1
	return bare{
		seal: func(p []byte) {
			digest := sha512.Sum384(p)
			_, _ = key.Sign(rand.Reader, digest[:], crypto.SHA384)
			_, _ = rsa.EncryptOAEP(sha1.New(), rand.Reader, &key.PublicKey, p[:35], nil)
			encrypt(p)
		},
		open: func(p []byte) {
			_, _ = key.Decrypt(nil, wrapped, nil)
			decrypt(p)
			digest := sha512.Sum384(p)
			_ = rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA384, digest[:], signature)
		},
	}
}

func bareCurve(b *testing.B) bare {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(b, err)
	x, err := ecdh.X25519().GenerateKey(rand.Reader)
	require.NoError(b, err)
	encrypt, decrypt := bareBody(b)
	signature := ed25519.Sign(private, nil)
	return bare{
		seal: func(p []byte) {
			digest := sha512.Sum384(p)
			_ = ed25519.Sign(private, digest[:])
			e, _ := ecdh.X25519().GenerateKey(rand.Reader)
			_, _ = e.ECDH(x.PublicKey())
			encrypt(p)
		},
		open: func(p []byte) {
			_, _ = x.ECDH(x.PublicKey())
			decrypt(p)
			digest := sha512.Sum384(p)
			ed25519.Verify(public, digest[:], signature)
		},
	}
}
