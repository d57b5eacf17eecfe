package jwe

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"

	"github.com/sealwax/sealwax/envelope"
)

// maxRatio is how many times larger than itself a compressed content may become.
// DEFLATE reaches 1032 on what is all the same; no message of a partner does.
const maxRatio = 1000

// inflate returns what content, in DEFLATE (RFC 1951), becomes. It reads in
// pieces, so that a bomb costs no more than what is allowed.
func (e *Envelope) inflate(content []byte) ([]byte, error) {
	limit := maxJWS(e.c.MaxSize)
	if e.waived.encryptOnly {
		limit = max(limit, e.c.MaxSize)
	}
	if most := maxRatio * int64(len(content)); most < limit {
		limit = most
	}
	in := bytes.NewReader(content)
	r, ok := e.inflaters.Get().(io.ReadCloser)
	if !ok {
		r = flate.NewReader(in)
	} else if err := r.(flate.Resetter).Reset(in, nil); err != nil {
		return nil, err
	}
	defer func() {
		in.Reset(nil) // the content is not ours to keep
		e.inflaters.Put(r)
	}()
	out := make([]byte, 0, min(limit, 4*int64(len(content)))+1) // one more to see the end, or too much
	for {
		n, err := r.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		switch {
		case int64(len(out)) > limit:
			return nil, envelope.Reject(envelope.TooLarge, fmt.Errorf("decompressed: %w of %d bytes", errTooLarge, limit))
		case err == io.EOF && in.Len() > 0:
			return nil, envelope.Reject(envelope.Malformed, errors.New("octets after the end of what is compressed"))
		case err == io.EOF:
			return out, nil
		case err != nil:
			return nil, envelope.Reject(envelope.Malformed, errors.New("what is compressed does not decompress"))
		}
		if len(out) == cap(out) {
			grown := make([]byte, len(out), min(limit+1, 2*int64(cap(out))))
			copy(grown, out)
			out = grown
		}
	}
}

// deflate returns content compressed.
func (e *Envelope) deflate(content []byte) ([]byte, error) {
	var out bytes.Buffer
	out.Grow(len(content)/2 + 64)
	w, ok := e.deflaters.Get().(*flate.Writer)
	if ok {
		w.Reset(&out)
	} else {
		// Most of what is compressed is base64, of which the fastest level
		// saves about as much as the slowest. It never reaches maxRatio: a
		// match of 258 octets takes two bits at least, which leaves 825.
		w, _ = flate.NewWriter(&out, flate.BestSpeed) // a level that exists
	}
	defer func() {
		w.Reset(io.Discard) // the content is not ours to keep
		e.deflaters.Put(w)
	}()
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	err := w.Close()
	return out.Bytes(), err
}
