package remote

import (
	"crypto/rand"
	"crypto/sha3"
	"crypto/subtle"
	"encoding/binary"
)

// RSA15 takes PKCS #1 v1.5 off what a service makes with raw RSA. Bad padding is no error:
// another message comes in place of what is not there, the same each time that the
// ciphertext comes, so that nobody sees which it was.
type RSA15 struct{ secret *[32]byte } // behind a pointer, so that no verb of fmt prints it

// NewRSA15 returns one with a secret of its own.
func NewRSA15() *RSA15 {
	r := &RSA15{new([32]byte)}
	rand.Read(r.secret[:])
	return r
}

// Unpad returns the message in em, RFC 8017, Section 7.2.2, or, if the padding is bad, as
// much as a message can have of random bytes: of the given size, or of a random one if
// size is zero. It does not branch on em. It reads em and the ciphertext, and keeps
// neither. em may lack leading zeros.
func (r *RSA15) Unpad(ciphertext, em []byte, size int) []byte {
	k := len(ciphertext)
	const shortest = 11 // 0, 2, eight bytes that are not 0, and 0
	if k < shortest || len(em) > k || size < 0 || size > k-shortest {
		return r.other(ciphertext, size)
	}
	whole := make([]byte, k)
	copy(whole[k-len(em):], em)
	found, start := 0, 0
	for i := 2; i < k; i++ {
		zero := subtle.ConstantTimeByteEq(whole[i], 0)
		start = subtle.ConstantTimeSelect(zero&^found, i+1, start)
		found |= zero
	}
	good := found & subtle.ConstantTimeByteEq(whole[0], 0) & subtle.ConstantTimeByteEq(whole[1], 2) & subtle.ConstantTimeLessOrEq(shortest, start)
	other := r.other(ciphertext, k+2)
	elsewhere := shortest + int(binary.BigEndian.Uint16(other[k:]))%(k-shortest+1)
	if size != 0 {
		elsewhere = k - size
		good &= subtle.ConstantTimeEq(int32(start), int32(elsewhere))
	}
	subtle.ConstantTimeCopy(good^1, whole, other[:k])
	return whole[subtle.ConstantTimeSelect(good, start, elsewhere):]
}

// other returns n bytes that follow from the secret and the ciphertext.
func (r *RSA15) other(ciphertext []byte, n int) []byte {
	h := sha3.NewSHAKE256()
	_, _ = h.Write(r.secret[:]) // which never fails
	_, _ = h.Write(ciphertext)
	out := make([]byte, max(n, 0))
	_, _ = h.Read(out)
	return out
}
