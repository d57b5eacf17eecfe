package inflate

import (
	"errors"
	"io"
)

var (
	// ErrCorrupt is returned for what is no DEFLATE, or is cut.
	ErrCorrupt = errors.New("damaged compression")

	// ErrTables is returned for more tables than the data is worth.
	ErrTables = errors.New("the compressed data is more tables than data")
)

const (
	window = 32 << 10
	block  = 32 << 10 // what Next returns at most

	// A stream may have so many blocks with tables of their own, and one more for
	// each KiB read or written. What programs write has one for 10 KiB or more.
	freeTables = 64
	perTable   = 1 << 10
)

// A Reader decompresses one DEFLATE stream. It reads src in blocks, and so
// further than the end of the stream.
type Reader struct {
	src  io.Reader
	buf  []byte // room
	in   []byte // of buf: not consumed yet
	read int64  // bytes of src
	err  error

	acc uint64 // bits not consumed yet, the lowest first
	n   uint   // how many

	out     *[window + block]byte
	start   int // of what Next has not returned yet
	end     int // of what was decompressed
	written int64

	last       bool  // the block is the last one
	stored     int   // bytes left of a stored block
	inside     bool  // a compressed block
	copyLength int   // of a match that did not fit
	copyBack   int   // its distance
	tables     int64 // blocks with tables of their own
	literals   *table
	distances  *table
	own        [2]table
	fixed      *[2]table
}

// NewReader returns a Reader of the DEFLATE stream at the beginning of src.
func NewReader(src io.Reader) *Reader {
	return &Reader{src: src, buf: make([]byte, 4<<10), out: new([window + block]byte)}
}

// Reset makes r a Reader of the stream at the beginning of src, and wipes what it
// decompressed.
func (r *Reader) Reset(src io.Reader) {
	clear(r.out[:r.end])
	clear(r.buf)
	*r = Reader{src: src, buf: r.buf, out: r.out, fixed: r.fixed}
}

// Trailing reports, after the end of the stream, whether src holds more.
func (r *Reader) Trailing() bool {
	return r.n >= 8 || len(r.in) > 0 || r.fill() == nil
}

// Next returns the next bytes, valid until it is called again, and io.EOF at the
// end of the stream. Other errors are [ErrCorrupt], [ErrTables], or that of src.
func (r *Reader) Next() ([]byte, error) {
	if r.end == len(r.out) {
		copy(r.out[:window], r.out[block:])
		r.end = window
	}
	r.start = r.end
	for r.err == nil && r.end < len(r.out) {
		r.err = r.step()
	}
	if r.end == r.start {
		return nil, r.err
	}
	r.written += int64(r.end - r.start)
	return r.out[r.start:r.end], nil
}

// step goes on with the block, or begins the next one.
func (r *Reader) step() error {
	switch {
	case r.stored > 0:
		return r.copyStored()
	case r.inside:
		return r.symbols()
	case r.last:
		return io.EOF
	}
	head, err := r.bits(3)
	if err != nil {
		return err
	}
	r.last = head&1 != 0
	switch head >> 1 {
	case 0:
		return r.beginStored()
	case 1:
		if r.fixed == nil {
			r.fixed = fixedTables()
		}
		r.literals, r.distances, r.inside = &r.fixed[0], &r.fixed[1], true
		return nil
	case 2:
		return r.beginTables()
	}
	return ErrCorrupt
}

// fill reads more input. It returns [ErrCorrupt] at the end: the stream is cut.
func (r *Reader) fill() error {
	for range 100 {
		n, err := r.src.Read(r.buf)
		if n > 0 {
			r.in = r.buf[:n]
			r.read += int64(n)
			return nil
		}
		if err == io.EOF {
			return ErrCorrupt
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// need makes sure that there are n bits at hand, at most 32.
func (r *Reader) need(n uint) error {
	for r.n < n {
		if len(r.in) == 0 {
			if err := r.fill(); err != nil {
				return err
			}
		}
		r.acc |= uint64(r.in[0]) << r.n
		r.in = r.in[1:]
		r.n += 8
	}
	return nil
}

func (r *Reader) bits(n uint) (int, error) {
	if err := r.need(n); err != nil {
		return 0, err
	}
	v := r.acc & (1<<n - 1)
	r.acc >>= n
	r.n -= n
	return int(v), nil
}

func (r *Reader) beginStored() error {
	drop := r.n & 7
	r.acc >>= drop
	r.n -= drop
	length, err := r.bits(16)
	if err != nil {
		return err
	}
	check, err := r.bits(16)
	if err != nil {
		return err
	}
	if length != check^0xffff {
		return ErrCorrupt
	}
	r.stored = length
	return nil
}

func (r *Reader) copyStored() error {
	room := r.out[r.end:min(len(r.out), r.end+r.stored)]
	n := 0
	for r.n >= 8 && n < len(room) {
		room[n] = byte(r.acc)
		r.acc >>= 8
		r.n -= 8
		n++
	}
	if n == 0 {
		if len(r.in) == 0 {
			if err := r.fill(); err != nil {
				return err
			}
		}
		n = copy(room, r.in)
		r.in = r.in[n:]
	}
	r.end += n
	r.stored -= n
	return nil
}

// beginTables reads the tables of a block, RFC 1951, Section 3.2.7.
func (r *Reader) beginTables() error {
	if r.tables++; r.tables > freeTables+max(r.read-int64(len(r.in)), r.written+int64(r.end-r.start))/perTable {
		return ErrTables
	}
	head, err := r.bits(14)
	if err != nil {
		return err
	}
	literals, distances, codes := head&31+257, head>>5&31+1, head>>10+4
	if literals > 286 || distances > 30 {
		return ErrCorrupt
	}
	var lengths [286 + 30]uint8
	for _, at := range codeOrder[:codes] {
		v, err := r.bits(3)
		if err != nil {
			return err
		}
		lengths[at] = uint8(v)
	}
	code := &r.own[0]
	if !code.init(lengths[:len(codeOrder)]) {
		return ErrCorrupt
	}
	clear(lengths[:len(codeOrder)])
	for i := 0; i < literals+distances; {
		symbol, err := r.symbol(code)
		if err != nil {
			return err
		}
		if symbol < 16 {
			lengths[i] = uint8(symbol)
			i++
			continue
		}
		repeat, value := 0, uint8(0)
		switch symbol {
		case 16:
			if i == 0 {
				return ErrCorrupt
			}
			value = lengths[i-1]
			repeat, err = r.bits(2)
			repeat += 3
		case 17:
			repeat, err = r.bits(3)
			repeat += 3
		default:
			repeat, err = r.bits(7)
			repeat += 11
		}
		if err != nil {
			return err
		}
		if i+repeat > literals+distances {
			return ErrCorrupt
		}
		for range repeat {
			lengths[i] = value
			i++
		}
	}
	r.literals, r.distances, r.inside = &r.own[0], &r.own[1], true
	if !r.literals.init(lengths[:literals]) || !r.distances.init(lengths[literals:literals+distances]) {
		return ErrCorrupt
	}
	return nil
}

// codeOrder is the order of the lengths of the code for lengths.
var codeOrder = [...]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// symbol decodes one symbol. It asks for no more input than the symbol needs.
func (r *Reader) symbol(t *table) (int, error) {
	for {
		e := t.fast[r.acc&(1<<fastBits-1)]
		if n := uint(e & 15); n != 0 && n <= r.n {
			r.acc >>= n
			r.n -= n
			return int(e >> 4), nil
		}
		if symbol, n := t.slow(r.acc, r.n); n != 0 {
			r.acc >>= n
			r.n -= n
			return symbol, nil
		}
		if r.n >= maxBits {
			return 0, ErrCorrupt
		}
		if err := r.need(r.n + 1); err != nil {
			return 0, err
		}
	}
}

// symbols decodes until the block ends or the room is full.
func (r *Reader) symbols() error {
	if r.copyLength > 0 {
		r.match()
	}
	for r.end < len(r.out) {
		// As many bits as fit are fetched at once where there is input enough.
		if r.n < 48 && len(r.in) >= 8 {
			r.refill()
		}
		symbol, err := r.symbol(r.literals)
		switch {
		case err != nil:
			return err
		case symbol < 256:
			r.out[r.end] = byte(symbol)
			r.end++
			continue
		case symbol == 256:
			r.inside = false
			return nil
		}
		if err := r.beginMatch(symbol - 257); err != nil {
			return err
		}
		r.match()
	}
	return nil
}

func (r *Reader) refill() {
	in := r.in
	for r.n <= 56 {
		r.acc |= uint64(in[0]) << r.n
		in = in[1:]
		r.n += 8
	}
	r.in = in
}

// beginMatch reads the length and the distance of a match, RFC 1951, Section 3.2.5.
func (r *Reader) beginMatch(code int) error {
	length := code + 3
	switch {
	case code > 28:
		return ErrCorrupt
	case code == 28:
		length = 258
	case code >= 8:
		extra := uint(code>>2 - 1)
		v, err := r.bits(extra)
		if err != nil {
			return err
		}
		length = (4+code&3)<<extra + v + 3
	}
	back, err := r.symbol(r.distances)
	switch {
	case err != nil:
		return err
	case back > 29:
		return ErrCorrupt
	case back >= 4:
		extra := uint(back>>1 - 1)
		v, err := r.bits(extra)
		if err != nil {
			return err
		}
		back = (2+back&1)<<extra + v
	}
	back++
	if int64(back) > r.written+int64(r.end-r.start) || back > window {
		return ErrCorrupt
	}
	r.copyLength, r.copyBack = length, back
	return nil
}

// match copies as much of a match as fits.
func (r *Reader) match() {
	n := min(r.copyLength, len(r.out)-r.end)
	r.copyLength -= n
	to, from := r.end, r.end-r.copyBack
	r.end += n
	for n > 0 { // what is copied may be what was just written
		m := copy(r.out[to:to+n], r.out[from:to])
		to += m
		n -= m
	}
}
