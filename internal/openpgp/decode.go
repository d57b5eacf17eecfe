package openpgp

import (
	"io"

	"github.com/sealwax/sealwax/internal/base64url"
)

// DecodeMessage returns the bytes of a message in memory, and the name of its
// encoding. The result is in itself if that is binary. Otherwise it is in space, if
// that is large enough.
func DecodeMessage(in, space []byte) (binary []byte, encoding string, err error) {
	if len(in) != 0 && in[0] >= 0x80 {
		return in, Binary, nil
	}
	d := newDecoder(false, ArmorMessage)
	if n := base64url.DecodedLen(len(in)); cap(space) >= n {
		d.out = space[:0]
	} else {
		d.out = make([]byte, 0, n)
	}
	if err := d.feed(in); err != nil {
		return nil, d.encoding, err
	}
	err = d.close()
	return d.out, d.encoding, err
}

// DecodeKeys returns the packets of a key file: as they are, or of all its armored
// blocks in turn.
func DecodeKeys(in []byte) ([]byte, error) {
	d := newDecoder(true, ArmorPublic, ArmorPrivate)
	if err := d.feed(in); err != nil {
		return nil, err
	}
	return d.out, d.close()
}

// decodeStream returns the runs of bytes of a message in a stream, whose first is
// at least [firstOctets] long unless there is no more.
func decodeStream(src io.Reader) func() ([]byte, error) {
	d := newDecoder(false, ArmorMessage)
	buf := make([]byte, 64<<10)
	var end error
	return func() ([]byte, error) {
		d.out = d.out[:0]
		for end == nil && (len(d.out) == 0 || !d.checked && len(d.out) < firstOctets) {
			n, err := src.Read(buf)
			if end = d.feed(buf[:n]); end == nil && err == io.EOF {
				end = d.close()
				if end == nil {
					end = io.EOF
				}
			} else if end == nil {
				end = err
			}
		}
		if end != nil && end != io.EOF {
			return nil, end
		}
		return d.out, end
	}
}
