package seipd

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha1"
	"crypto/subtle"
	"hash"
	"io"

	"github.com/sealwax/sealwax/internal/scratch"
	"github.com/sealwax/sealwax/internal/secret"
)

// Data of SEIPD version 1, RFC 9580, Section 5.13.1: CFB without an IV over a
// random block whose last two bytes are repeated, the plaintext, and a
// modification detection code. The mode is written here, with the block cipher of
// the standard library, because the library that this package uses computes it
// byte by byte: on a large message that is most of the time.
const (
	cfbPrefix = aes.BlockSize + 2
	cfbCode   = 2 + sha1.Size // the header of the code packet, and the code
)

// mdcHeader begins the Modification Detection Code packet.
const mdcHeader = "\xd3\x14"

// A cfbWriter encrypts into the body of a packet, of which it writes the version
// first. It is to be closed.
type cfbWriter struct {
	dst   io.Writer
	cbc   cipher.BlockMode
	code  hash.Hash
	pool  *scratch.Pool
	space *[]byte // mask of the next block, then room for what is encrypted at a time
	rest  [aes.BlockSize]byte
	n     int // bytes in rest: not a block yet
}

// cfbBlock is how much is encrypted at a time, in bytes: it stays in the cache
// next to the processor, and is a multiple of 3, for base64.
const cfbBlock = 6 << 10

func newCFBWriter(pool *scratch.Pool, dst io.Writer, key []byte) (*cfbWriter, error) {
	block, err := newBlock(key)
	if err != nil {
		return nil, err
	}
	w := &cfbWriter{dst: dst, code: sha1.New(), pool: pool, space: pool.Take(aes.BlockSize + cfbBlock)}
	mask := (*w.space)[:aes.BlockSize]
	block.Encrypt(mask, mask)                                         // of the zero IV
	secret.Do(func() { w.cbc = cipher.NewCBCEncrypter(block, mask) }) // which copies the key schedule
	if _, err := dst.Write([]byte{1}); err != nil {
		return nil, err
	}
	var prefix [cfbPrefix]byte
	rand.Read(prefix[:aes.BlockSize])
	copy(prefix[aes.BlockSize:], prefix[aes.BlockSize-2:])
	_, err = w.Write(prefix[:])
	return w, err
}

func (w *cfbWriter) Write(p []byte) (int, error) {
	w.code.Write(p)
	return len(p), w.encrypt(p)
}

// encrypt encrypts whole blocks and keeps the rest.
func (w *cfbWriter) encrypt(p []byte) error {
	if w.n != 0 {
		n := copy(w.rest[w.n:], p)
		w.n, p = w.n+n, p[n:]
		if w.n < len(w.rest) {
			return nil
		}
		w.n = 0
		if err := w.blocks(w.rest[:]); err != nil {
			return err
		}
	}
	for len(p) >= aes.BlockSize {
		n := min(len(p)/aes.BlockSize*aes.BlockSize, cfbBlock)
		if err := w.blocks(p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	w.n = copy(w.rest[:], p)
	return nil
}

// blocks encrypts whole blocks by way of CBC, which the standard library has in
// assembly. If M is what CFB adds to a block, then C = P ^ M, and the next M is
// E(C) = E(P ^ M): the block that CBC makes of P after M.
func (w *cfbWriter) blocks(p []byte) error {
	masks := (*w.space)[:len(p)+aes.BlockSize]
	w.cbc.CryptBlocks(masks[aes.BlockSize:], p)
	next := [aes.BlockSize]byte(masks[len(p):])
	subtle.XORBytes(masks, p, masks[:len(p)])
	_, err := w.dst.Write(masks[:len(p)])
	copy(*w.space, next[:])
	return err
}

// Close writes the modification detection code.
func (w *cfbWriter) Close() error {
	io.WriteString(w.code, mdcHeader)
	if err := w.encrypt(w.code.Sum([]byte(mdcHeader))); err != nil {
		return err
	}
	subtle.XORBytes(w.rest[:], w.rest[:w.n], (*w.space)[:aes.BlockSize])
	_, err := w.dst.Write(w.rest[:w.n])
	w.pool.Give(w.space)
	return err
}
