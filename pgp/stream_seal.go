package pgp

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/internal/exchange"
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

func (e *Envelope) sealTo(c *exchange.Call, dst io.Writer, payload io.Reader) error {
	signers, recipients, err := e.parties(c)
	if err != nil {
		return err
	}
	text, err := e.encoding.writer(dst)
	if err != nil {
		return err
	}
	plain, err := encryptTo(text, recipients, e.dataVersion(recipients))
	if err != nil {
		return err
	}
	if err := e.signTo(c, plain, signers, recipients, payload); err != nil {
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
		w, err := armor.EncodeWithChecksumOption(dst, armorMessage, nil, true)
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
func encryptTo(dst io.Writer, recipients []sealer, version DataVersion) (io.WriteCloser, error) {
	sk := sessionKey{sealCipher, make([]byte, sealCipher.KeySize())}
	rand.Read(sk.key)
	if err := writeSessionKeys(dst, recipients, sk, version); err != nil {
		return nil, err
	}
	suite := packet.CipherSuite{Cipher: sealCipher, Mode: aeadMode(recipients)}
	config := &packet.Config{AEADConfig: &packet.AEADConfig{ChunkSize: 1 << (6 + sealChunkOctet)}}
	return packet.SerializeSymmetricallyEncrypted(dst, sk.cipher, version == SEIPDv2, suite, sk.key, config)
}

// A streamSignature is a signature over a payload that is being read.
type streamSignature struct {
	by     sealer
	sig    *packet.Signature
	hash   hash.Hash
	digest hash.Hash // [envelope.KeyUse].Digest
}

// signTo writes the one-pass signatures, the literal, and the signatures.
func (e *Envelope) signTo(c *exchange.Call, dst io.WriteCloser, signers, recipients []sealer, payload io.Reader) error {
	intended := intendedRecipients(recipients)
	all := make([]streamSignature, len(signers))
	var sinks []io.Writer
	for i, s := range signers {
		sig, h, err := s.part.beginSignature(c.At, intended, e.sealContext)
		if err != nil {
			return fmt.Errorf("signing with key %s: %w", s.key.ID(), err)
		}
		d := sha256.New()
		d.Write(append([]byte(s.key.ID()), 0))
		d.Write(sig.Salt())
		all[i] = streamSignature{s, sig, h, d}
		sinks = append(sinks, h, d)
		if err := onePass(s.part, sig, i == len(signers)-1).Serialize(dst); err != nil {
			return err
		}
	}
	literal, err := packet.SerializeLiteral(nopCloser{dst}, true, "", 0)
	if err != nil {
		return err
	}
	in := &source{ctx: c.Context(), r: payload, max: 1<<63 - 1}
	if _, err := io.CopyBuffer(io.MultiWriter(append(sinks, literal)...), onlyReader{in}, make([]byte, streamBlock)); err != nil {
		return err
	}
	if err := literal.Close(); err != nil {
		return err
	}
	for i := len(all) - 1; i >= 0; i-- {
		s := all[i]
		if err := s.by.part.endSignature(c.Context(), s.sig, s.hash); err != nil {
			return fmt.Errorf("signing with key %s: %w", s.by.key.ID(), err)
		}
		if err := s.sig.Serialize(dst); err != nil { // fails if the library forgot an error (T23)
			return fmt.Errorf("signing with key %s: %w", s.by.key.ID(), err)
		}
	}
	for _, s := range all {
		u := signatureUse(s.by.key, s.by.part, true, s.sig)
		s.digest.Write(s.sig.HashSuffix)
		u.Digest = [32]byte(s.digest.Sum(nil))
		c.SealedOwn(u)
	}
	return nil
}

// onlyReader hides other methods, so that ctx is asked for every block.
type onlyReader struct{ io.Reader }
