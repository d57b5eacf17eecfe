package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// A screen is a terminal. What is written to it stays, as on paper. Below that is
// a picture, drawn again in the same place whenever something is written, and
// ten times a second. It is safe for concurrent use. A nil screen shows nothing.
//
// Nothing needs to be undone when the program ends, however it ends: the cursor
// is never hidden, and rests below the picture. Every change is one write.
type screen struct {
	mu      sync.Mutex
	w       io.Writer
	begun   []byte                                     // a line that has no end yet
	picture func(columns int, colors palette) []string // nil while there is none
	rows    int                                        // of the picture that is there now
	width   func() int                                 // of the terminal now, 0 if it does not say
	colors  palette

	stop, stopped chan struct{}
}

// What the terminal is told, of ECMA-48 and, for wrapping, of DEC's VT100. Lines
// of the picture are cut where the terminal ends: a line that wraps is two, and
// the next picture would begin one row too low. Other lines are broken between words.
const (
	up      = "\x1b[%dA"
	erase   = "\x1b[J" // from the cursor to the end
	wrap    = "\x1b[?7h"
	cutLong = "\x1b[?7l"
)

// isTerminal reports whether w is a terminal, and one that knows these sequences.
func isTerminal(w io.Writer, term string) bool {
	f, ok := w.(*os.File)
	if !ok || term == "" || term == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// usual is the width of a terminal that does not say how wide it is, and narrowest that
// of the picture.
const usual, narrowest = 80, 60

func newScreen(w io.Writer, width func() int, colors palette) *screen {
	s := &screen{w: w, width: width, colors: colors, stop: make(chan struct{}), stopped: make(chan struct{})}
	go func() {
		defer close(s.stopped)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-s.stop:
				return
			case <-tick.C:
				s.refresh()
			}
		}
	}()
	return s
}

// show makes the lines that a function returns the picture from now on, or takes
// the picture away if it is nil. The function is called by several goroutines,
// one at a time.
func (s *screen) show(picture func(columns int, colors palette) []string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	s.picture = picture
	s.mu.Unlock()
	s.refresh()
}

// refresh draws the picture as it is now.
func (s *screen) refresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.draw(nil) // a terminal that is gone is noticed by whoever writes
}

// Write implements io.Writer. A line appears when it is complete.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun = append(s.begun, p...)
	end := bytes.LastIndexByte(s.begun, '\n') + 1
	if end == 0 {
		return len(p), nil
	}
	text := s.begun[:end]
	s.begun = bytes.Clone(s.begun[end:])
	return len(p), s.draw(text)
}

// close takes the picture away, and writes a line that has no end.
func (s *screen) close() {
	close(s.stop)
	<-s.stopped
	s.show(nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.draw(s.begun)
	s.begun = nil
}

// draw puts text where the picture is, and the picture below it.
func (s *screen) draw(text []byte) error {
	var b bytes.Buffer
	if s.rows != 0 {
		fmt.Fprintf(&b, "\r"+up+erase, s.rows) // \r: a key that was pressed may have moved the cursor
	}
	columns := s.columns()
	for line := range strings.Lines(string(text)) {
		line, ended := strings.CutSuffix(line, "\n")
		b.WriteString(strings.Join(wrapped(line, columns), "\n"))
		if ended {
			b.WriteByte('\n')
		}
	}
	s.rows = 0
	if s.picture != nil {
		b.WriteString(cutLong)
		for _, line := range s.picture(max(columns, narrowest), s.colors) {
			b.WriteString(line + "\n")
			s.rows++
		}
		b.WriteString(wrap)
	}
	if b.Len() == 0 {
		return nil
	}
	_, err := s.w.Write(b.Bytes())
	return err
}

// columns is how wide the terminal is now: a person may make it wider.
func (s *screen) columns() int {
	if n := s.width(); n != 0 {
		return n
	}
	return usual
}
