package pgp_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha3"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/pgp"
)

// Which session keys reach the body follows from their places: whether a probe
// conforms that stands before the good one shows in nothing.
func TestPlaceDecidesWhatReachesTheBody(t *testing.T) {
	ours, _ := conversation(t, bankRSA(), partRSA())
	for _, size := range []int{len(body), 1 << 20} {
		payload := octets(size)
		good := newForger(t, bankRSA()).message(literalPacket(payload), signaturePacket(t, partRSA(), payload, nil))
		wrong := newForger(t, bankRSA())
		wrong.session = bytes.Repeat([]byte{1}, 32)
		conforming := wrong.pkesk()
		garbage := flip(conforming, len(conforming)-1)
		for _, before := range []int{0, 2, 3, 7} {
			outcome := map[string]bool{}
			for _, filler := range [][]byte{conforming, garbage} {
				for _, probe := range [][]byte{conforming, garbage} {
					m := append(bytes.Repeat(filler, before), append(bytes.Clone(probe), good...)...)
					_, err := ours.Open(context.Background(), m)
					_, errTo := ours.OpenTo(context.Background(), io.Discard, bytes.NewReader(m))
					assert.Equal(t, err == nil, errTo == nil)
					outcome[fmt.Sprint(err == nil)] = true
				}
			}
			assert.Len(t, outcome, 1, "%d before the probe, %d bytes", before, size)
		}
	}
}

// Session keys for others do not hide ours, named or hidden.
func TestManyRecipients(t *testing.T) {
	ours, _ := conversation(t, bankRSA(), partner())
	f, other := newForger(t, bankRSA()), newForger(t, partRSA())
	content := f.seipd(literalPacket(body), signaturePacket(t, partner(), body, nil))
	open(t, ours, append(append(bytes.Repeat(other.pkesk(), 40), f.pkesk()...), content...))
	f.hidden, other.hidden = true, true
	for _, n := range []int{3, 4, 10} {
		open(t, ours, append(append(bytes.Repeat(other.pkesk(), n), f.pkesk()...), content...))
	}
}

// Blocks of DEFLATE that are nearly only tables are refused early, whether they are
// raw or in zlib.
func TestTablesAreCounted(t *testing.T) {
	e, f, _, _ := fixture(t)
	many := deflateTables(1 << 20)
	oe := rejected(t, e, f.message(rawPacket(8, append([]byte{1}, many...))), envelope.TooLarge)
	assert.ErrorContains(t, oe.Cause(), "more tables than data")
}

// deflateTables returns DEFLATE of blocks that hold nothing but their tables.
func deflateTables(size int) []byte {
	var out []byte
	var acc, n uint
	put := func(v, bits uint) {
		acc |= v << n
		for n += bits; n >= 8; n -= 8 {
			out = append(out, byte(acc))
			acc >>= 8
		}
	}
	for len(out) < size {
		put(0, 1)  // not the last
		put(2, 2)  // with tables
		put(0, 5)  // 257 literals
		put(0, 5)  // one distance
		put(14, 4) // 18 lengths of the code for lengths, in their order
		for _, s := range []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1} {
			put(map[int]uint{1: 1, 18: 1}[s], 3) // 1 and 18 have one bit each: 0 and 1
		}
		put(1, 1) // 138 zeros
		put(127, 7)
		put(1, 1) // 118 zeros: up to 255
		put(107, 7)
		put(0, 1) // 256 has one bit
		put(0, 1) // and the distance
		put(0, 1) // the end of the block
	}
	return append(out, 0, 0)
}

// Each signature of version 6 begins its hash with a salt of its own. What is
// hashed for one message is bounded, and in Open as in OpenTo.
func TestSaltsAreCounted(t *testing.T) {
	k := v6Key(t, "salty", packet.AEADModeOCB)
	private := entity(t, k).PrivateKey
	ours := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(k))})
	f := newForger(t, bank())
	payload := octets(2 << 20)
	sign := func(over []byte) []byte {
		return signatureBy(t, private, over, func(s *packet.Signature) { s.Hash, s.IssuerKeyId = crypto.SHA3_512, nil })
	}
	message := func(signatures ...[]byte) []byte {
		return f.message(append([][]byte{literalPacket(payload)}, signatures...)...)
	}
	bad := make([][]byte, 32)
	for i := range bad {
		bad[i] = sign([]byte("other"))
	}
	var hashed int
	crypto.RegisterHash(crypto.SHA3_512, func() hash.Hash { return &countingHash{sha3.New512(), &hashed} })
	defer crypto.RegisterHash(crypto.SHA3_512, func() hash.Hash { return sha3.New512() })
	for _, call := range []func([]byte) error{
		func(m []byte) error { _, err := ours.Open(t.Context(), m); return err },
		func(m []byte) error { _, err := ours.OpenTo(t.Context(), io.Discard, bytes.NewReader(m)); return err },
	} {
		hashed = 0
		err := call(message(bad...))
		oe, ok := errors.AsType[*envelope.OpenError](err)
		require.True(t, ok)
		assert.Equal(t, envelope.TooLarge, oe.Reason)
		assert.ErrorContains(t, oe.Cause(), "hash the payload more than 4 times")
		assert.LessOrEqual(t, hashed, 4*len(payload)+1<<12)
	}
	open(t, ours, message(append(bad[:3:3], sign(payload))...))

	// Our own Seal with as many keys as there may be opens, whatever the size.
	var own []*pgp.Key
	for i := range 16 {
		own = append(own, v6Key(t, fmt.Sprint("own ", i), packet.AEADModeOCB))
	}
	var peers []*pgp.Key
	for _, o := range own {
		peers = append(peers, public(o))
	}
	theirs := newEnvelope(t, pgp.Config{Own: active(t, own...), Peer: active(t, public(bank()))})
	ours = newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, peers...)})
	assert.Len(t, open(t, ours, seal(t, theirs, body)).Signers, 16)
	m := open(t, ours, seal(t, theirs, payload))
	assert.Len(t, m.Signers, 4)
	assert.Len(t, m.Ignored, 12)
}

type countingHash struct {
	hash.Hash
	n *int
}

func (c *countingHash) Write(p []byte) (int, error) {
	*c.n += len(p)
	return c.Hash.Write(p)
}

func (c *countingHash) MarshalBinary() ([]byte, error) {
	return c.Hash.(interface{ MarshalBinary() ([]byte, error) }).MarshalBinary()
}

func (c *countingHash) UnmarshalBinary(state []byte) error {
	return c.Hash.(interface{ UnmarshalBinary([]byte) error }).UnmarshalBinary(state)
}

// Every hash that the policy allows works, whether the hash can be cloned or not.
func TestHashesOfSignatures(t *testing.T) {
	e, f, lit, _ := fixture(t)
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512, crypto.SHA3_256, crypto.SHA3_512} {
		sig := signaturePacket(t, partner(), body, func(s *packet.Signature) { s.Hash = h })
		later := signaturePacket(t, partner(), body, func(s *packet.Signature) { s.Hash, s.CreationTime = h, s.CreationTime.Add(time.Second) })
		m := open(t, e, f.message(lit, sig, later, sig))
		require.Len(t, m.Signers, 2, "what is said twice counts once")
		assert.NotZero(t, m.Signers[0].Digest)
	}
}

// A signature of version 6 must be announced with its own salt, if it is announced.
func TestSaltIsThatOfTheOnePassSignature(t *testing.T) {
	k := v6Key(t, "salty", packet.AEADModeOCB)
	private := entity(t, k).PrivateKey
	e := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(k))})
	f := newForger(t, bank())
	var salt []byte
	sig := signatureBy(t, private, body, func(s *packet.Signature) { s.Hash, s.IssuerKeyId = crypto.SHA512, nil })
	parsed, err := packet.Read(bytes.NewReader(sig))
	require.NoError(t, err)
	salt = parsed.(*packet.Signature).Salt()
	onePass := func(salt []byte) []byte {
		var b bytes.Buffer
		require.NoError(t, (&packet.OnePassSignature{Version: 6, Hash: crypto.SHA512, PubKeyAlgo: private.PubKeyAlgo, Salt: salt,
			KeyFingerprint: private.Fingerprint, IsLast: true}).Serialize(&b))
		return b.Bytes()
	}
	open(t, e, f.message(onePass(salt), literalPacket(body), sig))
	open(t, e, f.message(literalPacket(body), sig))
	open(t, e, f.message(sig, literalPacket(body)))
	rejected(t, e, f.message(onePass(make([]byte, 32)), literalPacket(body), sig), envelope.BadSignature)
	rejected(t, e, f.message(onePassPacket(7), literalPacket(body), sig), envelope.BadSignature)
}

// Bound is of each signer, and of the message only if it is of all that count.
func TestBoundIsNotLent(t *testing.T) {
	a, b := newKey(t, "A <a@a.example>"), newKey(t, "B <b@b.example>")
	ours := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(a), public(b))})
	f := newForger(t, bank())
	us := entity(t, public(bank())).PrimaryKey.Fingerprint
	for_ := func(k *pgp.Key) []byte {
		return signaturePacket(t, k, body, func(s *packet.Signature) {
			s.IntendedRecipients = []*packet.Recipient{{KeyVersion: 4, Fingerprint: us}}
		})
	}
	m := open(t, ours, f.message(literalPacket(body), signaturePacket(t, a, body, nil), for_(b)))
	assert.False(t, m.Bound)
	assert.Equal(t, []bool{false, true}, []bool{m.Signers[0].Bound, m.Signers[1].Bound})
	assert.True(t, open(t, ours, f.message(literalPacket(body), for_(a), for_(b))).Bound)
}

// What the operator is told quotes nothing that was decrypted.
func TestCausesQuoteNothingDecrypted(t *testing.T) {
	f := newForger(t, bank())
	secret := "DE89370400440532013000"
	note := func(name, value string, critical bool) []byte {
		return signaturePacket(t, partner(), body, func(s *packet.Signature) {
			s.Notations = []*packet.Notation{{Name: name, Value: []byte(value), IsCritical: critical, IsHumanReadable: true}}
		})
	}
	e := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner())), OpenContext: "order"})
	for _, sealed := range [][]byte{
		f.message(literalPacket(body), note(secret+"@example.org", "x", true)),
		f.message(literalPacket(body), note("context@sealwax.github.io", secret, false)),
	} {
		_, err := e.Open(t.Context(), sealed)
		oe, ok := errors.AsType[*envelope.OpenError](err)
		require.True(t, ok)
		require.Error(t, oe.Cause())
		assert.NotContains(t, oe.Cause().Error(), secret)
	}
}

// A message that names a component of ours that does not decrypt is not one that
// names no key of ours.
func TestNamedComponentThatDoesNotDecrypt(t *testing.T) {
	ours, _ := conversation(t, bankRSA(), partner())
	primary := entity(t, public(bankRSA())).PrimaryKey
	var session bytes.Buffer
	require.NoError(t, packet.SerializeEncryptedKeyAEAD(&session, primary, packet.CipherAES256, false, bytes.Repeat([]byte{7}, 32), nil))
	sealed := append(session.Bytes(), newForger(t, bankRSA()).seipd(literalPacket(body), signaturePacket(t, partner(), body, nil))...)
	oe := rejected(t, ours, sealed, envelope.NotForUs)
	assert.ErrorContains(t, oe.Cause(), "does not decrypt")
	assert.ErrorContains(t, oe.Cause(), string(bankRSA().Info().ID))
	assert.NotContains(t, oe.Cause().Error(), "no key of ours")
}

// What is wrong with a body is said alike by Open and OpenTo, before any key is used.
func TestBodiesAreExplained(t *testing.T) {
	ours := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner()))})
	theirs := newEnvelope(t, pgp.Config{Own: active(t, partner()), Peer: active(t, public(bank())), Encoding: pgp.Armor})
	text := string(seal(t, theirs, body))
	binary := seal(t, newEnvelope(t, pgp.Config{Own: active(t, partner()), Peer: active(t, public(bank())), Encoding: pgp.Binary}), body)
	var utf8 strings.Builder
	for _, c := range binary {
		utf8.WriteRune(rune(c))
	}
	for in, want := range map[string]string{
		"\xef\xbb\xbf" + text:                      "byte order mark",
		"Dear bank,\n\n" + text:                    "text stands before the ASCII armor",
		text + "\nRegards":                         "text after its end",
		`"` + strings.ReplaceAll(text, "\n", `\n`): "JSON string",
		strings.ReplaceAll(text, "\n", `\n`):       "spelled out",
		utf8.String():                              "turned into text",
		strings.Replace(text, "\n\n", "\n", 1):     "no empty line",
		"-----BEGIN CERTIFICATE-----\nMIIB":        "X.509",
	} {
		oe := rejected(t, ours, []byte(in), envelope.Malformed)
		assert.ErrorContains(t, oe.Cause(), want)
	}
}

// Faults of the source of OpenTo are ours: they are no rejections.
func TestOpenToFaultsOfTheSource(t *testing.T) {
	ours, theirs := conversation(t, bank(), partner())
	sealed := seal(t, theirs, octets(300<<10))
	fault := errors.New("disk on fire")
	seeks := 0
	count := &seekFault{ReadSeeker: bytes.NewReader(sealed), at: math.MaxInt, seeks: &seeks}
	_, err := ours.OpenTo(t.Context(), io.Discard, count)
	require.NoError(t, err)
	require.GreaterOrEqual(t, seeks, 5)
	for at := range seeks {
		n := 0
		_, err := ours.OpenTo(t.Context(), io.Discard, &seekFault{bytes.NewReader(sealed), at, &n, fault})
		assert.ErrorIs(t, err, fault, "seek %d", at)
		assert.NotErrorIs(t, err, envelope.ErrRejected)
	}
	for name, r := range map[string]io.ReadSeeker{
		"an error":    &readFault{bytes.NewReader(sealed), iotest.ErrReader(fault)},
		"no progress": &readFault{bytes.NewReader(sealed), idle{}},
		"it shrinks":  &readFault{bytes.NewReader(sealed), bytes.NewReader(sealed[:len(sealed)-1])},
		"it is gone":  &readFault{bytes.NewReader(sealed), bytes.NewReader(nil)},
	} {
		_, err := ours.OpenTo(t.Context(), io.Discard, r)
		require.Error(t, err, name)
		assert.NotErrorIs(t, err, envelope.ErrRejected, name)
	}
	// What is appended while it is read does not count.
	open(t, ours, sealed)
}

type seekFault struct {
	io.ReadSeeker
	at    int
	seeks *int
	err   error
}

func (s *seekFault) Seek(offset int64, whence int) (int64, error) {
	*s.seeks++
	if *s.seeks-1 == s.at {
		return 0, s.err
	}
	return s.ReadSeeker.Seek(offset, whence)
}

// readFault seeks in one reader, and reads from another.
type readFault struct {
	io.Seeker
	io.Reader
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// MaxSize limits what is sealed as well as what is opened.
func TestMaxSizeOfSeal(t *testing.T) {
	ours := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner())), MaxSize: 100})
	theirs := newEnvelope(t, pgp.Config{Own: active(t, partner()), Peer: active(t, public(bank())), MaxSize: 100})
	most := bytes.Repeat([]byte("x"), 100)
	open(t, theirs, seal(t, ours, most))
	open(t, theirs, sealTo(t, ours, most))
	_, err := ours.Seal(t.Context(), append(most, 'x'))
	assert.ErrorContains(t, err, "larger than MaxSize")
	assert.ErrorContains(t, ours.SealTo(t.Context(), io.Discard, bytes.NewReader(append(most, 'x'))), "larger than MaxSize")
}

// A literal above 4 GiB has no length that Seal could write: an error, and not a
// length that is cut.
func TestSealAbove4GiB(t *testing.T) {
	if math.MaxInt == math.MaxInt32 {
		t.Skip("there is no such payload on 32 bits")
	}
	ours := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner())), MaxSize: 1 << 40})
	size := int64(1) << 32
	payload := make([]byte, size) // never touched
	_, err := ours.Seal(t.Context(), payload)
	assert.ErrorContains(t, err, "4 GiB")
	_, err = ours.Seal(t.Context(), payload[:size-8])
	assert.ErrorContains(t, err, "4 GiB", "the data around it is larger")
}

// Session keys of version 3 go with version 1 of the data, and of version 6 with
// version 2.
func TestDataAndSessionKeysOfOneVersion(t *testing.T) {
	k := readsAEAD(t, "aead", packet.AEADModeOCB)
	ours := newEnvelope(t, pgp.Config{Own: active(t, k), Peer: active(t, public(partner()))})
	theirs := newEnvelope(t, pgp.Config{Own: active(t, partner()), Peer: active(t, public(k)), Encoding: pgp.Binary})
	sealed := seal(t, theirs, body)
	f := newForger(t, k)
	second := bytes.LastIndex(sealed, []byte{2, 9, 2}) // the data, behind its header
	head := sealed[second-2 : second]                  // 0xd2, and a length of one byte or the second of two
	require.Contains(t, []byte{head[0], sealed[second-3]}, byte(0xd2))
	at := bytes.LastIndexByte(sealed[:second], 0xd2)
	for _, m := range [][]byte{
		append(f.pkesk(), sealed[at:]...),
		append(bytes.Clone(sealed[:at]), f.seipd(literalPacket(body))...),
	} {
		oe := rejected(t, ours, m, envelope.NotForUs)
		assert.ErrorContains(t, oe.Cause(), "does not go with its encrypted data")
	}
	open(t, ours, sealed)
}

// A call that is given up ends while it decompresses, and is no rejection.
func TestCancelledWhileDecompressing(t *testing.T) {
	e, f, _, _ := fixture(t)
	payload := octets(8 << 20)
	sealed := f.message(compressed(2, append(literalPacket(payload), signaturePacket(t, partner(), payload, nil)...)))
	asked := &askedContext{Context: t.Context(), left: math.MaxInt}
	_, err := e.Open(asked, sealed)
	require.NoError(t, err)
	require.Greater(t, math.MaxInt-asked.left, 100, "ctx is asked for each block")
	asked.left = 50
	_, err = e.Open(asked, sealed)
	assert.ErrorIs(t, err, context.Canceled)
	assert.NotErrorIs(t, err, envelope.ErrRejected)
	asked.left = 400 // in a later pass
	_, err = e.OpenTo(asked, io.Discard, bytes.NewReader(sealed))
	assert.ErrorIs(t, err, context.Canceled)
	assert.NotErrorIs(t, err, envelope.ErrRejected)
}

// An askedContext ends after it was asked so often.
type askedContext struct {
	context.Context
	left int
}

func (c *askedContext) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}
