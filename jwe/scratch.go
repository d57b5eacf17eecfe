package jwe

import "sync"

// A scratch holds the buffers in which messages are encrypted and decrypted, for
// the next message of the same envelope. What was in them is wiped when they are
// given back.
type scratch struct{ pool sync.Pool }

// take returns a buffer of n octets.
func (s *scratch) take(n int) *[]byte {
	if b, ok := s.pool.Get().(*[]byte); ok && cap(*b) >= n {
		*b = (*b)[:n]
		return b
	}
	b := make([]byte, n)
	return &b
}

// give takes a buffer back that nothing refers to any more.
func (s *scratch) give(b *[]byte) {
	clear(*b)
	s.pool.Put(b)
}
