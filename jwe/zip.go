package jwe

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/inflate"
)

// maxRatio is how many times larger than itself a compressed content may become.
// DEFLATE reaches 1032 on what is all the same; no message of a partner does.
const maxRatio = 1000

// inflate returns what content, in DEFLATE (RFC 1951), becomes, in a space that is
// to be given back, whatever the error. It reads in pieces, so that a bomb costs no
// more than what is allowed.
func (e *Envelope) inflate(content []byte) (space *[]byte, out []byte, err error) {
	limit := maxJWS(e.c.MaxSize)
	if e.waived.encryptOnly {
		limit = max(limit, e.c.MaxSize)
	}
	if most := maxRatio * int64(len(content)); most < limit {
		limit = most
	}
	space = e.inflated.Take(int(min(limit, 5*int64(len(content)))))
	r, ok := e.inflaters.Get().(*inflate.Reader)
	if !ok {
		r = inflate.NewReader(nil)
	}
	r.Reset(bytes.NewReader(content))
	defer func() {
		r.Reset(nil) // the content is not ours to keep
		e.inflaters.Put(r)
	}()
	for n := 0; ; {
		run, err := r.Next()
		if int64(n+len(run)) > limit {
			return space, nil, envelope.Reject(envelope.TooLarge, fmt.Errorf("decompressed: %w of %d bytes", errTooLarge, limit))
		}
		if n+len(run) > len(*space) {
			grown := e.inflated.Take(int(min(limit, 2*int64(n+len(run)))))
			copy(*grown, *space)
			e.inflated.Give(space)
			space = grown
		}
		n += copy((*space)[n:], run)
		switch {
		case err == io.EOF && r.Trailing():
			return space, nil, envelope.Reject(envelope.Malformed, errors.New("bytes after the end of what is compressed"))
		case err == io.EOF:
			return space, (*space)[:n], nil
		case errors.Is(err, inflate.ErrTables):
			return space, nil, envelope.Reject(envelope.TooLarge, err)
		case err != nil:
			return space, nil, envelope.Reject(envelope.Malformed, notDeflate(content))
		}
	}
}

// notDeflate explains what does not decompress. RFC 1950 wraps DEFLATE in two bytes
// that are a multiple of 31, of which the first says 8, and in a checksum.
func notDeflate(content []byte) error {
	if len(content) > 1 && content[0]&0x0f == 8 && (int(content[0])<<8|int(content[1]))%31 == 0 {
		return errors.New("what is compressed is zlib (RFC 1950), and RFC 7516, Section 4.1.3, asks for DEFLATE alone (RFC 1951)")
	}
	return errors.New("what is compressed does not decompress")
}

// deflate returns content compressed, in a space that is to be given back,
// whatever the error.
func (e *Envelope) deflate(content []byte) (space *[]byte, out []byte, err error) {
	space = e.deflated.Take(len(content) + len(content)/16 + 64) // more than DEFLATE makes of it
	b := bytes.NewBuffer((*space)[:0])
	w, ok := e.deflaters.Get().(*flate.Writer)
	if ok {
		w.Reset(b)
	} else {
		// Most of what is compressed is base64, of which the fastest level
		// saves about as much as the slowest. It never reaches maxRatio: a
		// match of 258 bytes takes two bits at least, which leaves 825.
		w, _ = flate.NewWriter(b, flate.BestSpeed) // a level that exists
	}
	defer func() {
		w.Reset(io.Discard) // the content is not ours to keep
		e.deflaters.Put(w)
	}()
	_, err = w.Write(content)
	if err == nil {
		err = w.Close()
	}
	return space, b.Bytes(), err
}
