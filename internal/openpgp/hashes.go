package openpgp

import (
	"bytes"
	"crypto"
	"encoding"
	"errors"
	"fmt"
	"hash"
)

// A HashKind is a hash and the salt that it begins with (RFC 9580, Section 5.2.4).
type HashKind struct {
	Hash crypto.Hash
	Salt string
}

// Begin returns the hash before the payload. It must be available.
func (k HashKind) Begin() hash.Hash {
	h := k.Hash.New()
	h.Write([]byte(k.Salt))
	return h
}

// ErrNotComputed is returned for a hash that was not asked for before the payload
// was read.
var ErrNotComputed = errors.New("a hash that was not computed")

// Hashes are the hashes of one payload, each computed once, however many
// signatures there are (T19). Only [Reading.Read] feeds them.
type Hashes struct {
	computed map[HashKind]hash.Hash
	lines    lineEnds

	memory  bool
	payload []byte
}

// Add asks for a hash of a payload that is going to be read.
func (h *Hashes) Add(kind HashKind) {
	if _, ok := h.computed[kind]; ok {
		return
	}
	if h.computed == nil {
		h.computed = map[HashKind]hash.Hash{}
	}
	h.computed[kind] = kind.Begin()
}

// Has reports whether a hash was computed.
func (h *Hashes) Has(kind HashKind) bool { return h.computed[kind] != nil }

// Len is how many hashes there are.
func (h *Hashes) Len() int { return len(h.computed) }

// Get returns a hash of the payload, to which the caller may write. Of a payload in
// memory, it is computed if it was not yet.
func (h *Hashes) Get(kind HashKind) (hash.Hash, error) {
	if !h.Has(kind) {
		if !h.memory {
			return nil, ErrNotComputed
		}
		h.Add(kind)
		h.computed[kind].Write(h.payload)
	}
	return CopyHash(kind.Hash, h.computed[kind])
}

func (h *Hashes) write(run []byte) {
	for _, c := range h.computed {
		c.Write(run)
	}
	h.lines.write(run)
}

// Canonical reports whether every line of the payload ends with CR and LF, and
// neither stands alone: the one form in which a signature over text (RFC 9580,
// Section 5.2.4) fixes the bytes.
func (h *Hashes) Canonical() bool {
	if h.memory {
		var l lineEnds
		l.write(h.payload)
		return l.canonical()
	}
	return h.lines.canonical()
}

// lineEnds looks for line ends that are not CR and LF.
type lineEnds struct{ bad, open bool } // open: the last byte is a CR

func (l *lineEnds) write(run []byte) {
	if l.bad || len(run) == 0 {
		return
	}
	if l.open && run[0] != '\n' || !l.open && run[0] == '\n' {
		l.bad = true
	}
	l.open = run[len(run)-1] == '\r'
	crs, lfs := bytes.Count(run[:len(run)-1], []byte("\r")), bytes.Count(run[1:], []byte("\n"))
	l.bad = l.bad || crs != lfs || crs != bytes.Count(run, []byte("\r\n"))
}

func (l *lineEnds) canonical() bool { return !l.bad && !l.open }

// CopyHash returns a copy of a hash. Not every hash can be copied by Clone: those
// of a binary with a frozen module of FIPS 140-3 cannot, but have their state read.
// The error is a fault of ours, and says nothing about the message.
func CopyHash(kind crypto.Hash, h hash.Hash) (hash.Hash, error) {
	if c, ok := h.(hash.Cloner); ok {
		if out, err := c.Clone(); err == nil {
			return out, nil
		}
	}
	state, ok := h.(encoding.BinaryMarshaler)
	if !ok {
		return nil, fmt.Errorf("the hash %v cannot be copied: %w", kind, errors.ErrUnsupported)
	}
	octets, err := state.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("the hash %v cannot be copied: %w", kind, err)
	}
	out := kind.New()
	from, ok := out.(encoding.BinaryUnmarshaler)
	if !ok {
		return nil, fmt.Errorf("the hash %v cannot be copied: %w", kind, errors.ErrUnsupported)
	}
	if err := from.UnmarshalBinary(octets); err != nil {
		return nil, fmt.Errorf("the hash %v cannot be copied: %w", kind, err)
	}
	return out, nil
}
