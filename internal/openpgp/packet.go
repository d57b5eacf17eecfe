package openpgp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Packet type IDs, RFC 9580, Section 5.
const (
	TagPKESK         = 1
	TagSignature     = 2
	TagSKESK         = 3
	TagOnePass       = 4
	TagSecretKey     = 5
	TagPublicKey     = 6
	TagSecretSubkey  = 7
	TagCompressed    = 8
	TagSED           = 9
	TagMarker        = 10
	TagLiteral       = 11
	TagTrust         = 12
	TagUserID        = 13
	TagPublicSubkey  = 14
	TagUserAttribute = 17
	TagSEIPD         = 18
	TagMDC           = 19
	TagAEAD          = 20 // LibrePGP
	TagPadding       = 21

	// firstNonCritical is the first of the types that are passed over by
	// those who do not know them (RFC 9580, Section 4.3).
	firstNonCritical = 40
)

// A Packet is one packet: its type and its body, with partial lengths joined.
// The body may share memory with what it was read from.
type Packet struct {
	Tag  byte
	Body []byte
}

// Void reports whether packets of this type say nothing, wherever they stand.
func Void(tag byte) bool { return tag == TagMarker || tag == TagPadding || tag >= firstNonCritical }

// streamed reports whether a packet of this type may come in parts, or without
// a length: only data may (RFC 9580, Sections 4.2.1.4 and 4.2.2).
func streamed(tag byte) bool {
	switch tag {
	case TagLiteral, TagCompressed, TagSED, TagSEIPD, TagAEAD:
		return true
	}
	return false
}

// Encode returns p with a header of the OpenPGP format and a definite length.
func (p Packet) Encode() []byte {
	out := make([]byte, 0, len(p.Body)+6)
	return append(AppendHeader(out, p.Tag, int64(len(p.Body))), p.Body...)
}

// AppendHeader appends the header of a packet of the OpenPGP format with a
// definite length, which must not exceed [MaxLength].
func AppendHeader(out []byte, tag byte, length int64) []byte {
	return AppendLength(append(out, 0xc0|tag), length)
}

// MaxLength is the largest definite length, in bytes.
const MaxLength = math.MaxUint32

// ErrLength is returned for a packet above [MaxLength] that must have a definite
// length.
var ErrLength = errors.New("a packet of 4 GiB or more has no definite length")

// AppendLength appends a length, RFC 9580, Section 4.2.1. n is at most [MaxLength].
func AppendLength(out []byte, n int64) []byte {
	switch {
	case n < 0 || n > MaxLength:
		panic("openpgp: length out of range")
	case n < 192:
		return append(out, byte(n))
	case n < 8384:
		return append(out, byte((n-192)>>8)+192, byte(n-192))
	}
	return binary.BigEndian.AppendUint32(append(out, 255), uint32(n))
}

// Guard runs a step of the library on bytes of a stranger. A panic in there
// is a flaw of the library that must not take the server down: it becomes an
// error, and so a rejected message or a key that cannot be read.
func Guard(step func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the OpenPGP library panicked: %v", r)
		}
	}()
	return step()
}
