package jwe

import (
	"crypto/rand"
	"errors"
	"math"
	"time"

	"github.com/sealwax/sealwax/internal/exchange"
)

// bind writes what keeps a message from being taken for another: the parties,
// the date, a number, the context. All of it is signed.
func (e *Envelope) bind(h *writer, c *exchange.Call) {
	if e.c.Self != "" {
		var jti [16]byte
		rand.Read(jti[:])
		h.text("iss", e.c.Self)
		h.text("aud", e.c.Partner)
		h.value("iat", c.At.Unix())
		h.text("jti", rawURL.EncodeToString(jti[:]))
	}
	if e.c.SealContext != "" {
		h.text(contextParameter, e.c.SealContext)
	}
}

var (
	errBoundToOthers = errors.New("the message is signed for somebody else, or by somebody else's name")
	errUnbound       = errors.New("the message is signed for nobody in particular")
	errContext       = errors.New("the message is signed in another context, or in none")
	errDate          = errors.New(`the header of the JWS has an "iat" that is no date`)
)

// A statement is what a signed message says about itself, in its header and in
// its payload.
type statement struct {
	header map[string]any
	claims map[string]any
}

// state looks into the payload only where the header leaves a question open.
func (e *Envelope) state(header map[string]any, payload []byte) statement {
	s := statement{header: header}
	_, dated := header["iat"]
	if e.c.Self != "" || !dated {
		s.claims = claims(payload)
	}
	return s
}

// date returns the date of the signature, or the zero time. A payload that
// holds something else under that name is not dated.
func (s statement) date() (time.Time, error) {
	if v, ok := s.header["iat"]; ok {
		at, ok := numericDate(v)
		if !ok {
			return time.Time{}, errDate
		}
		return at, nil
	}
	at, _ := numericDate(s.claims["iat"])
	return at, nil
}

// latestDate is the end of the year 9999. A date in milliseconds is later.
const latestDate = 253402300799

// numericDate is the NumericDate of RFC 7519, Section 2.
func numericDate(v any) (time.Time, bool) {
	seconds, ok := v.(float64)
	if !ok || seconds < 0 {
		return time.Time{}, false
	}
	seconds = min(seconds, latestDate)
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9)), true
}

// bound reports whether the message is bound to the two parties, or returns why
// it is not for us: the header and the payload may each say so, and what
// they say must be true. In the header the names must be names; a payload may
// use the words for something else.
func (s statement) bound(self, partner string) (bool, error) {
	var iss, aud bool
	for i, m := range []map[string]any{s.header, s.claims} {
		strict := i == 0
		switch v := m["iss"].(type) {
		case nil:
		case string:
			if v != partner {
				return false, errBoundToOthers
			}
			iss = true
		default:
			if strict {
				return false, errBoundToOthers
			}
		}
		if m["aud"] == nil {
			continue
		}
		switch named, ours := audience(m["aud"], self); {
		case ours:
			aud = true
		case named || strict:
			return false, errBoundToOthers
		}
	}
	return iss && aud, nil
}

// audience reports whether v names anybody, and whether it names us: RFC 7519,
// Section 4.1.3.
func audience(v any, self string) (named, ours bool) {
	switch v := v.(type) {
	case string:
		return true, v == self
	case []any:
		for _, one := range v {
			s, ok := one.(string)
			if !ok {
				return false, false
			}
			named, ours = true, ours || s == self
		}
	}
	return named, ours
}

// directed judges parties and context together.
func (e *Envelope) directed(s statement) (bound bool, err error) {
	if e.c.Self != "" {
		if bound, err = s.bound(e.c.Self, e.c.Partner); err != nil {
			return false, err
		}
	}
	if e.c.RequireBound && !bound {
		return false, errUnbound
	}
	if e.c.OpenContext != "" && s.header[contextParameter] != any(e.c.OpenContext) {
		return false, errContext
	}
	return bound, nil
}
