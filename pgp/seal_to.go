package pgp

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/armor"

	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/internal/openpgp"
	"github.com/sealwax/sealwax/internal/openpgp/seipd"
)

// SealTo implements [envelope.Streamer]. It makes the same messages as Seal, in
// the memory of a few blocks.
func (e *Envelope) SealTo(ctx context.Context, dst io.Writer, payload io.Reader) error {
	_, err := e.x.Seal(ctx, func(c *exchange.Call) ([]byte, error) {
		out := &counter{w: dst}
		if err := e.sealTo(c, out, payload); err != nil {
			return nil, fmt.Errorf("pgp: seal: %w", err)
		}
		c.Sized(out.n)
		return nil, nil
	})
	return err
}

// A counter counts what it passes on.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// A limited reader returns an error for more than is left.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, fmt.Errorf("payload: %w", errTooLarge)
	}
	return n, err
}

func (e *Envelope) sealTo(c *exchange.Call, dst io.Writer, payload io.Reader) error {
	signers, recipients, err := e.parties(c)
	if err != nil {
		return err
	}
	text, err := e.encoding.writer(dst)
	if err != nil {
		return err
	}
	plain, err := e.encryptTo(text, recipients, suiteFor(recipients))
	if err != nil {
		return err
	}
	if err := e.signTo(c, plain, signers, recipients, &limited{r: payload, left: e.maxStream}); err != nil {
		return err
	}
	if err := plain.Close(); err != nil {
		return err
	}
	return text.Close()
}

// writer returns a writer of the encoding.
func (e Encoding) writer(dst io.Writer) (io.WriteCloser, error) {
	switch e {
	case Binary:
		return nopCloser{dst}, nil
	case Armor:
		w, err := armor.EncodeWithChecksumOption(dst, openpgp.ArmorMessage, nil, true)
		return &lineCloser{w, dst}, err
	}
	return base64.NewEncoder(base64.RawURLEncoding, dst), nil
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// lineCloser ends the last line of armor, as encodeArmor does.
type lineCloser struct {
	io.WriteCloser
	dst io.Writer
}

func (l *lineCloser) Close() error {
	if err := l.WriteCloser.Close(); err != nil {
		return err
	}
	_, err := io.WriteString(l.dst, "\n")
	return err
}

// encryptTo writes the session keys and returns a writer of the encrypted data.
func (e *Envelope) encryptTo(dst io.Writer, recipients []sealingKey, suite seipd.Suite) (io.WriteCloser, error) {
	sk := newSessionKey()
	if err := writeSessionKeys(dst, recipients, sk, suite); err != nil {
		return nil, err
	}
	parts, err := newPartialWriter(dst, openpgp.TagSEIPD)
	if err != nil {
		return nil, err
	}
	body, err := suite.NewWriter(&e.scratch, parts, sk.Key, 1<<62)
	return &closers{body, parts}, err
}

// closers closes what it writes to, and then what that writes to.
type closers struct {
	io.WriteCloser
	next io.Closer
}

func (c *closers) Close() error {
	if err := c.WriteCloser.Close(); err != nil {
		return err
	}
	return c.next.Close()
}

// signTo writes the one-pass signatures, the literal, and the signatures.
func (e *Envelope) signTo(c *exchange.Call, dst io.WriteCloser, signers, recipients []sealingKey, payload io.Reader) error {
	all, err := e.begin(c, signers, recipients)
	if err != nil {
		return err
	}
	head, err := announcements(all, -1)
	if err != nil {
		return err
	}
	if _, err := dst.Write(head); err != nil {
		return err
	}
	var sinks []io.Writer
	for _, s := range all {
		sinks = append(sinks, s.hash)
	}
	literal, err := newPartialWriter(dst, openpgp.TagLiteral)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(literal, literalHead); err != nil {
		return err
	}
	if _, err := io.CopyBuffer(io.MultiWriter(append(sinks, literal)...), &cancelled{c.Context(), payload}, make([]byte, streamBlock)); err != nil {
		return err
	}
	if err := literal.Close(); err != nil {
		return err
	}
	if err := finishTo(c, dst, all); err != nil {
		return err
	}
	for _, s := range all {
		c.SealedOwn(s.keyUse())
	}
	return nil
}

// onlyReader hides other methods.
type onlyReader struct{ io.Reader }

// cancelled asks ctx before every block.
type cancelled struct {
	ctx context.Context
	r   io.Reader
}

func (r *cancelled) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}
