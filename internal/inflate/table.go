package inflate

import "math/bits"

const (
	maxBits  = 15
	fastBits = 9
)

// A table decodes one prefix code, RFC 1951, Section 3.2.2.
type table struct {
	fast    [1 << fastBits]uint16 // symbol<<4 | length, by the next bits; zero for longer codes
	count   [maxBits + 1]uint16   // of codes of each length
	symbols [288]uint16           // by code
}

// init makes the table of the given lengths. It returns false if they make no
// prefix code that is complete. A code of one symbol of one bit, and an empty
// one, are taken, as zlib does.
func (t *table) init(lengths []uint8) bool {
	clear(t.fast[:])
	clear(t.count[:])
	for _, n := range lengths {
		t.count[n]++
	}
	t.count[0] = 0
	var first, offset [maxBits + 2]int
	longest := 0
	for n := 1; n <= maxBits; n++ {
		first[n+1] = (first[n] + int(t.count[n])) << 1
		offset[n+1] = offset[n] + int(t.count[n])
		if t.count[n] != 0 {
			longest = n
		}
		if first[n]+int(t.count[n]) > 1<<n {
			return false
		}
	}
	if longest == 0 {
		return true
	}
	codes := first[longest] + int(t.count[longest])
	if codes != 1<<longest && !(codes == 1 && longest == 1) {
		return false
	}
	for symbol, n := range lengths {
		if n == 0 {
			continue
		}
		t.symbols[offset[n]] = uint16(symbol)
		offset[n]++
		code := first[n]
		first[n]++
		if n > fastBits {
			continue
		}
		at := int(bits.Reverse16(uint16(code)) >> (16 - n))
		for ; at < len(t.fast); at += 1 << n {
			t.fast[at] = uint16(symbol)<<4 | uint16(n)
		}
	}
	return true
}

// slow decodes a symbol bit by bit, of at most have bits. n is zero if it needs more.
func (t *table) slow(acc uint64, have uint) (symbol int, n uint) {
	code, first, index := 0, 0, 0
	for n := uint(1); n <= min(have, maxBits); n++ {
		code |= int(acc & 1)
		acc >>= 1
		count := int(t.count[n])
		if code-first < count {
			return int(t.symbols[index+code-first]), n
		}
		index += count
		first = (first + count) << 1
		code <<= 1
	}
	return 0, 0
}

func fixedTables() *[2]table {
	var lengths [288]uint8
	for i := range lengths {
		switch {
		case i < 144:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		case i < 280:
			lengths[i] = 7
		default:
			lengths[i] = 8
		}
	}
	var t [2]table
	t[0].init(lengths[:])
	for i := range 32 {
		lengths[i] = 5
	}
	t[1].init(lengths[:32])
	return &t
}
