package rehearsal

import (
	"context"
	"fmt"
	"time"
)

// requestCases are messages that open, and say something that must not be acted on, or
// something unusual that must be.
func requestCases(*run) []Case {
	var c []Case
	odd := func(o oddity, demand string, level Level, want judge) {
		c = append(c, Case{Name: "request/" + o.name, Demand: demand, Source: ofEcho, Level: level, echo: true,
			try: func(ctx context.Context, r *run) (Outcome, string, error) {
				q := newRequest("hello")
				text := o.change(q.text())
				if text == q.text() {
					return "", "", fmt.Errorf("%s changes nothing", o.name)
				}
				x, err := r.exchange(ctx, q, letter{payload: []byte(text), by: []string{first}})
				if err != nil {
					return "", "", err
				}
				out, saw := want(r, x)
				return out, saw, nil
			}})
	}
	for _, o := range lax {
		odd(o, "JSON is parsed strictly: "+o.what+" is rejected", Demanded, rejects)
	}
	for _, o := range unusual {
		odd(o, "JSON is parsed as it is specified: "+o.what, Demanded, answers)
	}
	odd(unknownMember, "members that are not known are ignored, so that the protocol can grow", Advice, answers)
	for _, t := range []struct {
		name, what string
		by         time.Duration
	}{{"too-old", "61 s before now", -61 * time.Second}, {"too-new", "more than 60 s after now", 63 * time.Second}} {
		c = append(c, Case{Name: "request/" + t.name, Demand: "a request whose timestamp is " + t.what + " is rejected", Source: ofProtocol, Level: Demanded, echo: true,
			try: func(ctx context.Context, r *run) (Outcome, string, error) {
				q := newRequest("hello")
				q.at = q.at.Add(t.by)
				x, err := r.exchange(ctx, q, letter{by: []string{first}})
				if err != nil {
					return "", "", err
				}
				out, saw := r.rejected(x)
				return out, saw, nil
			}})
	}
	return c
}
