package command

import (
	"fmt"
	"io"
	"math"
	"os"
)

// input opens what a command works on: the file that is its argument, or
// standard input.
func (c *call) input(what string) (io.Reader, func(), error) {
	name := "-"
	if len(c.args) != 0 {
		name = c.args[0]
	}
	return c.open(name, what, "name the file of "+what)
}

// open opens a file, or standard input for "-", of which there is one: instead says
// what to do if that is taken.
func (c *call) open(name, what, instead string) (io.Reader, func(), error) {
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, nil, err
		}
		return f, func() { _ = f.Close() }, nil
	}
	if c.inTaken != "" {
		return nil, nil, misuse("standard input is %s already: %s", c.inTaken, instead)
	}
	c.inTaken = what
	return c.in, func() {}, nil
}

// read returns a file, or standard input for "-", of at most limit bytes.
func (c *call) read(name, what string, limit int64) ([]byte, error) {
	r, closeIt, err := c.open(name, what, "it cannot be "+what+" too")
	if err != nil {
		return nil, err
	}
	defer closeIt()
	raw, err := readAtMost(r, limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return raw, nil
}

// readAtMost returns all of r, or an error if it is larger than most bytes.
func readAtMost(r io.Reader, most int64) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, min(most, math.MaxInt64-1)+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(raw)) > most:
		return nil, fmt.Errorf("it is larger than %d bytes", most)
	}
	return raw, nil
}
