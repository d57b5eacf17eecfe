package openpgp

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/sealwax/sealwax/internal/base64url"
)

// Types of ASCII armor, RFC 9580, Section 6.2.1.
const (
	ArmorMessage = "PGP MESSAGE"
	ArmorPublic  = "PGP PUBLIC KEY BLOCK"
	ArmorPrivate = "PGP PRIVATE KEY BLOCK"
)

// Names of encodings.
const (
	Binary         = "binary"
	Armor          = "armor"
	Base64URL      = "base64url"
	StandardBase64 = "base64"
)

// Errors about how bytes are written. [Explain] says more.
var (
	ErrEmpty     = errors.New("empty input")
	ErrNotBase64 = errors.New("neither an OpenPGP packet, nor armor, nor base64")
	ErrAlphabets = errors.New("base64 that mixes both alphabets")
	ErrTwice     = errors.New("base64 of ASCII armor: it is encoded twice; encode the binary bytes once")
	ErrArmor     = errors.New("invalid ASCII armor")
	ErrArmorType = errors.New("ASCII armor of another type")
)

const (
	// maxArmorHead is how long the header lines of armor may be together.
	maxArmorHead = 256 << 10

	// firstOctets is how much must be decoded before it is told what it is.
	firstOctets = 16
)

// A decoder finds out how bytes are written, and decodes them: binary as it is,
// ASCII armor, or base64 in one of its two alphabets. It is fed with the input in
// runs of any size, and what it accepts does not depend on their size.
//
// It is strict where the library's reader of armor is not (T24): nothing but white
// space stands before the first block, each block has its end, and nothing but
// white space or, in a key file, another block comes after it. The checksum is
// not looked at, whatever it is (RFC 9580, Section 6.1).
type decoder struct {
	types []string // of armor that is accepted
	many  bool     // blocks, as in a key file

	state    func(in []byte) (rest []byte, err error)
	encoding string // empty before anything but white space was read
	blank    bool
	checked  bool   // what comes first is what may come first
	out      []byte // what is decoded, for the caller to take
	err      error

	head     []byte // in armor: the line so far
	heads    int    // bytes of header lines
	kind     string // of armor
	group    [4]byte
	n        int   // letters in group
	letters  int64 // in this block
	pad      int
	url, std bool // letters that only one alphabet has
	spaces   bool // white space that is not a line end, in base64
	fresh    bool // at the beginning of a line, but for white space
	end      string
}

func newDecoder(many bool, types ...string) *decoder {
	d := &decoder{types: types, many: many}
	d.state = d.start
	return d
}

// feed decodes the next run of the input.
func (d *decoder) feed(in []byte) error {
	for len(in) != 0 && d.err == nil {
		if in, d.err = d.state(in); d.err == nil && len(d.out) >= firstOctets {
			d.err = d.check()
		}
	}
	return d.err
}

// close is to be called at the end of the input.
func (d *decoder) close() error {
	if d.err != nil {
		return d.err
	}
	switch d.encoding {
	case "":
		d.err = ErrEmpty
	case Binary:
	case Armor:
		if d.kind != "" || len(d.head) != 0 {
			d.err = fmt.Errorf("%w: it has no end", ErrArmor)
		}
	default:
		d.err = d.finish()
	}
	if d.err == nil {
		d.err = d.check()
	}
	return d.err
}

// check looks at the first bytes of what was decoded, once.
func (d *decoder) check() error {
	if d.checked {
		return nil
	}
	d.checked = true
	switch {
	case len(d.out) == 0 && d.encoding != Binary:
		return ErrNotBase64
	case bytes.HasPrefix(d.out, []byte("-----BEGIN")):
		return ErrTwice
	case len(d.out) != 0 && d.out[0] < 0x80:
		return ErrNotBase64
	}
	return nil
}

func (d *decoder) start(in []byte) ([]byte, error) {
	if !d.blank && in[0] >= 0x80 {
		d.encoding, d.state = Binary, d.binary
		return in, nil
	}
	d.blank = true // from here on it is text
	if in = trimSpace(in); len(in) == 0 {
		return nil, nil
	}
	if in[0] == '-' {
		d.encoding, d.state = Armor, d.begin
		return in, nil
	}
	if d.many {
		return nil, ErrArmor
	}
	d.encoding, d.state = Base64URL, d.body
	return in, nil
}

func trimSpace(in []byte) []byte { return bytes.TrimLeft(in, " \t\r\n") }

func (d *decoder) binary(in []byte) ([]byte, error) {
	d.out = append(d.out, in...)
	return nil, nil
}

// line collects a line. It returns ok if in held its end.
func (d *decoder) line(in []byte) (line, rest []byte, ok bool, err error) {
	line, rest, ok = bytes.Cut(in, []byte("\n"))
	d.head = append(d.head, line...)
	if d.heads += len(line) + 1; d.heads > maxArmorHead {
		return nil, nil, false, fmt.Errorf("%w: its header lines are too long", ErrArmor)
	}
	if !ok {
		return nil, nil, false, nil
	}
	line = bytes.Trim(d.head, " \t\r")
	d.head = d.head[:0]
	return line, rest, true, nil
}

// begin reads the line that begins a block.
func (d *decoder) begin(in []byte) ([]byte, error) {
	line, rest, ok, err := d.line(in)
	if !ok {
		return nil, err
	}
	for _, kind := range d.types {
		if string(line) == "-----BEGIN "+kind+"-----" {
			d.kind, d.state = kind, d.headers
			d.n, d.letters, d.pad = 0, 0, 0
			return rest, nil
		}
	}
	if kind, ok := bytes.CutPrefix(line, []byte("-----BEGIN PGP ")); ok && bytes.HasSuffix(kind, []byte("-----")) {
		return nil, fmt.Errorf("%w: %.64q where %s is expected", ErrArmorType, line, d.types[0])
	}
	return nil, ErrArmor
}

// headers reads the header lines, which nobody authenticates, up to an empty line.
func (d *decoder) headers(in []byte) ([]byte, error) {
	line, rest, ok, err := d.line(in)
	switch {
	case !ok:
		return nil, err
	case len(line) == 0:
		d.state, d.fresh, d.std = d.body, true, true
	case !bytes.Contains(line, []byte(":")):
		return nil, fmt.Errorf("%w: no empty line before the data", ErrArmor)
	}
	return rest, nil
}

// body decodes letters.
func (d *decoder) body(in []byte) ([]byte, error) {
	if d.n == 0 && d.pad == 0 && !d.spaces {
		if n := d.groups(in); n != 0 {
			return in[n:], nil
		}
	}
	c := in[0]
	switch {
	case c == '\r' || c == '\n':
		d.fresh = true
	case c == ' ' || c == '\t':
		d.spaces = d.kind == ""
	case c == '=' && d.kind != "" && d.fresh && (d.letters+int64(d.pad))%4 == 0:
		d.state = d.footer
	case c == '=':
		d.fresh = false
		if d.pad++; d.pad > 2 || d.spaces {
			return nil, d.bad()
		}
	case c == '-' && d.kind != "":
		d.end, d.state = "-----END "+d.kind+"-----", d.endLine
		return in, d.finish()
	case d.pad != 0 || d.spaces:
		return nil, d.bad()
	default:
		d.fresh = false
		return in[1:], d.letter(c)
	}
	return in[1:], nil
}

// groups decodes what it can of groups of four letters, and returns how many
// letters it took. Text in lines never pays for the second core.
func (d *decoder) groups(in []byte) (taken int) {
	const line = 4 << 10
	for _, run := range [][]byte{in[:min(len(in), line)], in} {
		run = run[taken:]
		room := len(run) / 4 * 3
		d.out = slices.Grow(d.out, room)
		n := base64url.DecodeGroups(d.out[len(d.out):len(d.out)+room], run, d.std)
		if !d.std && !d.url && bytes.ContainsAny(run[:n], "-_") {
			d.url = true
		}
		d.out = d.out[:len(d.out)+n/4*3]
		if taken += n; n < len(run)/4*4 || len(in) <= line {
			break
		}
	}
	d.letters += int64(taken)
	d.fresh = d.fresh && taken == 0
	return taken
}

// letter takes one letter.
func (d *decoder) letter(c byte) error {
	switch {
	case c == '+' || c == '/':
		if d.url {
			return ErrAlphabets
		}
		d.std = true
		if d.kind == "" {
			d.encoding = StandardBase64
		}
	case c == '-' || c == '_':
		if d.std && d.kind == "" {
			return ErrAlphabets
		}
		d.url = true
	}
	d.group[d.n] = c
	d.n++
	d.letters++
	if d.n < 4 {
		return nil
	}
	var three [3]byte
	if base64url.DecodeGroups(three[:], d.group[:], d.std) != 4 {
		return d.bad()
	}
	d.out = append(d.out, three[:]...)
	d.n = 0
	return nil
}

// finish ends a block of letters: the last group may have two or three, and
// their unused bits are zero.
func (d *decoder) finish() error {
	total := d.letters + int64(d.pad)
	if d.letters == 0 || (d.kind != "" || d.pad != 0) && total%4 != 0 || d.n == 1 {
		return d.bad()
	}
	if d.n == 0 {
		return nil
	}
	for i := d.n; i < 4; i++ {
		d.group[i] = 'A'
	}
	var three [3]byte
	if base64url.DecodeGroups(three[:], d.group[:], d.std) != 4 {
		return d.bad()
	}
	if three[2] != 0 || d.n == 2 && three[1] != 0 {
		return d.bad()
	}
	d.out = append(d.out, three[:d.n-1]...)
	d.n = 0
	return nil
}

func (d *decoder) bad() error {
	if d.kind != "" {
		return fmt.Errorf("%w: what it holds is not base64", ErrArmor)
	}
	return ErrNotBase64
}

// footer passes over the checksum, up to the end of its line, or to the end of the
// block if that stands on the same line.
func (d *decoder) footer(in []byte) ([]byte, error) {
	i := bytes.IndexAny(in, "\n-")
	if i < 0 {
		return nil, nil
	}
	d.state = d.afterFooter
	return in[i:], nil
}

func (d *decoder) afterFooter(in []byte) ([]byte, error) {
	if in = trimSpace(in); len(in) == 0 {
		return nil, nil
	}
	if in[0] != '-' {
		return nil, fmt.Errorf("%w: data after its checksum", ErrArmor)
	}
	d.end, d.state = "-----END "+d.kind+"-----", d.endLine
	return in, d.finish()
}

// endLine reads the line that ends a block.
func (d *decoder) endLine(in []byte) ([]byte, error) {
	n := min(len(in), len(d.end))
	if string(in[:n]) != d.end[:n] {
		return nil, fmt.Errorf("%w: its end is not that of a %s", ErrArmor, d.kind)
	}
	if d.end = d.end[n:]; d.end == "" {
		d.kind, d.state = "", d.after
	}
	return in[n:], nil
}

// after takes nothing but white space or, in a key file, another block.
func (d *decoder) after(in []byte) ([]byte, error) {
	if in = trimSpace(in); len(in) == 0 {
		return nil, nil
	}
	if d.many && in[0] == '-' {
		d.heads, d.state = 0, d.begin
		return in, nil
	}
	return nil, fmt.Errorf("%w: text after its end", ErrArmor)
}
