package envelopetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/sealwax/sealwax/envelope"
)

// rejects checks one rejection, for one of the reasons.
func (r *report) rejects(p Party, sealed []byte, what string, want ...envelope.Reason) {
	m, err := p.Envelope.Open(bg, sealed)
	r.add(m == nil, "%s: a Message beside an error", what)
	oe, ok := errors.AsType[*envelope.OpenError](err)
	if r.add(ok, "%s: %v is no *OpenError", what, err); ok {
		r.add(len(want) == 0 || slices.Contains(want, oe.Reason), "%s: rejected for %q, want %q", what, oe.Reason, want)
	}
}

// damaged are messages that must not open, made from one that does.
func damaged(good []byte) map[string][]byte {
	return map[string][]byte{
		"empty":         nil,
		"one byte":      {'x'},
		"text":          []byte("hello, world"),
		"half":          good[:len(good)/2],
		"without end":   good[:len(good)-max(1, len(good)/20)],
		"twice":         append(bytes.Clone(good), good...),
		"zeros":         make([]byte, 1000),
		"long nonsense": bytes.Repeat([]byte("AAAA."), 10_000),
	}
}

func rejections(a, b Party) []string {
	var r report
	good, err := a.Envelope.Seal(bg, []byte("{}"))
	if r.add(err == nil, "Seal: %v", err); err != nil {
		return r
	}
	for what, sealed := range damaged(good) {
		r.rejects(b, sealed, what)
	}
	changed := 0
	for i := 0; i < len(good); i += 1 + len(good)/100 {
		tampered := bytes.Clone(good)
		tampered[i] ^= 0x41
		m, err := b.Envelope.Open(bg, tampered)
		switch {
		case err == nil:
			r.add(string(m.Payload) == "{}", "byte %d changed: another payload", i)
		case errors.Is(err, envelope.ErrRejected):
			changed++
			r.add(m == nil, "byte %d changed: a Message beside an error", i)
		default:
			r.add(false, "byte %d changed: %v", i, err)
		}
	}
	r.add(changed > 50, "of 100 changed bytes only %d are noticed", changed)
	_, err = b.Envelope.Open(bg, good)
	r.add(err == nil, "the good message no longer opens: %v", reason(err))
	return r
}

func uniform(a, b Party) []string {
	var r report
	good, err := a.Envelope.Seal(bg, []byte("{}"))
	r.add(err == nil, "Seal: %v", err)
	texts := map[string]string{}
	for what, sealed := range damaged(good) {
		_, err := b.Envelope.Open(bg, sealed)
		raw, _ := json.Marshal(struct{ Err error }{err})
		texts[fmt.Sprintf("%v|%+v|%#v|%q|%v|%s", err, err, err, err, fmt.Errorf("x: %w", err), raw)] = what
	}
	for id := range b.Own.Load().All() {
		_ = b.Own.Revoke(id.ID())
	}
	_, err = b.Envelope.Open(bg, good)
	raw, _ := json.Marshal(struct{ Err error }{err})
	texts[fmt.Sprintf("%v|%+v|%#v|%q|%v|%s", err, err, err, err, fmt.Errorf("x: %w", err), raw)] = "revoked"
	r.add(len(texts) == 1, "%d different texts: %v", len(texts), texts)
	return r
}

func reflection(a, _ Party) []string {
	var r report
	sealed, err := a.Envelope.Seal(bg, []byte("{}"))
	r.add(err == nil, "Seal: %v", err)
	r.rejects(a, sealed, "our own message")
	return r
}

// reason says why a message was rejected; err itself does not.
func reason(err error) string {
	if oe, ok := errors.AsType[*envelope.OpenError](err); ok {
		return fmt.Sprintf("rejected: %s (%v)", oe.Reason, oe.Cause())
	}
	return fmt.Sprint(err)
}
