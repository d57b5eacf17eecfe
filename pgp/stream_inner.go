package pgp

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/internal/openpgp"
)

// A visitor is told what walk meets inside a message.
type visitor interface {
	// announce is told of a one-pass signature, or of a signature before the literal.
	announce(p openpgp.Packet)
	signature(p openpgp.Packet)
	// block is told of the next octets of the payload, which it must not keep.
	block(b []byte) error
	// end is told that the payload has ended.
	end() error
}

// walk is parseInner for a stream: the same grammar, the same limits.
func walk(in *bufio.Reader, max int64, v visitor) error {
	var literal, compressed, signed bool
	for range maxPackets {
		tag, body, err := nextStreamPacket(in)
		if err == io.EOF {
			if !literal {
				return errGrammar
			}
			return nil
		}
		if err != nil {
			return err
		}
		switch {
		case tag == openpgp.TagLiteral && !literal:
			literal = true
			if err := walkLiteral(body, max, v); err != nil {
				return err
			}
			continue
		case tag == openpgp.TagCompressed && !literal && !signed:
			if compressed {
				return errLayers
			}
			compressed = true
			c := &chained{packet: &counted{r: body}, rest: in, max: max + overhead}
			if c.content, err = inflate(c.packet); err != nil {
				return err
			}
			in = bufio.NewReaderSize(c, streamBlock)
			continue
		}
		p, err := body.whole(tag, maxSmallBody)
		switch {
		case err != nil:
			return err
		case openpgp.Void(p.Tag):
		case tag == openpgp.TagOnePass && !literal:
			signed = true
			v.announce(p)
		case tag == openpgp.TagSignature:
			signed = true
			if !literal {
				v.announce(p)
			}
			v.signature(p)
		default:
			return fmt.Errorf("%w: packet of type %d", errGrammar, tag)
		}
	}
	return errPackets
}

// chained is the content of a compressed packet: at its end the packet must be
// at its end too, and only padding may follow.
type chained struct {
	content io.Reader
	packet  *counted
	rest    *bufio.Reader
	n, max  int64
}

// counted counts what has been read.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *chained) Read(p []byte) (int, error) {
	n, err := c.content.Read(p)
	c.n += int64(n)
	switch {
	case c.n > min(c.max, maxInflated(c.packet.n)):
		return 0, errTooLarge
	case err == nil:
		return n, nil
	case err != io.EOF:
		return n, fmt.Errorf("%w: damaged compression", errGrammar)
	}
	if _, err := io.Copy(io.Discard, c.packet); err != nil {
		return n, err
	}
	if err := onlyPaddingStream(c.rest); err != nil {
		return n, err
	}
	return n, io.EOF
}

// inflate returns a reader of the content of a Compressed Data packet.
func inflate(body io.Reader) (io.Reader, error) {
	var algorithm [1]byte
	if _, err := io.ReadFull(body, algorithm[:]); err != nil {
		return nil, truncated(err)
	}
	return inflater(algorithm[0], body)
}

// walkLiteral hands the content of a literal to v, block by block.
func walkLiteral(body io.Reader, max int64, v visitor) error {
	var head [2]byte
	if _, err := io.ReadFull(body, head[:]); err != nil {
		return truncated(err)
	}
	if _, err := io.CopyN(io.Discard, body, int64(head[1])+4); err != nil { // file name and date
		return truncated(err)
	}
	block := make([]byte, streamBlock)
	for total := int64(0); ; {
		n, err := io.ReadFull(body, block)
		if total += int64(n); total > max {
			return errTooLarge
		}
		if n > 0 {
			if err := v.block(block[:n]); err != nil {
				return err
			}
		}
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return v.end()
		default:
			return err
		}
	}
}

func (p *firstPass) parse(in *bufio.Reader) error { return walk(in, p.max, p) }

// announce begins to compute the hash that a signature will need.
func (p *firstPass) announce(raw openpgp.Packet) {
	if kind, ok := kindOf(raw); ok {
		p.add(kind)
	}
}

// kindOf returns the hash that a signature, or one that is announced, needs.
func kindOf(raw openpgp.Packet) (hashKind, bool) {
	parsed, err := parse(raw)
	if err != nil {
		return hashKind{}, false
	}
	var kind hashKind
	switch s := parsed.(type) {
	case *packet.OnePassSignature:
		kind = hashKind{s.Hash, string(s.Salt)}
	case *packet.Signature:
		kind = hashKindOf(s)
	}
	return kind, (strongHash(kind.hash) || kind.hash == crypto.SHA1) && kind.hash.Available()
}

// add begins to compute a hash, one of [maxHashes] at most.
func (p *firstPass) add(kind hashKind) {
	if _, ok := p.hashes[kind]; ok || len(p.hashes) >= maxHashes {
		return
	}
	p.hashes[kind] = kind.begin()
}

// missing lists the hashes that the signatures need and the pass did not compute.
func (p *firstPass) missing() []hashKind {
	var out []hashKind
	for _, raw := range p.signatures {
		kind, ok := kindOf(raw)
		if _, computed := p.hashes[kind]; ok && !computed && !slices.Contains(out, kind) {
			out = append(out, kind)
		}
	}
	return out
}

func (p *firstPass) signature(raw openpgp.Packet) {
	if len(p.signatures) < exchange.MaxSignatures {
		p.signatures = append(p.signatures, raw)
	}
}

func (p *firstPass) block(b []byte) error {
	for _, h := range p.hashes {
		h.Write(b)
	}
	p.hasEnds = p.hasEnds || bytes.ContainsAny(b, "\r\n")
	p.blocks = append(p.blocks, sha256.Sum256(b))
	p.size += int64(len(b))
	return nil
}

func (p *firstPass) end() error { return nil }

// A streamDocument is a payload that a first pass has read.
type streamDocument struct{ pass *firstPass }

var errAnnounced = errors.New("more kinds of hashes than are computed")

func (d *streamDocument) hash(sig *packet.Signature) (hash.Hash, error) {
	h, ok := d.pass.hashes[hashKindOf(sig)]
	if !ok {
		return nil, errAnnounced
	}
	return clone(h)
}

func (d *streamDocument) lineEnds() bool { return d.pass.hasEnds }

// errDone ends a second pass with the payload.
var errDone = errors.New("done")

// A secondPass writes what the first one authenticated.
type secondPass struct {
	s     *streamOpener
	dst   io.Writer
	n     int
	size  int64
	write error // of dst
}

func (p *secondPass) announce(openpgp.Packet)  {}
func (p *secondPass) signature(openpgp.Packet) {}

func (p *secondPass) block(b []byte) error {
	if p.n >= len(p.s.blocks) || sha256.Sum256(b) != p.s.blocks[p.n] {
		return errChanged
	}
	p.n++
	p.size += int64(len(b))
	n, err := p.dst.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	p.write = err
	return err
}

func (p *secondPass) end() error {
	if p.n != len(p.s.blocks) || p.size != p.s.size {
		return errChanged
	}
	return errDone
}
