package pgp

import (
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"compress/zlib"
	"errors"
	"fmt"
	"io"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/internal/openpgp"
)

// An outer is an encrypted message before it is decrypted, RFC 9580, Section
// 10.3: session keys, then encrypted data, and nothing after it.
type outer struct {
	sessions []*sessionPacket // the first [exchange.MaxRecipients] of them
	data     openpgp.Packet
}

var (
	errPackets      = fmt.Errorf("more than %d packets", maxPackets)
	errNotEncrypted = errors.New("the message is not encrypted")
	errNoData       = errors.New("no encrypted data")
	errTrailing     = errors.New("data after the end of the message")
	errPassword     = errors.New("the message is encrypted to passwords only")
)

func parseOuter(in []byte) (*outer, error) {
	var o outer
	passwords := 0
	for n := 0; ; n++ {
		if n == maxPackets {
			return nil, errPackets
		}
		p, rest, err := nextPacket(in)
		if err == io.EOF {
			return nil, errNoData
		}
		if err != nil {
			return nil, err
		}
		in = rest
		if p.Tag == openpgp.TagSEIPD || p.Tag == openpgp.TagSED || p.Tag == openpgp.TagAEAD {
			o.data = p
			if err := onlyPadding(in); err != nil {
				return nil, err
			}
			if len(o.sessions) == 0 && passwords != 0 {
				return &o, errPassword
			}
			return &o, nil
		}
		if p.Tag == openpgp.TagSKESK {
			passwords++
		}
		if err := o.add(p); err != nil {
			return nil, err
		}
	}
}

// add takes in a packet that stands before the encrypted data.
func (o *outer) add(p openpgp.Packet) error {
	switch {
	case p.Tag == openpgp.TagPKESK:
		if len(o.sessions) == exchange.MaxRecipients {
			return nil
		}
		// A version that we do not know is for somebody else.
		if s, err := parseSessionPacket(p); err == nil {
			o.sessions = append(o.sessions, s)
		}
	case p.Tag == openpgp.TagSKESK || openpgp.Void(p.Tag):
	case p.Tag == openpgp.TagOnePass || p.Tag == openpgp.TagSignature || p.Tag == openpgp.TagLiteral || p.Tag == openpgp.TagCompressed:
		return errNotEncrypted
	default:
		return fmt.Errorf("packet of type %d in an encrypted message", p.Tag)
	}
	return nil
}

func onlyPadding(in []byte) error {
	for n := 0; len(in) != 0; n++ {
		p, rest, err := nextPacket(in)
		if err != nil || !openpgp.Void(p.Tag) || n == maxPackets {
			return errTrailing
		}
		in = rest
	}
	return nil
}

// An inner is what was encrypted: a literal and the signatures on it.
type inner struct {
	payload    []byte
	signatures []openpgp.Packet
}

var (
	errGrammar  = errors.New("not a signed literal")
	errLayers   = errors.New("compressed more than once")
	errTooLarge = errors.New("larger than MaxSize")
)

// parseInner reads a signed message, RFC 9580, Section 10.3: one layer of
// compression at most, one-pass signatures or signatures, one literal,
// signatures. The one-pass packets only announce, so they are passed over: each
// signature is judged by what it says itself, in whatever order they come.
func parseInner(in []byte, max int64) (*inner, error) {
	var m inner
	var literal, compressed bool
	for n := 0; len(in) != 0; n++ {
		if n == maxPackets {
			return nil, errPackets
		}
		p, rest, err := nextPacket(in)
		if err != nil {
			return nil, err
		}
		in = rest
		switch {
		case openpgp.Void(p.Tag):
		case p.Tag == openpgp.TagOnePass && !literal:
		case p.Tag == openpgp.TagSignature:
			if len(p.Body) > maxSmallBody {
				return nil, errSmallPacket
			}
			if len(m.signatures) < exchange.MaxSignatures {
				m.signatures = append(m.signatures, p)
			}
		case p.Tag == openpgp.TagLiteral && !literal:
			literal = true
			if m.payload, err = literalBody(p.Body); err != nil {
				return nil, err
			}
			if int64(len(m.payload)) > max {
				return nil, errTooLarge
			}
		case p.Tag == openpgp.TagCompressed && !literal && len(m.signatures) == 0:
			if compressed {
				return nil, errLayers
			}
			compressed = true
			if err := onlyPadding(in); err != nil {
				return nil, err
			}
			if in, err = decompress(p.Body, max+overhead); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("%w: packet of type %d", errGrammar, p.Tag)
		}
	}
	if !literal {
		return nil, errGrammar
	}
	return &m, nil
}

// literalBody returns the content of a Literal Data packet, RFC 9580, Section
// 5.9. Its format, file name, and date are not signed, so they are not looked at.
func literalBody(b []byte) ([]byte, error) {
	const format, date = 1, 4
	if len(b) < format+1 {
		return nil, errTruncated
	}
	start := format + 1 + int(b[1]) + date
	if len(b) < start {
		return nil, errTruncated
	}
	return b[start:len(b):len(b)], nil
}

// decompress inflates a Compressed Data packet, RFC 9580, Section 5.6, to at
// most max octets: a bomb costs what it is allowed, and no more.
func decompress(b []byte, max int64) ([]byte, error) {
	if len(b) == 0 {
		return nil, errTruncated
	}
	r, err := inflater(b[0], bytes.NewReader(b[1:]))
	if err != nil {
		return nil, err
	}
	max = min(max, maxInflated(int64(len(b))))
	out, err := io.ReadAll(io.LimitReader(r, max+1))
	switch {
	case int64(len(out)) > max:
		return nil, errTooLarge
	case err != nil:
		return nil, fmt.Errorf("%w: damaged compression", errGrammar)
	}
	return out, nil
}

// maxInflated is what n octets may decompress to.
func maxInflated(n int64) int64 { return max(ratioMatters, n*maxRatio) }

// inflater returns a reader that decompresses r.
func inflater(algorithm byte, r io.Reader) (io.Reader, error) {
	switch algorithm {
	case 0:
		return r, nil
	case 1:
		return flate.NewReader(r), nil
	case 2:
		z, err := zlib.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("%w: damaged compression", errGrammar)
		}
		return z, nil
	case 3:
		return bzip2.NewReader(r), nil
	}
	return nil, fmt.Errorf("%w: compression algorithm %d", errGrammar, algorithm)
}

// rejectInner returns the rejection for an error of parseInner.
func rejectInner(err error) error {
	if errors.Is(err, errTooLarge) {
		return envelope.Reject(envelope.TooLarge, err)
	}
	return envelope.Reject(envelope.Malformed, err)
}
