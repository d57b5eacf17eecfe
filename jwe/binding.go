package jwe

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
)

// newNumber returns the number of one message, for all of its signatures.
func newNumber() string {
	var jti [16]byte
	rand.Read(jti[:])
	return rawURL.EncodeToString(jti[:])
}

// bind writes what keeps a message from being taken for another: the parties,
// the date, a number, the context. All of it is signed.
func (e *Envelope) bind(h *writer, c *exchange.Call, number string, layer envelope.Layer) {
	if e.speaks(layer) && e.c.Self != "" {
		h.text("iss", e.c.Self)
		h.text("aud", e.c.Partner)
	}
	if !e.c.Bare {
		h.value("iat", c.At.Unix())
		h.text("jti", number)
	}
	if e.speaks(layer) && e.c.SealContext != "" {
		h.text(contextParameter, e.c.SealContext)
	}
}

var (
	errBoundToOthers = errors.New("the message is signed for somebody else, or by somebody else's name")
	errUnbound       = errors.New("the message is signed for nobody in particular")
	errContext       = errors.New("the message is signed in another context, or in none")
)

// says returns what a signed message says about itself, in the header of the JWS and
// in its payload. It looks into the payload only for what the header leaves open:
// "iat" if the header has none; "iss" and "aud" if Self is set; "exp" and "nbf" if Self
// is set or the header says that the payload is a JWT, for a payload may mean something
// else by them, such as the end of a card.
//
// The signature around a JWE that has another one inside says nothing but who carried
// it: of the message, the one inside speaks.
func (j *judge) says(header map[string]any) (exchange.Statement, *exchange.Refusal) {
	e := j.e
	if !e.speaks(j.layer) {
		out := exchange.Statement{Ageless: true}
		return out, dates(&out, header, nil)
	}
	var out exchange.Statement
	var names []string
	if _, dated := header["iat"]; !dated {
		names = append(names, "iat")
	}
	jwt := saysJWT(header["typ"]) || saysJWT(header["cty"])
	if e.c.Self != "" {
		names = append(names, "iss", "aud")
	}
	if e.c.Self != "" || jwt {
		names = append(names, "exp", "nbf")
	}
	claimed, err := claims(j.payload, names...)
	switch {
	case err != nil && e.c.Self != "":
		return out, &exchange.Refusal{Reason: envelope.Misdirected, Cause: err}
	case err != nil && jwt:
		return out, &exchange.Refusal{Reason: envelope.Malformed, Cause: err}
	}
	if refused := dates(&out, header, claimed); refused != nil {
		return out, refused
	}
	out.Bound, out.Misdirected = e.directed(header, claimed)
	return out, nil
}

// saysJWT reports whether a "typ" or "cty" is that of a JWT: RFC 7519, Section 5.1.
func saysJWT(v any) bool {
	s, _ := v.(string)
	return sameType(s, "JWT")
}

// sameType compares media types as RFC 7515, Section 4.1.9, writes them.
func sameType(a, b string) bool {
	short := func(s string) string {
		const prefix = "application/"
		if len(s) > len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) && !strings.Contains(s[len(prefix):], "/") {
			return s[len(prefix):]
		}
		return s
	}
	return strings.EqualFold(short(a), short(b))
}

// dates reads "iat", "nbf", and "exp". What is no date in the header is an error;
// so is an "nbf" or "exp" in the payload, which is asked only where it is a claim. A
// payload that holds something else under "iat" is not dated.
func dates(out *exchange.Statement, header, claimed map[string]any) *exchange.Refusal {
	for _, d := range []struct {
		name  string
		at    *time.Time
		later bool // keep the later of two
	}{{"iat", &out.Made, false}, {"nbf", &out.NotBefore, true}, {"exp", &out.NotAfter, false}} {
		for i, m := range []map[string]any{header, claimed} {
			v, present := m[d.name]
			if !present {
				continue
			}
			at, err := numericDate(v)
			if err != nil && i == 1 && d.name == "iat" && !errors.Is(err, errMilliseconds) {
				continue
			}
			if errors.Is(err, errMilliseconds) {
				return &exchange.Refusal{Reason: envelope.OutOfTime, Cause: fmt.Errorf("%q %w", d.name, err)}
			}
			if err != nil {
				return &exchange.Refusal{Reason: envelope.Malformed, Cause: fmt.Errorf("%q %w", d.name, err)}
			}
			if d.at.IsZero() || at.After(*d.at) == d.later {
				*d.at = at
			}
		}
	}
	return nil
}

// latestDate is the end of the year 9999. A date in milliseconds is later.
const latestDate = 253402300799

var (
	errNoDate       = errors.New("is no date: RFC 7519, Section 2, asks for a number of seconds")
	errMilliseconds = errors.New("is in milliseconds, and not in seconds as RFC 7519, Section 2, asks for")
)

// numericDate is the NumericDate of RFC 7519, Section 2.
func numericDate(v any) (time.Time, error) {
	seconds, ok := v.(float64)
	switch {
	case !ok || seconds < 0 || seconds/1000 > latestDate:
		return time.Time{}, errNoDate
	case seconds > latestDate:
		return time.Time{}, errMilliseconds
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9)), nil
}

// bound reports whether the message is bound to the two parties, or returns why
// it is not for us: the header and the payload may each say so, and what
// they say must be true. What is there and is not null has to be names.
func bound(self, partner string, all ...map[string]any) (bool, error) {
	var iss, aud bool
	for _, m := range all {
		if v := m["iss"]; v != nil {
			if v != any(partner) {
				return false, errBoundToOthers
			}
			iss = true
		}
		if v := m["aud"]; v != nil {
			if !audience(v, self) {
				return false, errBoundToOthers
			}
			aud = true
		}
	}
	return iss && aud, nil
}

// audience reports whether v names us, and nothing in it is anything but a name: RFC
// 7519, Section 4.1.3.
func audience(v any, self string) (ours bool) {
	list, ok := v.([]any)
	if !ok {
		return v == any(self)
	}
	for _, one := range list {
		s, ok := one.(string)
		if !ok {
			return false
		}
		ours = ours || s == self
	}
	return ours
}

// directed judges parties, types, and context together.
func (e *Envelope) directed(header, claimed map[string]any) (isBound bool, err error) {
	if e.c.Self != "" {
		if isBound, err = bound(e.c.Self, e.c.Partner, header, claimed); err != nil {
			return false, err
		}
	}
	if e.c.RequireBound && !isBound {
		return false, errUnbound
	}
	for _, t := range []struct{ name, want string }{{"typ", e.c.RequireTyp}, {"cty", e.c.RequireCty}} {
		if has, _ := header[t.name].(string); t.want != "" && !sameType(has, t.want) {
			return false, fmt.Errorf("the header of the JWS has no %q of %q", t.name, t.want)
		}
	}
	if e.c.OpenContext != "" && header[contextParameter] != any(e.c.OpenContext) {
		return false, errContext
	}
	return isBound, nil
}
