package main

import (
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A terminal shows what a person would see. It knows the sequences that a screen
// writes, and fails the test at any other.
type terminal struct {
	t    *testing.T
	cols int

	mu       sync.Mutex
	above    []string // what has gone up and out of sight
	grid     [][]byte
	row, col int
	cut      bool // lines that are too long are cut, and not wrapped
	split    bool // a write has ended in the middle of something
}

func newTerminal(t *testing.T, cols, rows int) *terminal {
	v := &terminal{t: t, cols: cols}
	for range rows {
		v.grid = append(v.grid, nil)
	}
	return v
}

func (v *terminal) Write(p []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for rest := string(p); rest != ""; {
		if sequence, ok := strings.CutPrefix(rest, "\x1b["); ok {
			end := strings.IndexFunc(sequence, func(r rune) bool { return r >= '@' })
			if !assert.GreaterOrEqual(v.t, end, 0, "half a sequence") {
				break
			}
			v.control(sequence[:end], sequence[end])
			rest = sequence[end+1:]
			continue
		}
		v.print(rest[0])
		rest = rest[1:]
	}
	v.split = v.split || v.cut || v.col != 0
	return len(p), nil
}

func (v *terminal) control(parameter string, final byte) {
	switch final {
	case 'A':
		n, err := strconv.Atoi(parameter)
		assert.NoError(v.t, err)
		assert.LessOrEqual(v.t, n, v.row, "the picture is higher than the terminal")
		v.row = max(0, v.row-n)
	case 'J':
		assert.Empty(v.t, parameter)
		v.grid[v.row] = v.grid[v.row][:min(v.col, len(v.grid[v.row]))]
		for below := v.row + 1; below < len(v.grid); below++ {
			v.grid[below] = nil
		}
	case 'h', 'l':
		assert.Equal(v.t, "?7", parameter)
		v.cut = final == 'l'
	case 'm':
	default:
		assert.Failf(v.t, "an unknown sequence", "%s%c", parameter, final)
	}
}

func (v *terminal) print(b byte) {
	switch {
	case b == '\r':
		v.col = 0
		return
	case b == '\n':
		v.col = 0
		v.down()
		return
	case b < ' ' || b > '~':
		assert.Failf(v.t, "neither a letter nor a line", "%q", b)
		return
	case v.col == v.cols && v.cut:
		v.col-- // over the last one, again and again
	case v.col == v.cols:
		v.col = 0
		v.down()
	}
	for len(v.grid[v.row]) <= v.col {
		v.grid[v.row] = append(v.grid[v.row], ' ')
	}
	v.grid[v.row][v.col] = b
	v.col++
}

func (v *terminal) down() {
	if v.row++; v.row < len(v.grid) {
		return
	}
	v.row--
	v.above = append(v.above, strings.TrimRight(string(v.grid[0]), " "))
	v.grid = append(v.grid[1:], nil)
}

// visible returns the rows that are in sight, without the empty ones at the end.
func (v *terminal) visible() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var rows []string
	for _, row := range v.grid {
		rows = append(rows, strings.TrimRight(string(row), " "))
	}
	for len(rows) > 0 && rows[len(rows)-1] == "" {
		rows = rows[:len(rows)-1]
	}
	return rows
}

// everything returns those that are out of sight as well.
func (v *terminal) everything() string {
	rows := v.visible()
	return strings.Join(append(append([]string(nil), v.above...), rows...), "\n")
}
