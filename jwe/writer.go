package jwe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// A writer writes a header, in an order of its own: what is needed to read the
// rest comes first.
type writer struct {
	buf bytes.Buffer
	err error
}

func newWriter() *writer { return &writer{} }

func (w *writer) text(name, v string) { w.value(name, v) }

func (w *writer) value(name string, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		w.err = errors.Join(w.err, fmt.Errorf("%q: %w", name, err))
		return
	}
	w.raw(name, text)
}

func (w *writer) raw(name string, text []byte) {
	quoted, err := json.Marshal(name)
	if err != nil {
		w.err = errors.Join(w.err, err)
		return
	}
	if w.buf.Len() == 0 {
		w.buf.WriteByte('{')
	} else {
		w.buf.WriteByte(',')
	}
	w.buf.Write(quoted)
	w.buf.WriteByte(':')
	w.buf.Write(text)
}

// finish adds the parameters of the Config and returns the JSON.
func (w *writer) finish(more []parameter) ([]byte, error) {
	for _, p := range more {
		w.raw(p.name, p.json)
	}
	if w.buf.Len() == 0 {
		w.buf.WriteByte('{')
	}
	w.buf.WriteByte('}')
	if w.err == nil && w.buf.Len() > maxHeader {
		return nil, fmt.Errorf("%d bytes: %w of %d", w.buf.Len(), errTooLarge, maxHeader)
	}
	return w.buf.Bytes(), w.err
}
