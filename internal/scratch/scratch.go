// Package scratch keeps the buffers in which messages are encrypted and decrypted
// for the next message of the same envelope.
package scratch

import "sync"

// A Pool holds buffers. What was in them is wiped when they are given back. The
// zero Pool is ready to use, by any number of goroutines.
type Pool struct{ pool sync.Pool }

// Take returns a buffer of n bytes, all zero.
func (p *Pool) Take(n int) *[]byte {
	if b, ok := p.pool.Get().(*[]byte); ok && cap(*b) >= n {
		*b = (*b)[:n]
		return b
	}
	b := make([]byte, n)
	return &b
}

// Give takes a buffer back that nothing refers to any more. It wipes what Take
// returned; its length is not to be changed.
func (p *Pool) Give(b *[]byte) {
	clear(*b)
	p.pool.Put(b)
}
