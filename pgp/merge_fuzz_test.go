package pgp_test

import (
	"bytes"
	"crypto"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/internal/seeds"
	"github.com/sealwax/sealwax/pgp"
)

// parts returns the primary key of a certificate, and what a copy of it can have or lack: a
// revocation, and of two User IDs and two subkeys of the same age each the packet itself and
// signatures, of which some are of one second and say different things.
func parts(t testing.TB) (primary []byte, all [][][]byte) {
	ours, _ := fuzzKeys(t)
	e := entity(t, ours)
	born := e.PrimaryKey.CreationTime
	e.Subkeys = nil
	for range 2 {
		require.NoError(t, e.AddEncryptionSubkey(&packet.Config{
			Algorithm: packet.PubKeyAlgoEdDSA, Curve: packet.Curve25519, Time: func() time.Time { return born }}))
	}
	plain := &packet.Config{NonDeterministicSignaturesViaNotation: ptr(false)}
	add := func(p interface{ Serialize(w io.Writer) error }) {
		var b bytes.Buffer
		require.NoError(t, p.Serialize(&b))
		all[len(all)-1] = append(all[len(all)-1], b.Bytes())
	}
	sign := func(kind packet.SignatureType, after time.Duration, by func(*packet.Signature) error, change func(*packet.Signature)) {
		s := &packet.Signature{Version: e.PrimaryKey.Version, SigType: kind, PubKeyAlgo: e.PrimaryKey.PubKeyAlgo, Hash: crypto.SHA512,
			CreationTime: born.Add(after), IssuerKeyId: &e.PrimaryKey.KeyId}
		if change != nil {
			s.FlagsValid = true
			change(s)
		}
		require.NoError(t, by(s))
		add(s)
	}
	decades := func(n int) *uint32 { return ptr(uint32(time.Duration(n) * 10 * year / time.Second)) }
	all = append(all, [][]byte{nil})
	sign(packet.SigTypeKeyRevocation, time.Hour, func(s *packet.Signature) error { return s.RevokeKey(e.PrimaryKey, e.PrivateKey, plain) }, nil)
	for _, id := range []string{"A <a@a.example>", "B <b@b.example>"} {
		all = append(all, [][]byte{rawPacket(13, []byte(id))})
		by := func(s *packet.Signature) error { return s.SignUserId(id, e.PrimaryKey, e.PrivateKey, plain) }
		sign(packet.SigTypePositiveCert, 0, by, func(s *packet.Signature) { s.FlagSign, s.KeyLifetimeSecs = true, decades(2) })
		sign(packet.SigTypePositiveCert, 0, by, func(s *packet.Signature) { s.FlagSign, s.KeyLifetimeSecs = true, decades(3) })
		sign(packet.SigTypePositiveCert, time.Minute, by, func(s *packet.Signature) { s.FlagSign, s.IsPrimaryId = true, ptr(true) })
		sign(packet.SigTypeGenericCert, time.Minute, by, func(s *packet.Signature) { s.FlagCertify = true })
		sign(packet.SigTypeCertificationRevocation, time.Hour, by, nil)
	}
	for _, k := range e.Subkeys {
		all = append(all, nil)
		add(k.PublicKey)
		by := func(s *packet.Signature) error { return s.SignKey(k.PublicKey, e.PrivateKey, plain) }
		sign(packet.SigTypeSubkeyBinding, 0, by, func(s *packet.Signature) { s.FlagEncryptCommunications = true })
		sign(packet.SigTypeSubkeyBinding, 0, by, func(s *packet.Signature) { s.FlagEncryptStorage, s.KeyLifetimeSecs = true, decades(2) })
		sign(packet.SigTypeSubkeyBinding, time.Hour, by, func(s *packet.Signature) { s.FlagAuthenticate = true })
		sign(packet.SigTypeSubkeyRevocation, time.Hour, func(s *packet.Signature) error { return s.RevokeSubkey(k.PublicKey, e.PrivateKey, plain) }, nil)
	}
	var b bytes.Buffer
	require.NoError(t, e.PrimaryKey.Serialize(&b))
	return b.Bytes(), all
}

// copyOf returns the copy that has the packets whose bits are set. Backwards, its parts and
// their signatures stand in the other order.
func copyOf(primary []byte, all [][][]byte, mask uint32, backwards bool) (*pgp.Key, error) {
	var parts [][]byte
	for _, part := range all {
		var kept [][]byte
		for n, p := range part[1:] {
			if mask>>(n+1)&1 != 0 {
				kept = append(kept, p)
			}
		}
		if backwards {
			slices.Reverse(kept)
		}
		if mask&1 != 0 {
			parts = append(parts, slices.Concat(part[0], bytes.Join(kept, nil)))
		}
		mask >>= len(part)
	}
	if backwards {
		slices.Reverse(parts[min(1, len(parts)):])
	}
	return pgp.ReadKey(bytes.NewReader(slices.Concat(primary, bytes.Join(parts, nil))))
}

// Copies of one certificate make the same certificate in whatever order they are merged, and
// the same again when it is written and read.
func FuzzMerge(f *testing.F) {
	primary, all := parts(f)
	_, theirs := fuzzKeys(f)
	told := func(t *testing.T, k *pgp.Key) string { // what a copy is, and what is done with it
		uses, err := newEnvelope(t, pgp.Config{Own: active(t, theirs), Peer: active(t, k)}).Ready(t.Context())
		return fmt.Sprintln(k.Digest(), fmt.Sprintf("%+v", k.Info()), uses, err)
	}
	f.Add(uint32(0b011_11), uint32(0b101_11), uint32(0b1001_11), false)
	f.Fuzz(func(t *testing.T, a, b, c uint32, backwards bool) {
		var copies []*pgp.Key
		for i, mask := range []uint32{a, b, c} {
			if k, err := copyOf(primary, all, mask, backwards && i == 1); err == nil {
				copies = append(copies, k)
			}
		}
		if len(copies) < 2 {
			return
		}
		merge := func(x, y *pgp.Key) *pgp.Key { // nil if something together is fit for no use
			if x == nil || y == nil {
				return nil
			}
			m, _, err := x.Refresh(y)
			if err != nil {
				require.ErrorContains(t, err, "no part that is fit for a use")
				return nil
			}
			return m.(*pgp.Key)
		}
		last, want := len(copies)-1, ""
		for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
			order = slices.DeleteFunc(order, func(i int) bool { return i > last })
			m := copies[order[0]]
			for _, i := range order[1:] {
				m = merge(m, copies[i])
			}
			if m == nil {
				continue
			}
			if want == "" {
				want = told(t, m)
			}
			require.Equal(t, want, told(t, m), order)
			again, err := pgp.ReadKey(bytes.NewReader(mustCertificate(t, m)))
			require.NoError(t, err)
			require.Equal(t, want, told(t, again), "written and read")
		}
		if m := merge(copies[last], merge(copies[0], copies[1])); m != nil && want != "" {
			require.Equal(t, want, told(t, m), "a copy, and the others merged before")
		}
	})
}

func TestSeeds(t *testing.T) { seeds.Told(t) }
