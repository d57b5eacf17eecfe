package rehearsal

import (
	"context"
	"fmt"

	"github.com/sealwax/sealwax/keyset"
)

// A sending is one letter of a case. what names it where there are several.
type sending struct {
	what string
	letter
}

// judge says what an exchange comes to.
type judge func(*run, *exchange) (Outcome, string)

// sends is how most cases are tried: each letter is sent, and all come to the same.
func sends(want judge, letters ...sending) func(context.Context, *run) (Outcome, string, error) {
	return func(ctx context.Context, r *run) (Outcome, string, error) {
		said := ""
		for _, l := range letters {
			x, err := r.exchange(ctx, newRequest("hello"), l.letter)
			if err != nil {
				return "", "", err
			}
			out, saw := want(r, x)
			if l.what != "" {
				saw = l.what + ": " + saw
			}
			if out != Held {
				return out, saw, nil
			}
			said = saw
		}
		if len(letters) > 1 {
			said = fmt.Sprintf("%d messages, the last %s", len(letters), said)
		}
		return Held, said, nil
	}
}

func by(names ...string) sending { return sending{letter: letter{by: names}} }

// labelled gives each sending what it says.
func (s sending) as(what string) sending {
	s.what = what
	return s
}

var (
	answers = (*run).answered
	rejects = (*run).rejected
)

// keyCases are tried while the endpoint trusts two keys of the network.
func keyCases(r *run) []Case {
	const (
		several = "several keys are supported at once"
		known   = "a message is accepted if any one of its signatures is good, whatever the others are"
	)
	with := func(to ...recipient) sending { return sending{letter: letter{by: []string{first}, to: to}} }
	var each []sending
	for _, k := range r.partner.opening {
		each = append(each, with(k).as("to "+string(k.id)))
	}
	c := []Case{
		{Name: "keys/to-each", Demand: "a message to any one of the keys that were handed over is answered", Source: ofEcho, Level: Demanded, try: r.needsTwo(sends(answers, each...))},
	}
	c = append(c, ofSignatures(
		Case{Name: "keys/by-old", Demand: several + ": a message signed by the old key is answered", Source: ofEcho, Level: Demanded, try: sends(answers, by(first))},
		Case{Name: "keys/by-new", Demand: several + ": a message signed by the new key is answered", Source: ofEcho, Level: Demanded, try: sends(answers, by(second))},
	)...)
	c = append(c, r.unsigned(contentCases()...)...)
	if r.Network.format == keyset.JOSE {
		unnamed := func(kid string) sending {
			return sending{letter: letter{by: []string{second}, kid: func(string) string { return kid }}}
		}
		var unnamedTo []sending
		for _, k := range r.partner.opening {
			s := unnamed("")
			s.to = []recipient{k}
			unnamedTo = append(unnamedTo, s.as("to "+string(k.id)))
		}
		return append(c,
			Case{Name: "keys/no-kid", Demand: "the kid is a hint: a message that names no key is answered", Source: "RFC 7515, section 4.1.4; " + ofJWE, Level: Demanded, try: sends(answers, unnamedTo...)},
			Case{Name: "keys/unknown-kid", Demand: "the kid is a hint: a message that names keys in the sender's own way is answered", Source: "RFC 7515, section 4.1.4", Level: Advice, try: sends(answers, unnamed("named-by-the-sender"))},
		)
	}
	own := r.Network.parties[stranger].entity
	hidden := with(r.partner.opening...)
	hidden.hidden = true
	return append(c,
		Case{Name: "keys/to-both", Demand: "a message to all keys that were handed over is answered", Source: ofPGP, Level: Demanded, try: r.needsTwo(sends(answers, with(r.partner.opening...)))},
		Case{Name: "keys/to-one-and-a-stranger", Demand: "a message that others can read too is answered", Source: ofPGP, Level: Demanded,
			try: sends(answers, with(recipient{entity: own}, r.partner.opening[0]).as("the stranger first"), with(r.partner.opening[0], recipient{entity: own}).as("the stranger last"))},
		Case{Name: "keys/hidden-recipients", Demand: "a message that does not name its recipients is answered", Source: ofRFC9580 + ", section 5.1.8", Level: Advice, try: sends(answers, hidden)},
		Case{Name: "keys/by-both", Demand: known, Source: ofEcho, Level: Demanded, try: sends(answers, by(first, second).as("the old key first"), by(second, first).as("the new key first"))},
		Case{Name: "keys/by-known-and-unknown", Demand: known + ": one is by a key that was never handed over", Source: ofEcho, Level: Demanded, try: sends(answers, by(first, stranger).as("the known key first"), by(stranger, first).as("the unknown key first"))},
		Case{Name: "keys/by-expired-and-active", Demand: known + ": one is by a key that has expired", Source: ofEcho, Level: Demanded, try: sends(answers, by(expired, first).as("the expired key first"), by(first, expired).as("the active key first"))},
		Case{Name: "keys/by-revoked-and-active", Demand: known + ": one is by a key that was revoked", Source: ofEcho, Level: Demanded, try: sends(answers, by(revoked, first).as("the revoked key first"), by(first, revoked).as("the active key first"))},
	)
}

// needsTwo is for what an endpoint with one key cannot show.
func (r *run) needsTwo(try func(context.Context, *run) (Outcome, string, error)) func(context.Context, *run) (Outcome, string, error) {
	if len(r.partner.opening) > 1 {
		return try
	}
	return func(context.Context, *run) (Outcome, string, error) {
		return NotTried, "only one key of the endpoint is known that decrypts: hand over two", nil
	}
}
