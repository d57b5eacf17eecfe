package openpgp

import (
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/sealwax/sealwax/internal/inflate"
)

const (
	// What is decompressed may be a thousand times as large as what was
	// encrypted, or 256 KiB. Blank records of fixed width grow 274 times;
	// DEFLATE itself ends at 1,032.
	maxRatio     = 1000
	ratioMatters = 256 << 10
)

// inflate returns a reader of the content of a Compressed Data packet, RFC 9580,
// Section 5.6, which must be the last but for packets that say nothing.
func (g *Reading) inflate(body *Body, encrypted int64) (*Reader, error) {
	var algorithm [1]byte
	if err := body.full(algorithm[:]); err != nil {
		return nil, err
	}
	next, err := inflater(algorithm[0], body)
	if err != nil {
		return nil, err
	}
	size, limit := int64(0), max(ratioMatters, encrypted*maxRatio)
	return newRunReader(func() ([]byte, error) {
		if g.Context.Err() != nil {
			return nil, context.Cause(g.Context)
		}
		run, err := next()
		size += int64(len(run))
		switch {
		case size > g.MaxSize+g.Overhead:
			return nil, ErrSize
		case size > limit:
			return nil, errRatio
		case err == nil:
			return run, nil
		case errors.Is(err, inflate.ErrTables):
			return nil, fmt.Errorf("%w: %w", ErrLimit, err)
		case body.in.err != nil:
			return nil, body.in.err
		case err != io.EOF:
			return nil, fmt.Errorf("%w: damaged compression", ErrGrammar)
		}
		if err := body.skip(); err != nil {
			return nil, err
		}
		if err := body.in.void(); err != nil {
			return nil, err
		}
		return run, io.EOF
	}), nil
}

// inflater returns what decompresses body, run by run.
func inflater(algorithm byte, body *Body) (next func() ([]byte, error), err error) {
	switch algorithm {
	case 0:
		return func() ([]byte, error) { return body.Next(64 << 10) }, nil
	case 1:
		return inflate.NewReader(body).Next, nil
	case 2:
		return inflate.NewZlib(body).Next, nil
	case 3:
		r, buf := bzip2.NewReader(body), make([]byte, 32<<10)
		return func() ([]byte, error) {
			n, err := r.Read(buf)
			return buf[:n], err
		}, nil
	}
	return nil, fmt.Errorf("%w: compression algorithm %d", ErrGrammar, algorithm)
}
