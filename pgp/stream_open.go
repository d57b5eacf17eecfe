package pgp

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/internal/openpgp"
	"github.com/sealwax/sealwax/keyset"
)

// errChanged is the error of OpenTo if the second pass meets other octets than
// the first one authenticated.
var errChanged = errors.New("pgp: the message changed while it was opened")

// OpenTo implements [envelope.Streamer]. It needs memory for a few blocks and
// for a digest of each 64 KiB of payload, whatever the size of the message, and
// for one chunk if the message is under AEAD.
//
// Signatures that no one-pass signature announces (RFC 9580, Section 5.4), and
// that stand behind the payload, cost one more pass.
func (e *Envelope) OpenTo(ctx context.Context, dst io.Writer, sealed io.ReadSeeker) (*envelope.Message, error) {
	return e.x.Open(ctx, 0, func(c *exchange.Call) (*envelope.Message, error) {
		start, err := sealed.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, fmt.Errorf("pgp: open: %w", err)
		}
		s := &streamOpener{e: e, c: c, sealed: sealed, start: start}
		m, err := s.authenticate()
		if err != nil {
			return nil, err
		}
		return m, s.release(dst)
	})
}

// A streamOpener is one OpenTo.
type streamOpener struct {
	e      *Envelope
	c      *exchange.Call
	sealed io.ReadSeeker
	start  int64

	how    *opened
	blocks [][sha256.Size]byte // of the payload, in the first pass
	size   int64               // of the payload
}

// data reads the message up to its encrypted data. head is the data packet
// with the beginning of its body only.
func (s *streamOpener) data() (src *source, o *outer, body, rest *bufio.Reader, err error) {
	if _, err := s.sealed.Seek(s.start, io.SeekStart); err != nil {
		return nil, nil, nil, nil, fmt.Errorf("pgp: open: %w", err)
	}
	src = &source{ctx: s.c.Context(), r: s.sealed, max: maxSealed(s.e.maxStream)}
	in, err := decodeStream(src)
	if err != nil {
		return src, nil, nil, nil, err
	}
	o = &outer{}
	passwords := 0
	for range maxPackets {
		tag, b, err := nextStreamPacket(in)
		switch {
		case err == io.EOF:
			return src, nil, nil, nil, errNoData
		case err != nil:
			return src, nil, nil, nil, err
		case tag == openpgp.TagSEIPD || tag == openpgp.TagSED || tag == openpgp.TagAEAD:
			if len(o.sessions) == 0 && passwords != 0 {
				return src, nil, nil, nil, errPassword
			}
			body = bufio.NewReaderSize(b, 64<<10)
			head, _ := body.Peek(64)
			o.data = openpgp.Packet{Tag: tag, Body: bytes.Clone(head)}
			return src, o, body, in, nil
		}
		p, err := b.whole(tag, maxSmallBody)
		if err != nil {
			return src, nil, nil, nil, err
		}
		if tag == openpgp.TagSKESK {
			passwords++
		}
		if err := o.add(p); err != nil {
			return src, nil, nil, nil, err
		}
	}
	return src, nil, nil, nil, errPackets
}

// authenticate is the first pass: it decrypts and verifies everything, and
// keeps of the payload no more than digests.
func (s *streamOpener) authenticate() (*envelope.Message, error) {
	src, o, _, _, err := s.data()
	if err := s.fault(src, err); err != nil {
		return nil, err
	}
	if err := s.e.checkData(s.c, o.data); err != nil {
		return nil, err
	}
	var last *firstPass
	how, err := s.e.decrypt(s.c, o, func(sk sessionKey, _ bool) error {
		last = s.pass(sk, nil)
		return last.broken
	})
	if last != nil {
		s.c.Sized(last.read)
		if last.source != nil {
			return nil, s.fault(last.source, nil)
		}
		if err != nil && last.encoding != nil {
			return nil, envelope.Reject(envelope.Malformed, last.encoding)
		}
	}
	if err != nil {
		return nil, err
	}
	if last.grammar != nil {
		return nil, rejectInner(last.grammar)
	}
	s.how, s.blocks, s.size = how, last.blocks, last.size
	if missing := last.missing(); len(missing) != 0 {
		again := s.pass(how.session, missing)
		if again.source != nil {
			return nil, s.fault(again.source, nil)
		}
		if again.broken != nil || again.grammar != nil || !slices.Equal(again.blocks, last.blocks) {
			return nil, errChanged
		}
		last = again
	}
	return s.judge(o, last)
}

// judge verifies the signatures, by the keys as they are now.
func (s *streamOpener) judge(o *outer, p *firstPass) (*envelope.Message, error) {
	if err := s.c.Reload(); err != nil {
		return nil, err
	}
	if k, ok := s.c.Own.Lookup(s.how.use.ID); !ok || k.State == keyset.Revoked {
		return nil, envelope.Reject(envelope.RevokedRecipient, errors.New("revoked or removed while the message was read"), s.how.use.ID)
	}
	m := &envelope.Message{Decrypter: s.how.use, Content: s.how.content, Addressed: addressed(s.c, o)}
	if len(p.signatures) == 0 {
		if !s.c.Waive(waiveUnsigned) {
			return nil, envelope.Reject(envelope.Unsigned, nil)
		}
		return m, nil
	}
	var v exchange.Verdicts
	d := &streamDocument{p}
	for _, raw := range p.signatures {
		if err := s.e.judge(s.c, &v, raw, d); err != nil {
			return nil, err
		}
	}
	return m, v.Fill(m)
}

// fault returns the error for what went wrong before the data was decrypted:
// that of the reader or of ctx, or a rejection.
func (s *streamOpener) fault(src *source, err error) error {
	if src != nil {
		s.c.Sized(src.n)
		switch {
		case errors.Is(src.err, errTooLarge):
			return envelope.Reject(envelope.TooLarge, src.err)
		case src.err != nil:
			return fmt.Errorf("pgp: open: %w", src.err)
		}
	}
	switch {
	case err == nil:
		return nil
	case src == nil:
		return err
	case errors.Is(err, errPassword):
		return envelope.Reject(envelope.NotForUs, err)
	}
	return envelope.Reject(envelope.Malformed, err)
}

// A firstPass is what one candidate for the session key made of the message.
type firstPass struct {
	read     int64
	source   *source // if it failed
	broken   error   // not intact, or not readable at all
	encoding error   // what was wrong outside of the encryption
	grammar  error   // what was wrong inside, although intact

	max        int64
	signatures []openpgp.Packet
	hashes     map[hashKind]hash.Hash
	hasEnds    bool // CR or LF in the payload
	blocks     [][sha256.Size]byte
	size       int64
}

// pass decrypts the data with one candidate, and computes the given hashes
// beside those that the message announces. Whatever it finds, it reads to the
// end before it says so: a parse error tells nobody that the candidate was wrong.
func (s *streamOpener) pass(sk sessionKey, kinds []hashKind) *firstPass {
	p := &firstPass{max: s.e.maxStream, hashes: map[hashKind]hash.Hash{}}
	for _, k := range kinds {
		p.add(k)
	}
	src, o, body, rest, err := s.data()
	if src != nil {
		defer func() { p.read = src.n }()
	}
	if err != nil {
		p.source, p.broken = src, errIntegrity
		return p
	}
	outside := &fallible{r: body}
	plain, err := plaintext(o.data, outside, sk)
	if err != nil {
		p.broken = errIntegrity
	} else {
		inside := &fallible{r: plain}
		p.grammar = p.parse(bufio.NewReaderSize(inside, streamBlock))
		_, _ = io.Copy(io.Discard, inside)
		if err := guard(plain.Close); err != nil || inside.err != nil {
			p.broken = errIntegrity
		}
	}
	if outside.err == nil && p.broken == nil {
		outside.err = onlyPaddingStream(rest)
		if outside.err != nil {
			p.broken = errIntegrity
		}
	}
	if src.err != nil {
		p.source, p.broken = src, errIntegrity
	}
	p.encoding = outside.err
	return p
}

// plaintext returns a reader that decrypts, of which Close, after the end, says
// whether everything was intact.
func plaintext(head openpgp.Packet, body io.Reader, sk sessionKey) (io.ReadCloser, error) {
	if aead(head) {
		h, err := parseAEAD(head)
		if err != nil {
			return nil, err
		}
		if _, err := io.CopyN(io.Discard, body, int64(h.size)); err != nil {
			return nil, err
		}
		c, err := h.chunks(sk.key)
		if err != nil {
			return nil, err
		}
		return &aeadReader{in: body, c: c}, nil
	}
	data := &packet.SymmetricallyEncrypted{Contents: body}
	if head.Tag == openpgp.TagSEIPD {
		data.Version, data.IntegrityProtected = 1, true
		if _, err := io.CopyN(io.Discard, body, 1); err != nil {
			return nil, err
		}
	}
	return data.Decrypt(sk.cipher, sk.key)
}

// fallible keeps the first error other than the end.
type fallible struct {
	r   io.Reader
	err error
}

func (f *fallible) Read(p []byte) (n int, err error) {
	panicked := guard(func() error { n, err = f.r.Read(p); return nil })
	if panicked != nil {
		n, err = 0, panicked
	}
	if err != nil && err != io.EOF && f.err == nil {
		f.err = err
	}
	return n, err
}

func onlyPaddingStream(in *bufio.Reader) error {
	for range maxPackets {
		tag, body, err := nextStreamPacket(in)
		if err == io.EOF {
			return nil
		}
		if err != nil || !openpgp.Void(tag) {
			return errTrailing
		}
		if _, err := body.whole(tag, maxSmallBody); err != nil {
			return errTrailing
		}
	}
	return errTrailing
}

// release is the second pass: it writes the payload, each block only if it is
// the one that the first pass authenticated.
func (s *streamOpener) release(dst io.Writer) error {
	src, o, body, _, err := s.data()
	if src == nil || src.err != nil {
		return s.fault(src, err)
	}
	if err != nil {
		return errChanged
	}
	outside := &fallible{r: body}
	plain, err := plaintext(o.data, outside, s.how.session)
	if err != nil {
		return errChanged
	}
	p := &secondPass{s: s, dst: dst}
	err = walk(bufio.NewReaderSize(&fallible{r: plain}, streamBlock), s.e.maxStream, p)
	switch {
	case src.err != nil:
		return s.fault(src, nil)
	case p.write != nil:
		return fmt.Errorf("pgp: open: %w", p.write)
	case !errors.Is(err, errDone):
		return errChanged
	}
	return nil
}
