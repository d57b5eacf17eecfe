package openpgp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/sealwax/sealwax/internal/openpgp/seipd"
)

var (
	// ErrGrammar is wrapped by the errors of [Reading.Read] about packets that
	// make no signed message.
	ErrGrammar = errors.New("not a signed literal")

	// ErrLimit is wrapped by its errors about data that is too large, or that
	// costs too much.
	ErrLimit = errors.New("too large")

	// ErrSize is returned for what is larger than the limit of the caller.
	ErrSize = fmt.Errorf("%w: larger than MaxSize", ErrLimit)

	errRatio  = fmt.Errorf("%w: compressed data that grows more than %d times", ErrLimit, maxRatio)
	errLayers = fmt.Errorf("%w: compressed more than once", ErrGrammar)
)

// An Inner is what was encrypted: a literal and the signatures on it.
type Inner struct {
	Payload    []byte   // of plaintext in memory
	Size       int64    // of the payload, in bytes
	Signatures []Packet // in their order
	Before     int      // how many of them stand before the literal
	OnePass    []Packet // what announces signatures behind the literal
	Hashes     *Hashes  // of the payload
}

// A Reading reads what was encrypted. It takes nothing but a [seipd.Plaintext],
// which is intact.
type Reading struct {
	Context  context.Context // asked while inflating
	MaxSize  int64           // of the payload, in bytes
	Overhead int64           // what a message may have beyond its payload

	// Announce, if not nil, is told of each one-pass signature, and of each
	// signature before the literal: it may ask Hashes for the hash of it.
	Announce func(Packet)

	Hashes *Hashes   // computes hashes of a payload that is not in memory
	Dst    io.Writer // takes the payload, if not nil
}

// Read reads a signed message, RFC 9580, Section 10.3: one layer of compression at
// most, around all of it; one-pass signatures or signatures; one literal;
// signatures. What one-pass signatures announce is relied on for nothing: each
// signature is judged by what it says itself, in whatever order they come.
func (g *Reading) Read(p *seipd.Plaintext) (*Inner, error) {
	in, memory := newRunReader(p.Next), false
	if octets, ok := p.Memory(); ok {
		in, memory = NewReader(octets), true
	}
	return g.read(in, p.Size(), memory)
}

// read is Read without the type that says that in is intact.
func (g *Reading) read(in *Reader, encrypted int64, memory bool) (*Inner, error) {
	m := &Inner{Hashes: g.Hashes}
	if m.Hashes == nil {
		m.Hashes = &Hashes{}
	}
	var literal, compressed bool
	for n := 0; ; n++ {
		tag, body, err := in.Next()
		switch {
		case err == io.EOF && !literal:
			return nil, ErrGrammar
		case err == io.EOF:
			return m, nil
		case err != nil:
			return nil, err
		case n == MaxPackets:
			return nil, errPackets
		case Void(tag):
			err = body.skip()
		case tag == TagLiteral && !literal:
			literal = true
			err = g.literal(m, body, memory)
		case tag == TagCompressed && !literal && len(m.OnePass)+len(m.Signatures) == 0:
			if compressed {
				return nil, errLayers
			}
			compressed = true
			in, err = g.inflate(body, encrypted)
		case tag == TagOnePass && !literal, tag == TagSignature:
			var octets []byte
			if octets, err = body.Whole(MaxPacket); err != nil {
				return nil, err
			}
			p := Packet{tag, clip(octets, in)}
			if tag == TagOnePass {
				m.OnePass = append(m.OnePass, p)
			} else if m.Signatures = append(m.Signatures, p); !literal {
				m.Before++
			}
			if !literal && g.Announce != nil {
				g.Announce(p)
			}
		default:
			return nil, fmt.Errorf("%w: packet of type %d", ErrGrammar, tag)
		}
		if err != nil {
			return nil, err
		}
	}
}

// literal reads a Literal Data packet, RFC 9580, Section 5.9. Its format, file
// name, and date are not signed, so they are not looked at.
func (g *Reading) literal(m *Inner, body *Body, memory bool) error {
	const date = 4
	var head [255 + date]byte
	if err := body.full(head[:2]); err != nil {
		return err
	}
	if err := body.full(head[:int(head[1])+date]); err != nil {
		return err
	}
	for first := true; ; first = false {
		run, err := body.Next(int(^uint(0) >> 1))
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if m.Size += int64(len(run)); m.Size > g.MaxSize {
			return ErrSize
		}
		switch {
		case memory && first && body.in.more == nil && body.ended():
			m.Payload = run
		case memory:
			if cap(m.Payload)-len(m.Payload) < len(run) {
				m.Payload = slices.Grow(m.Payload, max(len(run), len(m.Payload))) // by what arrived, and not by what a length says
			}
			m.Payload = append(m.Payload, run...)
		default:
			m.Hashes.write(run)
		}
		if g.Dst != nil {
			if err := writeAll(g.Dst, run); err != nil {
				return &DstError{err}
			}
		}
	}
	if memory {
		m.Hashes.memory, m.Hashes.payload = true, m.Payload
	}
	return nil
}

// A DstError is an error of [Reading.Dst].
type DstError struct{ Err error }

func (e *DstError) Error() string { return e.Err.Error() }

// Unwrap returns the error.
func (e *DstError) Unwrap() error { return e.Err }

func writeAll(w io.Writer, p []byte) error {
	n, err := w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return err
}

func (b *Body) full(p []byte) error {
	for len(p) != 0 {
		octets, err := b.Next(len(p))
		if err != nil {
			return truncated(err)
		}
		p = p[copy(p, octets):]
	}
	return nil
}

// ended reports whether nothing of the body is left, without reading further.
func (b *Body) ended() bool {
	if b.endless {
		return b.in.more == nil && len(b.in.run) == 0
	}
	return b.left == 0 && !b.partial
}
