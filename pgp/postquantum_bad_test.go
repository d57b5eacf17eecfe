package pgp_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/mlkem"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha3"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/aes/keywrap"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	library "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// Octets of the fields of RFC 9980, Sections 4.1, 4.2, and 5.2.
const (
	sizeX25519     = 32
	sizeMLKEM768   = 1184 // of a public key
	sizeMLKEM768CT = 1088 // of a ciphertext
	sizeMLKEMSeed  = 64
	sizeEd25519    = 32
	sizeMLDSA65    = 1952
	sizeMLDSASeed  = 32
)

// opaque are the packets of a key, private or public.
func opaque(t testing.TB, k *pgp.Key) (all []*packet.OpaquePacket) {
	var b bytes.Buffer
	if e := entity(t, k); k.Info().Private {
		require.NoError(t, e.SerializePrivateWithoutSigning(&b, nil))
	} else {
		require.NoError(t, e.Serialize(&b))
	}
	for r := packet.NewOpaqueReader(&b); ; {
		p, err := r.Next()
		if err == io.EOF {
			return all
		}
		require.NoError(t, err)
		all = append(all, p)
	}
}

// changed is a key with the packets of one tag changed.
func changed(t testing.TB, k *pgp.Key, tag uint8, change func(body []byte) []byte) []byte {
	var out []byte
	for _, p := range opaque(t, k) {
		body := p.Contents
		if p.Tag == tag {
			body = change(bytes.Clone(body))
		}
		out = append(out, rawPacket(p.Tag, body)...)
	}
	return out
}

// A part of a key whose fields have not the lengths of their algorithm, or are not what it
// demands of them, is not read; the rest of the key is, if anything is left to use.
func TestPostQuantumKeyFields(t *testing.T) {
	beside, err := bankRSA().WithPostQuantumSubkey(t.Context(), year)
	require.NoError(t, err)
	const (
		headV4 = 1 + 4 + 1     // version, date, algorithm
		headV6 = 1 + 4 + 1 + 4 // and the length of what follows
	)
	type at struct {
		head, classical, postQuantum int
		tag                          uint8
	}
	resize := func(where at, to int) func(b []byte) []byte { // to so many octets of fields
		return func(b []byte) []byte {
			fields := append(b[where.head:], make([]byte, max(0, to-len(b)+where.head))...)[:to]
			if where.head == headV6 {
				binary.BigEndian.PutUint32(b[where.head-4:], uint32(to))
			}
			return append(b[:where.head:where.head], fields...)
		}
	}
	for name, where := range map[string]struct {
		at
		key *pgp.Key
	}{
		"ML-DSA in version 6": {at{headV6, sizeEd25519, sizeMLDSA65, 6}, public(bankPQ())},
		"ML-KEM in version 6": {at{headV6, sizeX25519, sizeMLKEM768, 14}, public(bankPQ())},
		"ML-KEM in version 4": {at{headV4, sizeX25519, sizeMLKEM768, 14}, public(beside)},
	} {
		whole := where.classical + where.postQuantum
		changes := map[string]func([]byte) []byte{
			"no fields": resize(where.at, 0), "the classical half alone": resize(where.at, where.classical), "an octet is missing": resize(where.at, whole-1),
			"an octet too many": resize(where.at, whole+1),
		}
		if where.head == headV6 {
			changes["a length that is too small"] = func(b []byte) []byte { b[where.head-1]--; return b }
			changes["a length that is too large"] = func(b []byte) []byte { b[where.head-1]++; return b }
			changes["the largest length"] = func(b []byte) []byte { copy(b[where.head-4:], "\xff\xff\xff\xff"); return b }
		}
		if where.tag == 14 {
			changes["a coefficient that is not reduced"] = func(b []byte) []byte { copy(b[where.head+where.classical:], "\xff\xff\xff"); return b }
		}
		for what, change := range changes {
			t.Run(name+"/"+what, func(t *testing.T) {
				read := func(change func([]byte) []byte) (*pgp.Key, error) {
					return pgp.ReadKey(bytes.NewReader(changed(t, where.key, where.tag, change)))
				}
				good, err := read(func(b []byte) []byte { return b })
				require.NoError(t, err)
				assert.Equal(t, where.key.Info(), good.Info(), "unchanged")
				k, err := read(func(b []byte) []byte {
					if where.key.Info().Subkey && where.head == headV4 && len(b) != headV4+whole {
						return b // the RSA subkey
					}
					return change(b)
				})
				if err != nil {
					return
				}
				assert.Zero(t, k.Info().PostQuantum&keyset.Encryption, "a part that cannot be used is said to be usable: %v", k.Info())
			})
		}
	}
}

// A private key whose halves do not belong together is not read.
func TestPostQuantumPrivateFields(t *testing.T) {
	for name, c := range map[string]struct {
		tag  uint8
		size int // of the secret fields, the last of the packet
	}{
		"ML-DSA": {5, sizeEd25519 + sizeMLDSASeed}, "ML-KEM": {7, sizeX25519 + sizeMLKEMSeed},
	} {
		for what, change := range map[string]func([]byte) []byte{
			"the first octet of the classical half":    func(b []byte) []byte { b[len(b)-c.size] ^= 8; return b },
			"the last octet of the classical half":     func(b []byte) []byte { b[len(b)-c.size+31] ^= 1; return b },
			"the first octet of the post-quantum half": func(b []byte) []byte { b[len(b)-c.size+32] ^= 1; return b },
			"an octet is missing":                      func(b []byte) []byte { return b[:len(b)-1] },
			"the post-quantum half is missing":         func(b []byte) []byte { return b[:len(b)-c.size+32] },
			"all of it is missing":                     func(b []byte) []byte { return b[:len(b)-c.size] },
		} {
			t.Run(name+"/"+what, func(t *testing.T) {
				k, err := pgp.ReadKey(bytes.NewReader(changed(t, bankPQ(), c.tag, change)))
				if err == nil {
					err = k.SelfTest(t.Context())
				}
				assert.Error(t, err)
			})
		}
	}
}

// Each field of a session key packet has one length, and what it is for says which.
func TestPostQuantumSessionKeyFields(t *testing.T) {
	_, theirs := conversation(t, bankPQ(), partPQ())
	ours := newEnvelope(t, pgp.Config{Own: active(t, bankPQ()), Peer: active(t, public(partPQ())), Encoding: pgp.Binary})
	sessions, data := splitPackets(t, seal(t, ours, body))
	head := 2 + 33 + 1 // version, length, version and fingerprint, algorithm
	good := sessions[0][headerOf(t, sessions[0]):]
	open(t, theirs, append(rawPacket(1, good), data...))
	fields := good[head:]
	wrapped := fields[sizeX25519+sizeMLKEM768CT+1:]
	require.Len(t, wrapped, 40)
	join := func(parts ...[]byte) []byte { return slices.Concat(append([][]byte{good[:head]}, parts...)...) }
	point, ciphertext := fields[:sizeX25519], fields[sizeX25519:sizeX25519+sizeMLKEM768CT]
	size := []byte{40}
	for what, session := range map[string][]byte{
		"no fields":                             join(),
		"the point alone":                       join(point),
		"a point that is too short":             join(point[1:], ciphertext, size, wrapped),
		"a point that is too long":              join(point, []byte{0}, ciphertext, size, wrapped),
		"a ciphertext that is too short":        join(point, ciphertext[1:], size, wrapped),
		"a ciphertext that is too long":         join(point, ciphertext, []byte{0}, size, wrapped),
		"no wrapped key":                        join(point, ciphertext),
		"an empty wrapped key":                  join(point, ciphertext, []byte{0}),
		"a wrapped key that is too short":       join(point, ciphertext, []byte{39}, wrapped[1:]),
		"a wrapped key of another length":       join(point, ciphertext, []byte{32}, wrapped[8:]),
		"a size that is too small":              join(point, ciphertext, []byte{32}, wrapped),
		"a size that is too large":              join(point, ciphertext, []byte{41}, wrapped),
		"an octet after it":                     join(point, ciphertext, size, wrapped, []byte{0}),
		"a cipher, as in version 3":             join(point, ciphertext, []byte{41}, []byte{9}, wrapped),
		"the point of somebody else":            join(bytes.Repeat([]byte{9}, sizeX25519), ciphertext, size, wrapped),
		"a point of low order":                  join(make([]byte, sizeX25519), ciphertext, size, wrapped),
		"a ciphertext of zeros":                 join(point, make([]byte, sizeMLKEM768CT), size, wrapped),
		"a ciphertext of ones":                  join(point, bytes.Repeat([]byte{255}, sizeMLKEM768CT), size, wrapped),
		"for ML-KEM-1024":                       append(append(bytes.Clone(good[:head-1]), 36), fields...),
		"for X25519":                            append(append(bytes.Clone(good[:head-1]), 25), fields...),
		"for ML-DSA, which does not encrypt":    append(append(bytes.Clone(good[:head-1]), 30), fields...),
		"to the primary key, which only signs":  slices.Concat(good[:3], fingerprint(t, partPQ()), good[head-1:]),
		"for ML-DSA, to the key that has it":    slices.Concat(good[:3], fingerprint(t, partPQ()), []byte{30}, fields),
		"for SLH-DSA":                           append(append(bytes.Clone(good[:head-1]), 33), fields...),
		"for a key of ML-KEM that is not named": append([]byte{6, 0, 36}, fields...),
	} {
		t.Run(what, func(t *testing.T) {
			rejected(t, theirs, append(rawPacket(1, session), data...), envelope.NotForUs)
		})
	}
}

func fingerprint(t testing.TB, k *pgp.Key) []byte { return entity(t, k).PrimaryKey.Fingerprint }

// A session key of version 3, for data of version 1, says in the clear which cipher it is
// for, and is checked against that (RFC 9980, Section 4.3.1). It is permitted for both
// composites, as for X25519 and X448; the point of one of them may not be of low order, even if all else is right.
func TestPostQuantumSessionKeyOfVersion3(t *testing.T) {
	made := func(a packet.PublicKeyAlgorithm) *pgp.Key {
		e, err := library.NewEntity("Bank", "", "other@bank.example", &packet.Config{V6Keys: true, Algorithm: a})
		require.NoError(t, err)
		return readEntity(t, e)
	}
	for name, k := range map[string]*pgp.Key{
		"ML-KEM-768+X25519": bankPQ(), "ML-KEM-1024+X448": made(packet.PubKeyAlgoMldsa87Ed448),
		"X25519": made(packet.PubKeyAlgoEd25519), "X448": made(packet.PubKeyAlgoEd448),
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnvelope(t, pgp.Config{Own: active(t, k), Peer: active(t, public(partner()))})
			f := newForger(t, k)
			sig := signaturePacket(t, partner(), body, nil)
			m := open(t, e, f.message(literalPacket(body), sig))
			assert.Equal(t, name, m.Decrypter.Algorithm)
			assert.Equal(t, k.Info().PostQuantum&keyset.Encryption, m.PostQuantum)

			session := f.pkesk()
			session = session[headerOf(t, session):]
			cipher := len(session) - 40 - 1
			require.Equal(t, byte(packet.CipherAES256), session[cipher])
			for _, other := range []packet.CipherFunction{0, packet.Cipher3DES, packet.CipherCAST5, packet.CipherAES128, packet.CipherAES192, 10, 13, 255} {
				bad := bytes.Clone(session)
				bad[cipher] = byte(other)
				_, err := e.Open(t.Context(), append(rawPacket(1, bad), f.seipd(literalPacket(body), sig)...))
				assert.ErrorIs(t, err, envelope.ErrRejected, "cipher %d", other)
			}
		})
	}

	// The sender knows all that such a session key is wrapped under: that its point is
	// zero is all that is wrong with it.
	f := newForger(t, bankPQ())
	sub := f.to.Subkeys[0].PublicKey
	var raw bytes.Buffer
	require.NoError(t, sub.Serialize(&raw))
	recipient := raw.Bytes()[raw.Len()-sizeX25519-sizeMLKEM768:]
	kem, err := mlkem.NewEncapsulationKey768(recipient[sizeX25519:])
	require.NoError(t, err)
	share, ciphertext := kem.Encapsulate()
	for point, opens := range map[[sizeX25519]byte]bool{{}: false, {1}: false} {
		const domain = "OpenPGPCompositeKDFv1"
		kek := sha3.Sum256(slices.Concat(share, make([]byte, sizeX25519), point[:], recipient[:sizeX25519], []byte{35}, []byte(domain), []byte{byte(len(domain))}))
		wrapped, err := keywrap.Wrap(kek[:], f.session)
		require.NoError(t, err)
		head := binary.BigEndian.AppendUint64([]byte{3}, sub.KeyId)
		session := slices.Concat(head, []byte{35}, point[:], ciphertext, []byte{41, byte(packet.CipherAES256)}, wrapped)
		e := newEnvelope(t, pgp.Config{Own: active(t, bankPQ()), Peer: active(t, public(partner()))})
		_, err = e.Open(t.Context(), append(rawPacket(1, session), f.seipd(literalPacket(body), signaturePacket(t, partner(), body, nil))...))
		assert.Equal(t, opens, err == nil, fmt.Sprint(point))
	}
}

// What a key is for follows from its algorithm, whatever its owner says of it: a key of
// ML-KEM signs nothing, and one of ML-DSA is not encrypted to.
func TestPostQuantumKeyInTheWrongPlace(t *testing.T) {
	e := entity(t, bankPQ())
	for _, s := range e.Subkeys {
		binding := s.Bindings[0].Packet
		binding.FlagSign, binding.FlagCertify, binding.FlagAuthenticate = true, true, true
		require.NoError(t, binding.SignKey(s.PublicKey, e.PrivateKey, &packet.Config{}))
	}
	k := readEntity(t, e)
	assert.Equal(t, bankPQ().Info().Algorithm, k.Info().Algorithm)
	ours, theirs := conversation(t, k, partner())
	assert.Equal(t, "ML-DSA-65+Ed25519/SHA-384", open(t, theirs, seal(t, ours, body)).Signers[0].Algorithm)

	// A signature that claims to be by the key of ML-KEM.
	sig := signaturePacket(t, bankPQ(), body, nil)
	claim := bytes.Clone(sig[headerOf(t, sig):])
	require.Equal(t, byte(30), claim[2])
	claim[2] = 35
	rejected(t, theirs, newForger(t, partner()).message(literalPacket(body), rawPacket(2, claim)), envelope.Forbidden)

	// ML-KEM-1024+X448 is for version 6, and so is every algorithm that signs.
	for _, algorithm := range []byte{30, 31, 32, 33, 34, 36} {
		beside, err := bankRSA().WithPostQuantumSubkey(t.Context(), year)
		require.NoError(t, err)
		read, err := pgp.ReadKey(bytes.NewReader(changed(t, public(beside), 14, func(b []byte) []byte {
			if b[5] == 35 {
				b[5] = algorithm
			}
			return b
		})))
		if err == nil {
			assert.Zero(t, read.Info().PostQuantum, "algorithm %d in version 4", algorithm)
		}
	}
}

// A composite is in no key service: what is tried is refused by the name of its algorithm.
// Beside an RSA key in a service it can be in a file.
func TestPostQuantumRemote(t *testing.T) {
	_, half, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	for _, private := range []crypto.Signer{half, other} {
		_, err := pgp.NewRemoteKey(bytes.NewReader(mustCertificate(t, bankPQ())), newKMS(private))
		assert.ErrorContains(t, err, "ML-DSA-65+Ed25519 or ML-KEM-768+X25519 have to be in this process")
	}

	e := entity(t, bankRSA())
	signs := e.PrivateKey.PrivateKey.(*rsa.PrivateKey)
	beside, err := bankRSA().WithPostQuantumSubkey(t.Context(), year)
	require.NoError(t, err)
	k, err := pgp.NewRemoteKey(bytes.NewReader(mustCertificate(t, beside)), newKMS(signs))
	require.NoError(t, err)
	assert.Equal(t, keyset.Signing, k.Info().Use&keyset.Signing)
	assert.Zero(t, k.Info().PostQuantum, "its private half is nowhere")
}
