package scratch_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sealwax/sealwax/internal/scratch"
)

// No plaintext stays in a buffer that is given back, whatever sizes were taken.
func TestWiped(t *testing.T) {
	var s scratch.Pool
	for _, n := range []int{1, 4096, 100, 65536, 0, 17} {
		b := s.Take(n)
		assert.Len(t, *b, n)
		whole := (*b)[:cap(*b)]
		assert.Equal(t, len(whole), bytes.Count(whole, []byte{0}), "left over from another message")
		for i := range *b {
			(*b)[i] = 0xff
		}
		s.Give(b)
		assert.Equal(t, len(whole), bytes.Count(whole, []byte{0}), "not wiped")
	}
}
