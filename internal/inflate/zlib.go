package inflate

import (
	"encoding/binary"
	"hash"
	"hash/adler32"
	"io"
)

// A Zlib decompresses one zlib stream, RFC 1950.
type Zlib struct {
	r     *Reader
	sum   hash.Hash32
	began bool
	err   error
}

// NewZlib returns a reader of the zlib stream at the beginning of src.
func NewZlib(src io.Reader) *Zlib { return &Zlib{r: NewReader(src), sum: adler32.New()} }

// Next is like [Reader.Next]. The checksum is checked with the end.
func (z *Zlib) Next() ([]byte, error) {
	if !z.began {
		z.began, z.err = true, z.head()
	}
	if z.err != nil {
		return nil, z.err
	}
	out, err := z.r.Next()
	z.sum.Write(out)
	if err == io.EOF {
		err = z.tail()
	}
	z.err = err
	return out, err
}

func (z *Zlib) head() error {
	method, err := z.r.bits(8)
	if err != nil {
		return err
	}
	flags, err := z.r.bits(8)
	if err != nil {
		return err
	}
	const deflate, maxWindow, dictionary = 8, 7, 0x20
	if method&15 != deflate || method>>4 > maxWindow || (method<<8|flags)%31 != 0 || flags&dictionary != 0 {
		return ErrCorrupt
	}
	return nil
}

func (z *Zlib) tail() error {
	r := z.r
	drop := r.n & 7
	r.acc >>= drop
	r.n -= drop
	var sum [4]byte
	for i := range sum {
		b, err := r.bits(8)
		if err != nil {
			return err
		}
		sum[i] = byte(b)
	}
	if binary.BigEndian.Uint32(sum[:]) != z.sum.Sum32() {
		return ErrCorrupt
	}
	return io.EOF
}
