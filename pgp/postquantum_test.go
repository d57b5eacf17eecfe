package pgp_test

import (
	"bytes"
	"context"
	"crypto"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	library "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

var (
	bankPQ = keyOnce("Example Bank <pq@bank.example>", pgp.PostQuantum)
	partPQ = keyOnce("Partner <pq@partner.example>", pgp.PostQuantum)
)

// reread writes a key and reads it again.
func reread(t testing.TB, k *pgp.Key) *pgp.Key {
	var b bytes.Buffer
	require.NoError(t, k.WriteInsecurePrivateKey(&b))
	again, err := pgp.ReadKey(&b)
	require.NoError(t, err)
	return again
}

func TestPostQuantumKey(t *testing.T) {
	k := bankPQ()
	info := k.Info()
	assert.Equal(t, "ML-DSA-65+Ed25519+ML-KEM-768+X25519", info.Algorithm)
	assert.Equal(t, keyset.Signing|keyset.Encryption, info.Use)
	assert.Len(t, string(info.ID), 64, "a fingerprint of version 6")
	assert.True(t, info.Subkey)
	assert.Equal(t, info.Use, info.PostQuantum)
	assert.Equal(t, "Example Bank <pq@bank.example>", info.Name)
	assert.False(t, info.NotAfter.IsZero())
	require.NoError(t, k.SelfTest(t.Context()))
	again := reread(t, k)
	assert.Equal(t, info, again.Info())
	assert.Equal(t, k.Digest(), again.Digest())

	more, err := k.WithNewSubkey(t.Context(), year)
	require.NoError(t, err)
	require.NoError(t, more.SelfTest(t.Context()))
	assert.Len(t, entity(t, more).Subkeys, 2)
	assert.Equal(t, info.Algorithm, more.Info().Algorithm)
}

// What a message is worth is told of each: whether every recipient that it names is
// post-quantum, and whether a signature is.
func TestWorthOfAMessage(t *testing.T) {
	beside, err := bankRSA().WithPostQuantumSubkey(t.Context(), year)
	require.NoError(t, err)
	const both = keyset.Signing | keyset.Encryption
	for name, tt := range map[string]struct {
		own, signers, to []*pgp.Key // to may hold keys of others
		want             keyset.Use
	}{
		"all":                       {[]*pgp.Key{bankPQ()}, []*pgp.Key{partPQ()}, []*pgp.Key{bankPQ()}, both},
		"signed by RSA":             {[]*pgp.Key{bankPQ()}, []*pgp.Key{partRSA()}, []*pgp.Key{bankPQ()}, keyset.Encryption},
		"signed by both":            {[]*pgp.Key{bankPQ()}, []*pgp.Key{partRSA(), partPQ()}, []*pgp.Key{bankPQ()}, both},
		"to RSA":                    {[]*pgp.Key{bankRSA()}, []*pgp.Key{partPQ()}, []*pgp.Key{bankRSA()}, keyset.Signing},
		"to a subkey beside RSA":    {[]*pgp.Key{beside}, []*pgp.Key{partPQ()}, []*pgp.Key{beside}, both},
		"to two of ours":            {[]*pgp.Key{bankPQ(), beside}, []*pgp.Key{partPQ()}, []*pgp.Key{bankPQ(), beside}, both},
		"to RSA of ours too":        {[]*pgp.Key{bankPQ(), bankRSA()}, []*pgp.Key{partPQ()}, []*pgp.Key{bankPQ(), bankRSA()}, keyset.Signing},
		"to somebody else too":      {[]*pgp.Key{bankPQ()}, []*pgp.Key{partPQ()}, []*pgp.Key{bankPQ(), third()}, keyset.Signing},
		"to a stranger who has one": {[]*pgp.Key{bankPQ()}, []*pgp.Key{partPQ()}, []*pgp.Key{bankPQ(), partPQ()}, keyset.Signing},
		"nothing":                   {[]*pgp.Key{bankRSA()}, []*pgp.Key{partRSA()}, []*pgp.Key{bankRSA()}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var to []*pgp.Key
			for _, k := range tt.to {
				to = append(to, public(k))
			}
			var sealedEvent, opened envelope.Event
			theirs := newEnvelope(t, pgp.Config{Own: active(t, tt.signers...), Peer: active(t, to...), Encoding: pgp.Binary,
				Observe: func(_ context.Context, e envelope.Event) { sealedEvent = e }})
			sealed := seal(t, theirs, body)
			var signers []*pgp.Key
			for _, k := range tt.signers {
				signers = append(signers, public(k))
			}
			e := newEnvelope(t, pgp.Config{Own: active(t, tt.own...), Peer: active(t, signers...), Observe: func(_ context.Context, e envelope.Event) { opened = e }})
			m := open(t, e, sealed)
			assert.Equal(t, tt.want, m.PostQuantum)
			assert.Equal(t, tt.want, opened.PostQuantum)
			assert.Equal(t, tt.want&keyset.Signing != 0, slices.ContainsFunc(m.Signers, func(u envelope.KeyUse) bool { return u.PostQuantum }))
			if name != "to a stranger who has one" { // who seals knows the key
				assert.Equal(t, tt.want, sealedEvent.PostQuantum)
			}

			// A password beside the recipients, or one that is hidden, is nobody's word.
			password := rawPacket(3, []byte{4, 9, 3, 8, 1, 2, 3, 4, 5, 6, 7, 8, 96})
			if m, err := e.Open(t.Context(), append(password, sealed...)); err == nil {
				assert.Equal(t, tt.want&keyset.Signing, m.PostQuantum)
			}
		})
	}
	// A session key that names the key of ML-KEM and is not for ML-KEM is worth nothing.
	sub := entity(t, bankPQ()).Subkeys[0].PublicKey
	misnamed := rawPacket(1, append(append(binary.BigEndian.AppendUint64([]byte{3}, sub.KeyId), 1, 8, 0), make([]byte, 256)...))
	f := newForger(t, bankPQ())
	f.hidden = true
	e := newEnvelope(t, pgp.Config{Own: active(t, bankPQ()), Peer: active(t, public(partPQ()))})
	assert.Equal(t, keyset.Signing, open(t, e, f.message(literalPacket(body), signaturePacket(t, partPQ(), body, nil))).PostQuantum, "a hidden recipient")
	f.hidden = false
	sealed := f.message(literalPacket(body), signaturePacket(t, partPQ(), body, nil))
	assert.Equal(t, both, open(t, e, sealed).PostQuantum)
	assert.Equal(t, keyset.Signing, open(t, e, append(misnamed, sealed...)).PostQuantum, "an RSA session key in its name")
}

// An envelope can demand it: a message that is worth less is not sealed, and not opened, and
// nothing is written of it.
func TestRequirePostQuantum(t *testing.T) {
	const both = keyset.Signing | keyset.Encryption
	for name, tt := range map[string]struct {
		demand      keyset.Use
		signers, to []*pgp.Key
		holds       bool
	}{
		"all":                         {both, []*pgp.Key{partPQ()}, []*pgp.Key{bankPQ()}, true},
		"one of two signatures":       {both, []*pgp.Key{partPQ(), partRSA()}, []*pgp.Key{bankPQ()}, true},
		"an RSA signature":            {both, []*pgp.Key{partRSA()}, []*pgp.Key{bankPQ()}, false},
		"to RSA too":                  {both, []*pgp.Key{partPQ()}, []*pgp.Key{bankPQ(), bankRSA()}, false},
		"to RSA, nobody minds":        {keyset.Signing, []*pgp.Key{partPQ()}, []*pgp.Key{bankRSA()}, true},
		"signed by RSA, nobody minds": {keyset.Encryption, []*pgp.Key{partRSA()}, []*pgp.Key{bankPQ()}, true},
	} {
		t.Run(name, func(t *testing.T) {
			certificates := func(keys []*pgp.Key) (out []*pgp.Key) {
				for _, k := range keys {
					out = append(out, public(k))
				}
				return out
			}
			demanding := newEnvelope(t, pgp.Config{Own: active(t, tt.signers...), Peer: active(t, certificates(tt.to)...), RequirePostQuantum: tt.demand})
			var dst bytes.Buffer
			_, err := demanding.Seal(t.Context(), body)
			streamed := demanding.SealTo(t.Context(), &dst, bytes.NewReader(body))
			if tt.holds {
				assert.NoError(t, err)
				assert.NoError(t, streamed)
			} else {
				assert.ErrorIs(t, err, envelope.ErrNoKey)
				assert.ErrorContains(t, err, "RequirePostQuantum")
				assert.ErrorIs(t, streamed, envelope.ErrNoKey)
				assert.Zero(t, dst.Len(), "something was written")
			}
			lax := newEnvelope(t, pgp.Config{Own: active(t, tt.signers...), Peer: active(t, certificates(tt.to)...)})
			e := newEnvelope(t, pgp.Config{Own: active(t, tt.to...), Peer: active(t, certificates(tt.signers)...), RequirePostQuantum: tt.demand})
			if sealed := seal(t, lax, body); tt.holds {
				open(t, e, sealed)
			} else {
				rejected(t, e, sealed, envelope.Forbidden)
			}
		})
	}
	for _, c := range []pgp.Config{{RequirePostQuantum: 4}, {RequirePostQuantum: keyset.Signing, Waive: []envelope.Waiver{pgp.InsecureUnsigned("test")}}} {
		c.Own, c.Peer = active(t, bankPQ()), active(t, public(partPQ()))
		_, err := pgp.New(c)
		assert.ErrorContains(t, err, "RequirePostQuantum")
	}
}

func TestPostQuantumMessages(t *testing.T) {
	for name, pair := range map[string][2]*pgp.Key{"both": {bankPQ(), partPQ()}, "to one that is not": {bankPQ(), partner()}, "by one that is not": {bank(), partPQ()}} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := conversation(t, pair[0], pair[1])
			sealed := seal(t, ours, body)
			m := open(t, theirs, sealed)
			assert.Equal(t, body, m.Payload)
			require.Len(t, m.Signers, 1)
			assert.True(t, m.Bound)
			outline, err := pgp.Inspect(sealed)
			require.NoError(t, err)
			if name != "to one that is not" {
				assert.Equal(t, []string{"ML-KEM-768+X25519"}, outline.Algorithms)
				assert.Equal(t, "ML-KEM-768+X25519", m.Decrypter.Algorithm)
			}
			if name != "by one that is not" {
				assert.Equal(t, "ML-DSA-65+Ed25519/SHA-384", m.Signers[0].Algorithm)
			}
		})
	}
}

// A certificate of version 4 gets a subkey beside that of RSA: whoever knows it encrypts to
// it, and both open.
func TestPostQuantumSubkeyBesideRSA(t *testing.T) {
	old := bankRSA()
	k, err := old.WithPostQuantumSubkey(t.Context(), year)
	require.NoError(t, err)
	require.NoError(t, k.SelfTest(t.Context()))
	assert.Equal(t, old.Info().ID, k.Info().ID)
	assert.Equal(t, "RSA-3072+ML-KEM-768+X25519", k.Info().Algorithm)
	assert.Equal(t, keyset.Encryption, k.Info().PostQuantum)
	assert.Zero(t, old.Info().PostQuantum)
	k = reread(t, k)
	theirs := newEnvelope(t, pgp.Config{Own: active(t, partner()), Peer: active(t, public(k))})
	sealed := seal(t, theirs, body)
	outline, err := pgp.Inspect(sealed)
	require.NoError(t, err)
	assert.Equal(t, []string{"ML-KEM-768+X25519"}, outline.Algorithms)
	e := newEnvelope(t, pgp.Config{Own: active(t, k), Peer: active(t, public(partner()))})
	assert.Equal(t, body, open(t, e, sealed).Payload)
	former := newEnvelope(t, pgp.Config{Own: active(t, partner()), Peer: active(t, public(old))})
	assert.Equal(t, body, open(t, e, seal(t, former, body)).Payload, "a partner that does not know it")

	// RSA that is made later is not preferred to it.
	newer, err := k.WithNewSubkey(t.Context(), year)
	require.NoError(t, err)
	assert.Equal(t, "RSA-3072+ML-KEM-768+X25519", newer.Info().Algorithm)

	_, err = public(k).WithPostQuantumSubkey(t.Context(), year)
	assert.Error(t, err, "nobody can bind a subkey without the primary key")
}

// A binding under SHA-1 never makes a post-quantum subkey, whatever is waived.
func TestPostQuantumSubkeyUnderSHA1(t *testing.T) {
	k, err := bankRSA().WithPostQuantumSubkey(t.Context(), year)
	require.NoError(t, err)
	e := entity(t, k)
	for _, s := range e.Subkeys {
		binding := s.Bindings[0].Packet
		binding.Hash, binding.Notations = crypto.SHA1, nil
		require.NoError(t, binding.SignKey(s.PublicKey, e.PrivateKey, &packet.Config{NonDeterministicSignaturesViaNotation: ptr(false)}))
	}
	weak := readEntity(t, e)
	for _, waived := range [][]envelope.Waiver{nil, {pgp.InsecureSHA1Certificates("test")}} {
		theirs, err := pgp.New(pgp.Config{Own: active(t, partner()), Peer: active(t, public(weak)), Waive: waived})
		if err != nil {
			continue
		}
		sealed, err := theirs.Seal(t.Context(), body)
		if err != nil {
			assert.ErrorIs(t, err, envelope.ErrNoKey)
			continue
		}
		outline, err := pgp.Inspect(sealed)
		require.NoError(t, err)
		assert.Equal(t, []string{"RSA"}, outline.Algorithms)
	}
}

// SLH-DSA signatures are long, and verify. As many of them as are looked at do not exceed
// what a message may have around its payload.
func TestSLHDSA(t *testing.T) {
	made, err := library.NewEntity("Partner", "", "slh@partner.example", &packet.Config{V6Keys: true, Algorithm: packet.PubKeyAlgoSlhdsaShake128f})
	require.NoError(t, err)
	k := readEntity(t, made)
	e := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(k)), MaxSize: 1 << 10})
	sig := signaturePacket(t, k, body, func(s *packet.Signature) { s.Hash = crypto.SHA512 })
	f, lit := newForger(t, bank()), literalPacket(body)
	m := open(t, e, f.message(lit, sig))
	require.Len(t, m.Signers, 1)
	assert.Equal(t, "SLH-DSA-SHAKE-128f/SHA-512", m.Signers[0].Algorithm)
	rejected(t, e, f.message(lit, flip(sig, len(sig)/2)), envelope.BadSignature)
	open(t, e, f.message(append([][]byte{lit}, slices.Repeat([][]byte{sig}, 32)...)...))
}

// Signatures that cost much are verified less often: of those that name no key, each asks for
// a verification with every key that fits.
func TestWorkIsBoundedByCost(t *testing.T) {
	brainpool := &packet.Config{Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveBrainpoolP512}
	cases := map[string]struct {
		config *packet.Config
		opens  int // so many keys, of which the last one signed
	}{
		"brainpoolP512r1": {brainpool, 2}, "Ed25519": {&packet.Config{Algorithm: packet.PubKeyAlgoEd25519}, 10},
	}
	if boring { // it refuses such a certificate: TestCertificateOnBrainpool
		delete(cases, "brainpoolP512r1")
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var trusted []*pgp.Key
			var private []packet.PrivateKey
			for range 10 {
				made, err := library.NewEntity("Partner", "", "many@partner.example", c.config)
				require.NoError(t, err)
				var b bytes.Buffer
				require.NoError(t, made.Serialize(&b))
				k, err := pgp.ReadKey(&b)
				require.NoError(t, err)
				trusted, private = append(trusted, k), append(private, *made.PrivateKey)
			}
			f, lit := newForger(t, bank()), literalPacket(body)
			e := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, trusted...)})
			for n, k := range private {
				k.KeyId, k.Fingerprint = 0, nil // names no key
				sealed := f.message(lit, signatureBy(t, &k, body, func(s *packet.Signature) { s.Hash = crypto.SHA512 }))
				fresh := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, trusted...)}) // knows no signer
				if n < c.opens {
					assert.Equal(t, trusted[n].Info().ID, open(t, fresh, sealed).Signers[0].ID)
				} else {
					assert.ErrorContains(t, rejected(t, e, sealed, envelope.TooLarge).Cause(), "verifications")
				}
			}
		})
	}
}

// Both halves of a signature have to hold: a message with one of them damaged is not
// signed.
func TestHalfACompositeSignature(t *testing.T) {
	e := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(partPQ()))})
	f := newForger(t, bank())
	lit := literalPacket(body)
	sig := signaturePacket(t, partPQ(), body, nil)
	open(t, e, f.message(lit, sig))
	const ed, mldsa = 64, 3309 // octets, RFC 9980, Section 4.1
	for what, at := range map[string]int{
		"the first octet of Ed25519": len(sig) - mldsa - ed, "the last octet of Ed25519": len(sig) - mldsa - 1,
		"the first octet of ML-DSA": len(sig) - mldsa, "the last octet of ML-DSA": len(sig) - 1,
	} {
		t.Run(what, func(t *testing.T) { rejected(t, e, f.message(lit, flip(sig, at)), envelope.BadSignature) })
	}
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA512} {
		open(t, e, f.message(lit, signaturePacket(t, partPQ(), body, func(s *packet.Signature) { s.Hash = h })))
	}
	for _, short := range [][]byte{sig[:len(sig)-1], sig[:len(sig)-mldsa]} {
		body := append([]byte{}, short[headerOf(t, short):]...)
		rejected(t, e, f.message(lit, rawPacket(2, body)), envelope.BadSignature)
	}
}

// headerOf is the length of the header of a packet in the new format.
func headerOf(t testing.TB, p []byte) int {
	switch {
	case p[0]&0x40 == 0:
		t.Fatal("a packet in the old format")
	case p[1] < 192:
		return 2
	case p[1] < 224:
		return 3
	}
	return 6
}

// Whatever is changed in a session key, no key of ours decrypts it, and nothing says how far
// decryption came: a bad ciphertext of ML-KEM gives a key (FIPS 203, implicit rejection).
func TestDamagedMLKEM(t *testing.T) {
	_, theirs := conversation(t, bankPQ(), partPQ())
	ours := newEnvelope(t, pgp.Config{Own: active(t, bankPQ()), Peer: active(t, public(partPQ())), Encoding: pgp.Binary})
	sessions, data := splitPackets(t, seal(t, ours, body))
	require.Len(t, sessions, 1)
	s := sessions[0]
	head := headerOf(t, s) + 2 + 33 + 1 // version, length, version and fingerprint, algorithm
	for what, at := range map[string]int{
		"X25519, first": head, "X25519, last": head + 31, "ML-KEM, first": head + 32, "ML-KEM, last": head + 32 + 1087, "wrapped, last": len(s) - 1,
	} {
		t.Run(what, func(t *testing.T) {
			rejected(t, theirs, append(flip(s, at), data...), envelope.NotForUs)
		})
	}
}

// The one other program that has RFC 9980 reads what we make, and makes what we read: keys of
// version 6, subkeys beside an older key in version 4, one recipient and several, of which
// some are not post-quantum.
func TestProtonOpenPGPJS(t *testing.T) {
	js := openpgpjs(t, "@protontech/openpgp")
	theirs := map[string]*pgp.Key{}
	for _, kind := range []string{"pqc", "besidePQC", "rsa"} {
		k, err := pgp.ReadKey(strings.NewReader(js(jsJob{Op: "generate", Kind: kind}).Key))
		require.NoError(t, err, kind)
		require.NoError(t, k.SelfTest(t.Context()), kind)
		theirs[kind] = k
	}
	assert.Equal(t, "ML-DSA-65+Ed25519+ML-KEM-768+X25519", theirs["pqc"].Info().Algorithm)
	assert.Equal(t, "Ed25519+ML-KEM-768+X25519", theirs["besidePQC"].Info().Algorithm)
	beside, err := bankRSA().WithPostQuantumSubkey(t.Context(), year)
	require.NoError(t, err)
	ours := map[string]*pgp.Key{"v6": bankPQ(), "beside RSA": beside, "Curve25519": bank()}
	opened, openedByIt := 0, 0
	t.Cleanup(func() {
		interop(t, "Proton's OpenPGP.js", "RFC 9980: ML-DSA-65+Ed25519, ML-KEM-768+X25519 in keys of version 6, and beside RSA and Curve25519 in version 4; up to 3 recipients", opened, openedByIt)
	})
	pick := func(m map[string]*pgp.Key, names []string) (keys []*pgp.Key, armored []string) {
		for _, n := range names {
			keys = append(keys, m[n])
			armored = append(armored, armoredPrivate(t, m[n]))
		}
		return keys, armored
	}
	certificates := func(keys []*pgp.Key) (publics []*pgp.Key, armored []string) {
		for _, k := range keys {
			publics = append(publics, public(k))
			armored = append(armored, string(mustCertificate(t, k)))
		}
		return publics, armored
	}
	for _, tt := range []struct{ ours, theirs []string }{
		{[]string{"v6"}, []string{"pqc"}},
		{[]string{"beside RSA"}, []string{"besidePQC"}},
		{[]string{"v6"}, []string{"besidePQC"}},
		{[]string{"beside RSA"}, []string{"pqc"}},
		{[]string{"Curve25519"}, []string{"pqc", "besidePQC"}},
		{[]string{"v6", "beside RSA", "Curve25519"}, []string{"pqc", "besidePQC", "rsa"}},
	} {
		us, _ := pick(ours, tt.ours)
		them, themPrivate := pick(theirs, tt.theirs)
		_, usPublic := certificates(us)
		themPublic, _ := certificates(them)
		e := newEnvelope(t, pgp.Config{Own: active(t, us...), Peer: active(t, themPublic...), Encoding: pgp.Binary})
		t.Run(fmt.Sprintf("%v and %v", tt.ours, tt.theirs), func(t *testing.T) {
			for _, aead := range []bool{false, true} {
				m := open(t, e, js(jsJob{Op: "seal", Keys: themPrivate, Others: usPublic, Message: body, AEAD: aead}).Message)
				assert.Equal(t, body, m.Payload)
				assert.Len(t, m.Signers, len(them))
				opened++
			}
			answer := js(jsJob{Op: "open", Keys: themPrivate, Others: usPublic, Message: seal(t, e, body)})
			assert.Equal(t, body, answer.Message)
			assert.Equal(t, len(us), answer.Good)
			openedByIt++
		})
	}
}
