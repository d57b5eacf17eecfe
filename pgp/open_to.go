package pgp

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/internal/openpgp"
	"github.com/sealwax/sealwax/internal/openpgp/cert"
	"github.com/sealwax/sealwax/internal/openpgp/seipd"
	"github.com/sealwax/sealwax/keyset"
)

// errChanged is the error of OpenTo if a later pass meets other bytes than the
// first one authenticated.
var errChanged = fmt.Errorf("pgp: open: %w", seipd.ErrChanged)

// OpenTo implements [envelope.Streamer]. It reads sealed three times: to check that
// the encrypted data is intact, to verify the signatures, and to write the payload.
// Signatures that no one-pass signature announces (RFC 9580, Section 5.4), and
// that stand behind the payload, cost one more pass.
//
// It needs memory for a few blocks and for a digest of each 64 KiB of payload,
// whatever the size of the message, and for one chunk if the message is under AEAD.
// sealed must be able to seek to its end, and must not change meanwhile. An error of
// sealed, a source that gets shorter, or one that makes no progress is no
// rejection.
func (e *Envelope) OpenTo(ctx context.Context, dst io.Writer, sealed io.ReadSeeker) (*envelope.Message, error) {
	return e.x.Open(ctx, 0, func(c *exchange.Call) (*envelope.Message, error) {
		start, size, err := sizeOf(sealed)
		if err != nil {
			return nil, fault(err)
		}
		c.Sized(size)
		if size > maxSealed(e.maxStream) {
			return nil, envelope.Reject(envelope.TooLarge, errTooLarge)
		}
		s := &streamOpener{e: e, c: c, sealed: sealed, start: start, size: size}
		m, err := s.authenticate()
		if err != nil {
			return nil, err
		}
		if err := c.Admit(m); err != nil {
			return nil, err
		}
		return m, s.release(dst)
	})
}

// A streamOpener is one OpenTo.
type streamOpener struct {
	e           *Envelope
	c           *exchange.Call
	sealed      io.ReadSeeker
	start, size int64

	how     *opened
	checked *seipd.Checked // what the first pass saw
}

// A pass reads the message once, from its beginning.
type pass struct {
	src *source
	in  *openpgp.Reader
	o   *outer
}

// begin begins a pass, and reads up to what follows the header of the data. The
// error is that of the source, or says what is wrong outside of the encryption.
func (s *streamOpener) begin() (*pass, error) {
	src, err := newSource(s.c.Context(), s.sealed, s.start, s.size)
	if err != nil {
		return nil, fault(err)
	}
	p := &pass{src: src, in: openpgp.NewStream(src)}
	p.o, err = readOuter(p.in)
	if err != nil {
		return nil, p.reject(err)
	}
	p.o.size = s.size
	return p, nil
}

// reject returns the error for what is wrong outside of the encryption. Like Open,
// it looks at the whole encoding first.
func (p *pass) reject(err error) error {
	if failed := p.in.Drain(); failed != nil {
		err = failed
	}
	if p.src.err != nil {
		return fault(p.src.err)
	}
	return rejectOuter(p.src.head, err)
}

// end reads what is left of the message, and returns an error unless it is well
// formed outside of the encryption.
func (p *pass) end() error {
	_, err := io.Copy(io.Discard, onlyReader{p.o.e.Body})
	if err == nil {
		err = p.o.e.End()
	}
	if err != nil {
		return p.reject(err)
	}
	return nil
}

// authenticate decrypts and verifies everything, and keeps of the payload no more
// than digests.
func (s *streamOpener) authenticate() (*envelope.Message, error) {
	first, err := s.begin()
	if err != nil {
		return nil, err
	}
	o := first.o
	if err := o.allowed(); err != nil {
		return nil, wellFormed(first, err)
	}
	s.how, err = s.e.decrypt(s.c, o, func(sk cert.SessionKey, _ bool) (bool, error) {
		p := first
		if first = nil; p == nil {
			if p, err = s.begin(); err != nil {
				return false, err
			}
		}
		return s.check(p, sk)
	})
	if err != nil {
		return nil, wellFormed(first, err)
	}
	in, err := s.read(nil)
	if err != nil {
		return nil, err
	}
	return s.judge(o, in)
}

// wellFormed returns err for a message that was not read to its end, or what is
// wrong with the rest of it: Open looks at that first.
func wellFormed(p *pass, err error) error {
	if p != nil {
		if failed := p.end(); failed != nil {
			return failed
		}
	}
	return err
}

// check is the pass in which a candidate for the session key decrypts the data,
// and nothing is done with that but to see whether it is intact. It reads to the
// end whatever it finds.
func (s *streamOpener) check(p *pass, sk cert.SessionKey) (intact bool, err error) {
	var checked *seipd.Checked
	failed := openpgp.Guard(func() (err error) {
		checked, err = p.o.header.Check(sk.Key, p.o.e.Body)
		return err
	})
	if err := p.end(); err != nil {
		return false, err
	}
	if failed != nil {
		return false, nil
	}
	s.checked = checked
	return true, nil
}

// read is a pass that reads the plaintext again, and hashes the payload as its
// signatures announce, and as kinds.
func (s *streamOpener) read(kinds []openpgp.HashKind) (*openpgp.Inner, error) {
	r := s.e.reading(s.c, s.e.maxStream)
	r.Hashes = &openpgp.Hashes{}
	for _, k := range kinds {
		r.Hashes.Add(k)
	}
	r.Announce = func(p openpgp.Packet) {
		if kind, ok := cert.AnnouncedHash(p); ok && r.Hashes.Len() < maxAnnounced {
			r.Hashes.Add(kind)
		}
	}
	return s.again(r)
}

// again reads the plaintext once more, each block only if it is the one that the
// first pass saw.
func (s *streamOpener) again(r *openpgp.Reading) (in *openpgp.Inner, err error) {
	p, err := s.begin()
	if err != nil {
		if _, rejected := errors.AsType[*envelope.OpenError](err); rejected {
			err = errChanged
		}
		return nil, err
	}
	if p.o.header == nil || !s.checked.Is(p.o.header) {
		return nil, errChanged
	}
	failed := openpgp.Guard(func() error {
		plain, err := s.checked.Plaintext(p.o.e.Body)
		if err == nil {
			in, err = r.Read(plain)
		}
		return err
	})
	var write *openpgp.DstError
	switch {
	case p.src.err != nil:
		return nil, fault(p.src.err)
	case errors.As(failed, &write):
		return nil, fault(write.Err)
	case errors.Is(failed, seipd.ErrChanged):
		return nil, errChanged
	case failed != nil:
		return nil, rejectInner(s.c, failed)
	}
	return in, nil
}

// judge verifies the signatures, by the keys as they are now.
func (s *streamOpener) judge(o *outer, in *openpgp.Inner) (*envelope.Message, error) {
	for again := false; ; again = true {
		if err := s.c.Reload(); err != nil {
			return nil, err
		}
		if k, ok := s.c.Own.Lookup(s.how.use.ID); !ok || k.State == keyset.Revoked {
			return nil, envelope.Reject(envelope.RevokedRecipient, errors.New("revoked or removed while the message was read"), s.how.use.ID)
		}
		signatures := s.e.signatures(s.c, in)
		if again || !signatures.missing() {
			m := &envelope.Message{Decrypter: s.how.use, Content: s.how.content}
			m.Addressed, m.PostQuantum = recipients(s.c, o)
			return m, signatures.judge(m)
		}
		var err error
		if in, err = s.read(signatures.hashed); err != nil {
			return nil, err
		}
	}
}

// release is the last pass: it writes the payload.
func (s *streamOpener) release(dst io.Writer) error {
	r := s.e.reading(s.c, s.e.maxStream)
	r.Dst = dst
	_, err := s.again(r)
	if _, rejected := errors.AsType[*envelope.OpenError](err); rejected {
		return errChanged
	}
	return err
}
