package pgp

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/sealwax/sealwax/internal/openpgp"
)

// A source is the sealed message as OpenTo reads it, from its beginning to where
// its end was found to be. It tells the faults of whatever it reads, which are
// ours, from the faults of the message, and gives up with ctx.
type source struct {
	ctx  context.Context
	r    io.ReadSeeker
	head []byte // the beginning, to explain what is wrong with it
	left int64  // bytes to the end
	err  error  // not the message's fault
}

var errShrank = errors.New("the source ends before the end that it told")

// sizeOf returns where r stands, and how many bytes follow.
func sizeOf(r io.Seeker) (start, size int64, err error) {
	if start, err = r.Seek(0, io.SeekCurrent); err != nil {
		return 0, 0, err
	}
	end, err := r.Seek(0, io.SeekEnd)
	if err == nil && end < start {
		err = errShrank
	}
	return start, end - start, err
}

// newSource returns a source of size bytes from start on.
func newSource(ctx context.Context, r io.ReadSeeker, start, size int64) (*source, error) {
	_, err := r.Seek(start, io.SeekStart)
	return &source{ctx: ctx, r: r, left: size}, err
}

func (s *source) Read(p []byte) (int, error) {
	if s.err == nil && s.ctx.Err() != nil {
		s.err = context.Cause(s.ctx)
	}
	for try := 0; s.err == nil && s.left > 0 && len(p) > 0; try++ {
		n, err := s.r.Read(p[:min(int64(len(p)), s.left)])
		s.left -= int64(n)
		s.head = append(s.head, p[:min(n, openpgp.ExplainedOctets-len(s.head))]...)
		switch {
		case err == io.EOF && s.left > 0:
			s.err = errShrank
		case err != nil && err != io.EOF:
			s.err = err
		case n == 0 && try == 100:
			s.err = io.ErrNoProgress
		case n > 0:
			return n, nil
		}
	}
	if s.err != nil {
		return 0, s.err
	}
	return 0, io.EOF
}

// fault returns the error of OpenTo for one that is not the message's.
func fault(err error) error { return fmt.Errorf("pgp: open: %w", err) }
