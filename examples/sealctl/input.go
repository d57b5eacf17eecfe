package main

import (
	"io"
	"os"
)

// input opens what a command works on: the file that is its argument, or
// standard input.
func (c *call) input(what string) (io.Reader, func(), error) {
	if len(c.args) != 0 && c.args[0] != "-" {
		f, err := os.Open(c.args[0])
		if err != nil {
			return nil, nil, err
		}
		return f, func() { _ = f.Close() }, nil
	}
	if c.inTaken != "" {
		return nil, nil, misuse("standard input is %s already: name the file of %s", c.inTaken, what)
	}
	c.inTaken = what
	return c.in, func() {}, nil
}
