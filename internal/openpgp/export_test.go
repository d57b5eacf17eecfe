package openpgp

import (
	"context"
	"io"
)

// ReadInner reads what was encrypted without the type that says that it is intact,
// so that the grammar is fuzzed without any cryptography. Streamed, it comes in
// runs of the given size.
func ReadInner(in []byte, maxSize int64, run int) (*Inner, error) {
	g := &Reading{Context: context.Background(), MaxSize: maxSize, Overhead: 128 << 10}
	if run == 0 {
		return g.read(NewReader(in), int64(len(in)), true)
	}
	var got []byte
	g.Dst = writer(func(p []byte) { got = append(got, p...) })
	g.Hashes = &Hashes{}
	m, err := g.read(newRunReader(runs(in, run)), int64(len(in)), false)
	if err == nil {
		m.Payload = got
	}
	return m, err
}

// NewRunReader returns a Reader of in that comes in runs of the given size.
func NewRunReader(in []byte, run int) *Reader { return newRunReader(runs(in, run)) }

type writer func([]byte)

func (w writer) Write(p []byte) (int, error) { w(p); return len(p), nil }

// runs returns in, in runs of n bytes, each in the same memory.
func runs(in []byte, n int) func() ([]byte, error) {
	buf := make([]byte, n)
	return func() ([]byte, error) {
		m := copy(buf, in)
		in = in[m:]
		if len(in) == 0 {
			return append([]byte(nil), buf[:m]...), io.EOF
		}
		return buf[:m], nil
	}
}

// ReadStream returns the bytes of a message in a stream.
func ReadStream(src io.Reader) (out []byte, err error) {
	next := decodeStream(src)
	for {
		run, err := next()
		out = append(out, run...)
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
