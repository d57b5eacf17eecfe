package pgp_test

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/pgp"
)

// A stricture is what go-crypto takes and we do not: what we say, as a regular expression, and
// why.
type stricture struct{ cause, why string }

// told reports whether one of them is what was said.
func told(all []stricture, said string) bool {
	return slices.ContainsFunc(all, func(s stricture) bool { return regexp.MustCompile(s.cause).MatchString(said) })
}

// stricter are the messages that go-crypto opens with a good signature of the partner, and
// Open does not: the beginning of what Open says, and why.
var stricter = []stricture{
	{"^malformed: not a signed literal: compressed more than once", "a message needs one layer, and each costs time"},
	{"^malformed: truncated packet", "a message that is cut is refused, whatever stands before; go-crypto is content with the signatures before the literal"},
	{"^malformed: invalid packet header", "the same of what is no packet"},
	{"^malformed: more than 256 packets", "work is bounded"},
}

// Open opens nothing that go-crypto refuses, and reads the same payload. What it refuses and
// go-crypto opens is on the list. In one thing Open is meant to be more lenient: it asks for
// no order of signatures and literal. There go-crypto decrypts the packets, and has to find
// a signature among them that is good over the payload by itself.
func FuzzAgainstGoCrypto(f *testing.F) {
	ours, theirs := fuzzKeys(f)
	e := newEnvelope(f, pgp.Config{Own: active(f, ours), Peer: active(f, public(theirs)), MaxSize: 1 << 16})
	keyring := openpgp.EntityList{entity(f, ours), entity(f, public(theirs))}
	lit, sig := literalPacket(body), signaturePacket(f, theirs, body, nil)
	signer := entity(f, theirs).PrimaryKey
	var b bytes.Buffer
	require.NoError(f, (&packet.OnePassSignature{Version: 3, Hash: crypto.SHA256, PubKeyAlgo: signer.PubKeyAlgo, KeyId: signer.KeyId, IsLast: true}).Serialize(&b))
	ops := b.Bytes()
	dated := func(at time.Time, change func(*packet.Signature)) []byte {
		return signaturePacket(f, theirs, body, func(s *packet.Signature) {
			s.CreationTime = at
			if change != nil {
				change(s)
			}
		})
	}
	for _, in := range [][][]byte{
		{ops, lit, sig}, {compressed(2, slices.Concat(ops, lit, sig))}, {compressed(2, compressed(2, slices.Concat(ops, lit, sig)))},
		{ops, lit, sig, rawPacket(21, []byte("padding"))}, {ops, rawPacket(60, nil), lit, sig}, {ops, lit, sig, rawPacket(13, []byte("x"))},
		{ops, rawPacket(11, append([]byte("t\x00\x00\x00\x00\x00"), body...)), sig}, {ops, rawPacket(11, append([]byte("l\x00\x00\x00\x00\x00"), body...)), sig},
		{ops, lit, dated(time.Now().Add(72*time.Hour), nil)}, {ops, lit, dated(time.Now().Add(-10*365*24*time.Hour), nil)},
		{ops, lit, dated(time.Now().Add(-24*time.Hour), func(s *packet.Signature) { s.SigLifetimeSecs = ptr(uint32(60)) })},
		{ops, lit, dated(time.Now(), func(s *packet.Signature) {
			s.Notations = []*packet.Notation{{Name: "x@x.example", Value: []byte("y"), IsCritical: true, IsHumanReadable: true}}
		})},
		{ops, lit, dated(time.Now(), func(s *packet.Signature) {
			s.IntendedRecipients = []*packet.Recipient{{KeyVersion: 4, Fingerprint: make([]byte, 20)}}
		})},
		{sig, ops, lit, sig}, {rawPacket(8, append([]byte{0}, slices.Concat(ops, lit, sig)...))},
		{lit, sig}, {onePassPacket(0), lit, sig}, {sig, lit}, {compressed(2, slices.Concat(lit, sig))}, {compressed(1, slices.Concat(sig, lit))},
		{onePassPacket(1), onePassPacket(0), lit, sig, sig}, {rawPacket(21, []byte("padding")), lit, sig}, {lit, sig, rawPacket(10, []byte("PGP"))},
	} {
		f.Add(true, bytes.Join(in, nil))
	}
	f.Add(false, seal(f, newEnvelope(f, pgp.Config{Own: active(f, theirs), Peer: active(f, public(ours)), Encoding: pgp.Binary}), body))
	for _, h := range hostileMessages(f, ours, theirs) {
		if len(h.sealed) < 1<<12 {
			f.Add(false, h.sealed)
		}
	}
	f.Fuzz(func(t *testing.T, inside bool, in []byte) {
		if inside {
			if libraryMisreads(in) {
				return
			}
			in = newForger(t, ours).message(in)
		} else if len(in) == 0 || in[0]&0x80 == 0 {
			return // text, which go-crypto does not read
		}
		m, err := e.Open(t.Context(), in)
		payload, libraryErr := libraryReads(in, keyring, theirs)
		switch {
		case err == nil:
			if libraryErr != nil {
				require.True(t, slices.ContainsFunc(librarySignatures(libraryDecrypts(in, keyring[0])), func(sig []byte) bool {
					_, _, err := openpgp.VerifyDetachedSignature(keyring[1:], bytes.NewReader(m.Payload), bytes.NewReader(sig), nil)
					return err == nil
				}), "go-crypto refuses it: %v", libraryErr)
				return
			}
			require.Equal(t, payload, m.Payload)
		case libraryErr == nil:
			oe, _ := errors.AsType[*envelope.OpenError](err)
			said := string(oe.Reason) + ": " + oe.Cause().Error()
			require.True(t, told(stricter, said), "go-crypto opens it, and Open says %s", said)
		}
	})
}

// libraryMisreads reports whether a one-pass signature is longer than its fields. What is left
// of it go-crypto reads as the next packet, so that it sees other packets than there are.
func libraryMisreads(packets []byte) bool {
	for in := packet.NewOpaqueReader(bytes.NewReader(packets)); ; {
		p, err := in.Next()
		if err != nil {
			return false
		}
		parsed, err := p.Parse()
		if o, ok := parsed.(*packet.OnePassSignature); ok && err == nil {
			var b bytes.Buffer
			if o.Serialize(&b) == nil && !bytes.HasSuffix(b.Bytes(), p.Contents) {
				return true
			}
		}
	}
}

// libraryReads opens a message with go-crypto. It is refused unless it is encrypted and a
// signature of the sender is good.
func libraryReads(in []byte, keyring openpgp.EntityList, from *pgp.Key) (payload []byte, err error) {
	md, err := openpgp.ReadMessage(bytes.NewReader(in), keyring, nil, nil)
	if err != nil {
		return nil, err
	}
	payload, err = io.ReadAll(md.UnverifiedBody)
	switch {
	case err != nil:
		return nil, err
	case !md.IsEncrypted || !md.IsVerified || md.SignedBy == nil:
		return nil, errors.New("not encrypted, or not signed")
	case md.SignatureError != nil:
		return nil, md.SignatureError
	case strings.ToUpper(fmt.Sprintf("%x", md.SignedBy.Entity.PrimaryKey.Fingerprint)) != string(from.Info().ID):
		return nil, errors.New("signed by another key")
	}
	return payload, nil
}

// libraryDecrypts returns what go-crypto decrypts of a message to a key.
func libraryDecrypts(in []byte, to *openpgp.Entity) []byte {
	packets := packet.NewReader(bytes.NewReader(in))
	var keys []*packet.EncryptedKey
	for {
		p, err := packets.Next()
		if err != nil {
			return nil
		}
		switch p := p.(type) {
		case *packet.EncryptedKey:
			if p.Decrypt(to.Subkeys[0].PrivateKey, nil) == nil {
				keys = append(keys, p)
			}
		case *packet.SymmetricallyEncrypted:
			for _, k := range keys {
				if r, err := p.Decrypt(k.CipherFunc, k.Key); err == nil {
					if plain, err := io.ReadAll(r); err == nil {
						return plain
					}
				}
			}
		}
	}
}

// librarySignatures returns the signature packets among others, and those that are compressed.
func librarySignatures(packets []byte) (all [][]byte) {
	for in := packet.NewOpaqueReader(bytes.NewReader(packets)); ; {
		p, err := in.Next()
		if err != nil {
			return all
		}
		switch p.Tag {
		case 2:
			all = append(all, rawPacket(2, p.Contents))
		case 8:
			if c, err := p.Parse(); err == nil {
				inside, _ := io.ReadAll(c.(*packet.Compressed).Body)
				all = append(all, librarySignatures(inside)...)
			}
		}
	}
}
