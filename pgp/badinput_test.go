package pgp_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// A hostile message, and why it is rejected.
type hostile struct {
	name   string
	sealed []byte
	want   envelope.Reason
}

// splitPackets returns the packets of a message with definite lengths, as Seal
// writes those before the encrypted data.
func splitPackets(t testing.TB, binary []byte) (sessions [][]byte, data []byte) {
	for binary[0] == 0xc1 {
		n, head := int(binary[1]), 2
		if n >= 192 {
			n, head = (n-192)<<8+int(binary[2])+192, 3
		}
		sessions = append(sessions, binary[:head+n])
		binary = binary[head+n:]
	}
	require.Equal(t, byte(0xd2), binary[0])
	return sessions, binary
}

func flip(in []byte, at int) []byte {
	out := bytes.Clone(in)
	out[at] ^= 0x04
	return out
}

func compressed(algorithm byte, packets []byte) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	w.Write(packets)
	w.Close()
	return rawPacket(8, append([]byte{algorithm}, b.Bytes()...))
}

// hostileMessages is the table of messages that must not open. Each is one
// defect away from a message that does.
func hostileMessages(t testing.TB, ours, theirs *pgp.Key) []hostile {
	toUs := newEnvelope(t, pgp.Config{Own: active(t, theirs), Peer: active(t, public(ours)), Encoding: pgp.Binary})
	good := seal(t, toUs, body)
	sessions, data := splitPackets(t, good)
	f := newForger(t, ours)
	sig := signaturePacket(t, theirs, body, nil)
	lit := literalPacket(body)
	signed := func(change func(*packet.Signature)) []byte {
		return f.message(lit, signaturePacket(t, theirs, body, change))
	}
	revoked := revokedPartner()
	stranger := newKey(t, "stranger")

	list := []hostile{
		{"empty", nil, envelope.Malformed},
		{"one byte", []byte{0xc1}, envelope.Malformed},
		{"one letter", []byte("A"), envelope.Malformed},
		{"white space", []byte(" \r\n"), envelope.Malformed},
		{"not base64", []byte("{\"not\": \"base64\"}"), envelope.Malformed},
		{"a JWE", []byte("eyJhbGciOiJSU0EtT0FFUC0yNTYiLCJlbmMiOiJBMjU2R0NNIn0.AA.AA.AA.AA"), envelope.Malformed},
		{"zeros", make([]byte, 100), envelope.Malformed},
		{"base64 of text", []byte(base64.StdEncoding.EncodeToString([]byte("hello, world"))), envelope.Malformed},
		{"a public key", mustCertificate(t, theirs), envelope.Malformed},
		{"session key alone", sessions[0], envelope.Malformed},
		{"data alone", data, envelope.NotForUs},
		{"message twice", append(bytes.Clone(good), good...), envelope.Malformed},
		{"garbage after", append(bytes.Clone(good), 0), envelope.Malformed},
		{"literal after", append(bytes.Clone(good), lit...), envelope.Malformed},
		{"signature after", append(bytes.Clone(good), sig...), envelope.Malformed},
		{"session key after the data", append(bytes.Clone(data), sessions[0]...), envelope.Malformed},
		{"length beyond the end", append([]byte{0xd2, 255, 0xff, 0xff, 0xff, 0xff}, data...), envelope.Malformed},
		{"huge header", append(bytes.Repeat(rawPacket(21, make([]byte, 100)), 1000), good...), envelope.Malformed},
		{"unknown critical packet", append(rawPacket(39, nil), good...), envelope.Malformed},
		{"encrypted to a password", append(rawPacket(3, []byte{4, 9, 3, 8, 1, 2, 3, 4, 5, 6, 7, 8, 96}), data...), envelope.NotForUs},

		{"literal only", lit, envelope.Malformed},
		{"signed only", append(bytes.Clone(lit), sig...), envelope.Malformed},
		{"signed only, compressed", compressed(2, append(bytes.Clone(lit), sig...)), envelope.Malformed},
		{"encrypted, then signed", append(rawPacket(4, make([]byte, 13)), good...), envelope.Malformed},

		{"unsigned", f.message(lit), envelope.Unsigned},
		{"unsigned, compressed", f.message(compressed(2, lit)), envelope.Unsigned},
		{"signature without literal", f.message(sig), envelope.Malformed},
		{"two literals", f.message(lit, lit, sig), envelope.Malformed},
		{"encrypted twice", f.message(good), envelope.Malformed},
		{"compressed twice", f.message(compressed(2, compressed(2, append(bytes.Clone(lit), sig...)))), envelope.Malformed},
		{"compression damaged", f.message(rawPacket(8, []byte{2, 1, 2, 3})), envelope.Malformed},
		{"compression unknown", f.message(rawPacket(8, []byte{9, 1, 2, 3})), envelope.Malformed},
		{"literal cut", f.message(rawPacket(11, []byte{'b', 200, 0})), envelope.Malformed},
		{"empty inside", f.message(), envelope.Malformed},
		{"user ID inside", f.message(lit, sig, rawPacket(13, []byte("x"))), envelope.Malformed},
		{"garbage inside", f.message(lit, sig, []byte{1, 2, 3}), envelope.Malformed},

		{"signature over other bytes", f.message(literalPacket([]byte("pay me")), sig), envelope.BadSignature},
		{"signature damaged", f.message(lit, flip(sig, len(sig)-3)), envelope.BadSignature},
		{"signature of nothing", f.message(lit, rawPacket(2, nil)), envelope.BadSignature},
		{"signature of an unknown version", f.message(lit, rawPacket(2, append([]byte{10}, sig[10:]...))), envelope.Forbidden},
		{"signed by a stranger", f.message(lit, signaturePacket(t, stranger, body, nil)), envelope.UnknownSigner},
		{"signed by a revoked key", f.message(lit, signaturePacket(t, revoked, body, nil)), envelope.RevokedSigner},
		{"signed by ourselves", f.message(lit, signaturePacket(t, ours, body, nil)), envelope.Misdirected},
		{"signed with the encryption subkey", f.message(lit, mislabelled(t, theirs, stranger)), envelope.Forbidden},
		{"signed under SHA-1", signed(func(s *packet.Signature) { s.Hash = 3 }), envelope.Forbidden},
		{"signed under SHA-224", signed(func(s *packet.Signature) { s.Hash = 4 }), envelope.Forbidden},
		{"signed as text", f.message(literalPacket([]byte("a\nb")), signaturePacket(t, theirs, []byte("a\r\nb"),
			func(s *packet.Signature) { s.SigType = packet.SigTypeText })), envelope.Forbidden},
		{"signature of another type", signed(func(s *packet.Signature) { s.SigType = packet.SigTypeDirectSignature }), envelope.Forbidden},
		{"unknown critical notation", signed(func(s *packet.Signature) {
			s.Notations = []*packet.Notation{{Name: "x@y.example", Value: []byte("1"), IsCritical: true}}
		}), envelope.Forbidden},
		{"signed tomorrow", signed(func(s *packet.Signature) { s.CreationTime = time.Now().Add(24 * time.Hour) }), envelope.OutOfTime},
		{"signed before the key was made", signed(func(s *packet.Signature) { s.CreationTime = time.Now().Add(-24 * time.Hour) }), envelope.OutOfTime},
		{"signature expired", signed(func(s *packet.Signature) {
			s.CreationTime, s.SigLifetimeSecs = time.Now().Add(-6*time.Minute), ptr(uint32(1))
		}), envelope.OutOfTime},
		{"signed for somebody else", signed(func(s *packet.Signature) {
			s.IntendedRecipients = []*packet.Recipient{{KeyVersion: 4, Fingerprint: bytes.Repeat([]byte{1}, 20)}}
		}), envelope.Misdirected},

		{"for somebody else", newForger(t, stranger).message(lit, sig), envelope.NotForUs},
		{"for a revoked key of ours", newForger(t, public(revokedOwn())).message(lit, sig), envelope.RevokedRecipient},
		{"hidden, for somebody else", func() []byte {
			g := newForger(t, stranger)
			g.hidden = true
			return g.message(lit, sig)
		}(), envelope.NotForUs},
		{"without integrity protection", append(f.pkesk(), rawPacket(9, data[3:])...), envelope.Forbidden},
		{"integrity of version 9", append(f.pkesk(), rawPacket(18, []byte{9, 1, 2, 3})...), envelope.Malformed},
		{"encrypted with CAST5", weakCipher(t, ours, packet.CipherCAST5), envelope.Forbidden},
		{"encrypted with TripleDES", weakCipher(t, ours, packet.Cipher3DES), envelope.Forbidden},
		{"too large", bytes.Repeat([]byte("A"), 8<<20), envelope.TooLarge},
		{"decompression bomb", f.message(compressed(2, literalPacket(make([]byte, 2<<20)))), envelope.TooLarge},
		{"our own message", seal(t, newEnvelope(t, pgp.Config{Own: active(t, ours), Peer: active(t, public(ours))}), body), envelope.Misdirected},
	}
	for i := 0; i < len(good); i += 1 + len(good)/40 {
		want := envelope.Malformed
		if i == 0 {
			continue
		}
		list = append(list, hostile{fmt.Sprintf("cut after %d bytes", i), good[:i], want})
	}
	for i := 0; i < len(sessions[0]); i += 5 {
		want := envelope.NotForUs
		if i < 2 {
			want = "" // the header: what it becomes depends on the bit
		}
		list = append(list, hostile{fmt.Sprintf("bit flipped in session key, byte %d", i),
			append(flip(sessions[0], i), data...), want})
	}
	head := bytes.IndexByte(data, 1) // the version, after the length
	for i := head + 1; i < len(data); i += 1 + len(data)/30 {
		list = append(list, hostile{fmt.Sprintf("bit flipped in data, byte %d", i),
			append(bytes.Clone(sessions[0]), flip(data, i)...), envelope.Corrupt})
	}
	return list
}

func ptr[T any](v T) *T { return &v }

func mustCertificate(t testing.TB, k *pgp.Key) []byte {
	var b bytes.Buffer
	require.NoError(t, k.WriteCertificate(&b))
	return b.Bytes()
}

// mislabelled is a signature that claims to be by the encryption subkey of k.
func mislabelled(t testing.TB, k, by *pgp.Key) []byte {
	sub := entity(t, k).Subkeys[0].PublicKey
	e := entity(t, by)
	priv := *e.PrivateKey
	priv.Fingerprint, priv.KeyId = sub.Fingerprint, sub.KeyId
	return signatureBy(t, &priv, body, nil)
}

func weakCipher(t testing.TB, to *pgp.Key, c packet.CipherFunction) []byte {
	f := newForger(t, to)
	f.cipher = packet.CipherAES128
	data := f.seipd(literalPacket(body))
	f.cipher = c
	return append(f.pkesk(), data...)
}

// Keys that are revoked in the sets of the test.
var (
	revokedOwn     = keyOnce("revoked own", pgp.Curve25519)
	revokedPartner = keyOnce("revoked partner", pgp.Curve25519)
)

func TestHostileMessages(t *testing.T) {
	for name, keys := range map[string][2]*pgp.Key{"Curve25519": {bank(), partner()}, "RSA": {bankRSA(), partRSA()}} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := keys[0], keys[1]
			list := hostileMessages(t, ours, theirs)
			require.GreaterOrEqual(t, len(list), 40)

			own, err := keyset.New(1, keyset.Key{Material: ours, State: keyset.Active}, keyset.Key{Material: revokedOwn(), State: keyset.Revoked})
			require.NoError(t, err)
			peer, err := keyset.New(1, keyset.Key{Material: public(theirs), State: keyset.Active}, keyset.Key{Material: public(revokedPartner()), State: keyset.Revoked})
			require.NoError(t, err)
			rings := [2]*keyset.Ring{keyset.NewRing(own), keyset.NewRing(peer)}
			now := time.Now() // Open and OpenTo are to say the same of how late it is
			e := newEnvelope(t, pgp.Config{Own: rings[0], Peer: rings[1], MaxSize: 1 << 20, Now: func() time.Time { return now }})
			back := newEnvelope(t, pgp.Config{Own: active(t, theirs), Peer: active(t, public(ours))})
			next := seal(t, back, body)
			open(t, e, next)
			before, _ := rings[1].Usage(theirs.Info().ID)
			sets := [2]*keyset.Set{rings[0].Load(), rings[1].Load()}

			texts := map[string]bool{}
			for _, h := range list {
				copied := bytes.Clone(h.sealed)
				m, err := e.Open(context.Background(), h.sealed)
				require.Error(t, err, h.name)
				assert.Nil(t, m, h.name)
				oe, ok := errors.AsType[*envelope.OpenError](err)
				require.True(t, ok, "%s: %v", h.name, err)
				if h.want != "" {
					assert.Equal(t, h.want, oe.Reason, "%s: %v", h.name, oe.Cause())
				}
				var dst bytes.Buffer
				m, streamErr := e.OpenTo(context.Background(), &dst, bytes.NewReader(h.sealed))
				assert.Nil(t, m, h.name)
				assert.Zero(t, dst.Len(), h.name)
				streamed, ok := errors.AsType[*envelope.OpenError](streamErr)
				require.True(t, ok, "%s: OpenTo: %v", h.name, streamErr)
				assert.Equal(t, oe.Reason, streamed.Reason, "%s: OpenTo: %v", h.name, streamed.Cause())
				assert.Equal(t, fmt.Sprint(oe.Cause()), fmt.Sprint(streamed.Cause()), h.name)
				if oe.Cause() != nil {
					assert.NotContains(t, oe.Cause().Error(), "amount", h.name)
				}
				js, _ := json.Marshal(struct{ Err error }{err})
				texts[fmt.Sprintf("%v|%+v|%#v|%s|%q|%d|%x|%v|%s", err, err, err, err, fmt.Sprint(err), err, fmt.Sprint(err), *oe, js)] = true
				assert.Equal(t, copied, h.sealed, h.name)
			}
			assert.Len(t, texts, 1, "the errors can be told apart")

			after, _ := rings[1].Usage(theirs.Info().ID)
			assert.Equal(t, before, after, "a rejected message left a trace in the usage")
			assert.Equal(t, sets, [2]*keyset.Set{rings[0].Load(), rings[1].Load()})
			assert.Equal(t, body, open(t, e, next).Payload, "the next good message opens")
		})
	}
}

// The operator of a message for nobody here learns which keys were tried, and by
// our ID, where we know it, whom the message names.
func TestNotForUsSaysWhatWasTried(t *testing.T) {
	mine, retired, stranger := newKey(t, "mine"), newKey(t, "retired"), newKey(t, "stranger")
	own, err := keyset.New(1, keyset.Key{Material: mine, State: keyset.Active}, keyset.Key{Material: retired, State: keyset.Revoked})
	require.NoError(t, err)
	e := newEnvelope(t, pgp.Config{Own: own, Peer: active(t, public(partner()))})
	message := func(to *pgp.Key, hidden bool) []byte {
		f := newForger(t, to)
		f.hidden = hidden
		return f.message(literalPacket(body), signaturePacket(t, partner(), body, nil))
	}
	subkey := newForger(t, stranger).to.Subkeys[0].PublicKey
	for _, tt := range []struct {
		name   string
		sealed []byte
		reason envelope.Reason
		keys   []keyset.ID
		cause  string
	}{
		{"named stranger", message(stranger, false), envelope.NotForUs, []keyset.ID{keyset.ID(subkey.KeyIdString())}, "the message names no key of ours"},
		{"hidden stranger", message(stranger, true), envelope.NotForUs, []keyset.ID{mine.Info().ID}, "decrypts under no key of ours"},
		{"hidden and named", append(newForger(t, stranger).pkesk(), message(stranger, true)...), envelope.NotForUs,
			[]keyset.ID{mine.Info().ID, keyset.ID(subkey.KeyIdString())}, "decrypts under no key of ours"},
		{"revoked", message(retired, false), envelope.RevokedRecipient, []keyset.ID{retired.Info().ID}, "the message names a revoked key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			oe := rejected(t, e, tt.sealed, tt.reason)
			assert.Equal(t, tt.keys, oe.Keys)
			require.Error(t, oe.Cause())
			assert.Equal(t, tt.cause, oe.Cause().Error())
		})
	}
}
