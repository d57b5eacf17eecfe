package inflate_test

// Tables returns about size bytes of DEFLATE: blocks that bring large tables and
// so many literals each.
func Tables(size, literals int) []byte {
	var w bitWriter
	// The lengths: 0 has a code of 2 bits, 256 one of 2, the others of 10 or
	// more, so that the tables are as large as they get.
	lengths := make([]int, 286)
	lengths[0], lengths[256] = 2, 2
	for i := range lengths {
		if lengths[i] == 0 {
			lengths[i] = 9
		}
	}
	// 2 codes of 2 bits leave half of the space: 256 of 9 bits. There are 284 to
	// give: 228 of 9 bits and 56 of 10.
	for i, left := len(lengths)-1, 56; left > 0; i-- {
		if lengths[i] == 9 {
			lengths[i] = 10
			left--
		}
	}
	codes := canonical(lengths)
	distance := []int{1, 1}
	all := append(append([]int{}, lengths...), distance...)
	// The code of the lengths: 1, 2, 9, 10 with 2 bits each.
	order := []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
	short := make([]int, 19)
	short[1], short[2], short[9], short[10] = 2, 2, 2, 2
	shortCodes := canonical(short)
	for len(w.out) < size {
		w.bits(0, 1)
		w.bits(2, 2)
		w.bits(uint64(len(lengths)-257), 5)
		w.bits(uint64(len(distance)-1), 5)
		w.bits(15, 4)
		for _, s := range order {
			w.bits(uint64(short[s]), 3)
		}
		for _, n := range all {
			w.code(shortCodes[n], short[n])
		}
		for i := range literals {
			s := i % 256
			w.code(codes[s], lengths[s])
		}
		w.code(codes[256], lengths[256])
	}
	w.bits(1, 1) // the last block is stored, and empty
	w.bits(0, 2)
	w.bits(0, (8-w.n)%8)
	w.bits(0, 16)
	w.bits(0xffff, 16)
	return w.out
}

func canonical(lengths []int) []uint64 {
	codes := make([]uint64, len(lengths))
	code := uint64(0)
	for n := 1; n <= 15; n++ {
		for s, l := range lengths {
			if l == n {
				codes[s] = code
				code++
			}
		}
		code <<= 1
	}
	return codes
}

type bitWriter struct {
	out []byte
	acc uint64
	n   uint
}

func (w *bitWriter) bits(v uint64, n uint) {
	w.acc |= v << w.n
	for w.n += n; w.n >= 8; w.n -= 8 {
		w.out = append(w.out, byte(w.acc))
		w.acc >>= 8
	}
}

// code writes a prefix code, the highest bit first.
func (w *bitWriter) code(v uint64, n int) {
	for i := n - 1; i >= 0; i-- {
		w.bits(v>>i&1, 1)
	}
}
