package seipd

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"crypto/subtle"
	"hash"
	"io"
	"runtime"
	"sync"

	"github.com/sealwax/sealwax/internal/scratch"
	"github.com/sealwax/sealwax/internal/secret"
)

// newBlock returns AES under a session key.
func newBlock(key []byte) (cipher.Block, error) {
	return secret.Value(func() (cipher.Block, error) { return aes.NewCipher(key) })
}

// Large is where it pays to work on two cores, in bytes.
const Large = 64 << 10

// openCFB decrypts and checks a body of version 1, without its version. All of it
// is decrypted, and the code that detects modifications is computed over all of
// it, whatever it holds.
func openCFB(pool *scratch.Pool, key, body []byte, overwrite bool) ([]byte, error) {
	block, err := newBlock(key)
	if err != nil || len(body) < cfbPrefix+cfbCode {
		return nil, ErrIntegrity
	}
	plain := body
	if !overwrite {
		plain = make([]byte, len(body))
	}
	end := len(plain) - sha1.Size
	code := sha1.New()
	if len(body) < Large || runtime.GOMAXPROCS(0) < 2 {
		decryptBlocks(pool, block, plain, body, make([]byte, aes.BlockSize))
		code.Write(plain[:end])
	} else {
		hashBehind(pool, block, plain, body, code, end)
	}
	sum := code.Sum(nil)
	if string(plain[end-2:end]) != mdcHeader || subtle.ConstantTimeCompare(sum, plain[end:]) != 1 {
		return nil, ErrIntegrity
	}
	return plain[cfbPrefix : len(plain)-cfbCode : len(plain)-cfbCode], nil
}

// hashBehind decrypts body to plain, and hashes plain up to end on another core,
// block by block as they are decrypted.
func hashBehind(pool *scratch.Pool, block cipher.Block, plain, body []byte, code hash.Hash, end int) {
	done := make(chan int, 16) // how much is decrypted
	var wg sync.WaitGroup
	wg.Go(func() {
		hashed := 0
		for n := range done {
			n = min(n, end)
			code.Write(plain[hashed:n])
			hashed = n
		}
	})
	var before, last [aes.BlockSize]byte
	for at := 0; at < len(body); {
		n := min(len(body), at+Block)
		if n < len(body) {
			copy(last[:], body[n-aes.BlockSize:n]) // before it is overwritten
		}
		decryptBlocks(pool, block, plain[at:n], body[at:n], before[:])
		before, at = last, n
		done <- n
	}
	close(done)
	wg.Wait()
}

// decryptBlocks decrypts src, which follows the block before, to dst, which has
// the same length and may be src. Each block depends on the ciphertext alone.
func decryptBlocks(pool *scratch.Pool, block cipher.Block, dst, src, before []byte) {
	space := pool.Take(aes.BlockSize + cfbBlock) // the size that encrypting takes too
	defer pool.Give(space)
	masks := (*space)[:cfbBlock]
	last := [aes.BlockSize]byte(before)
	for len(src) != 0 {
		n := min(len(src), len(masks))
		block.Encrypt(masks, last[:])
		for i := aes.BlockSize; i < n; i += aes.BlockSize {
			block.Encrypt(masks[i:], src[i-aes.BlockSize:i])
		}
		if n == len(masks) {
			copy(last[:], src[n-aes.BlockSize:n])
		}
		subtle.XORBytes(dst, src[:n], masks[:n])
		dst, src = dst[n:], src[n:]
	}
}

// A cfbStream decrypts a body of version 1, without its version, from a stream.
type cfbStream struct {
	in     io.Reader
	block  cipher.Block
	pool   scratch.Pool
	code   hash.Hash
	before [aes.BlockSize]byte
	buf    []byte // what may be the code, and a block after it
	tail   []byte // of buf: decrypted, and held back because it may be the code
	skip   int    // bytes of the prefix that are to come
	end    error
}

func newCFBStream(key []byte, body io.Reader) (*cfbStream, error) {
	block, err := newBlock(key)
	if err != nil {
		return nil, ErrIntegrity
	}
	return &cfbStream{in: body, block: block, code: sha1.New(), buf: make([]byte, cfbCode+Block), skip: cfbPrefix}, nil
}

func (s *cfbStream) next() ([]byte, error) {
	if s.end != nil {
		return nil, s.end
	}
	held := copy(s.buf, s.tail)
	n, err := io.ReadFull(s.in, s.buf[held:held+Block])
	last := err == io.EOF || err == io.ErrUnexpectedEOF
	if err != nil && !last {
		s.end = err
		return nil, err
	}
	fresh, before := s.buf[held:held+n], s.before
	if !last {
		copy(s.before[:], fresh[n-aes.BlockSize:])
	}
	decryptBlocks(&s.pool, s.block, fresh, fresh, before[:])
	plain := s.buf[:held+n]
	ready := max(0, len(plain)-cfbCode)
	s.tail, plain = plain[ready:], plain[:ready]
	s.code.Write(plain)
	skip := min(s.skip, len(plain))
	s.skip -= skip
	if last {
		if s.end = s.finish(); s.end != io.EOF {
			return nil, s.end
		}
	}
	return plain[skip:], s.end
}

// finish checks the code in what was held back, and that there was a prefix.
func (s *cfbStream) finish() error {
	if s.skip != 0 || len(s.tail) != cfbCode {
		return ErrIntegrity
	}
	s.code.Write(s.tail[:2])
	if string(s.tail[:2]) != mdcHeader || subtle.ConstantTimeCompare(s.code.Sum(nil), s.tail[2:]) != 1 {
		return ErrIntegrity
	}
	return io.EOF
}
