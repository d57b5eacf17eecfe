package rehearsal

import (
	"context"
	"fmt"
	"time"
)

// A Level is how much a case weighs.
type Level string

const (
	Demanded Level = "demanded" // the network does not launch without it
	Advice   Level = "advice"   // nobody demands it, and an attacker is glad if it is not so
)

// An Outcome is what came of a case.
type Outcome string

const (
	Held          Outcome = "held"
	Failed        Outcome = "failed"
	NotTried      Outcome = "not tried"      // and so not shown
	NotApplicable Outcome = "not applicable" // there is nothing to show
)

// A Case is one demand, and how it is tried.
type Case struct {
	Name   string // stable: "keys/by-both"
	Demand string // in our words
	Source string // whose demand it is
	Level  Level

	signing bool // it is about signatures, which not every profile has
	echo    bool // it needs the protocol of the echo
	try     func(ctx context.Context, r *run) (Outcome, string, error)
}

// A Result is a case that was tried, or was not.
type Result struct {
	Case
	Outcome Outcome
	Saw     string // what was seen; what the endpoint sent is quoted, and cut
	Began   time.Time
	Took    time.Duration
}

// Blocks reports whether the result stands against a launch: a demand did not hold, or
// was not shown to hold.
func (r Result) Blocks() bool {
	return r.Level == Demanded && (r.Outcome == Failed || r.Outcome == NotTried)
}

// A Message is what is sent.
type Message struct {
	Body        []byte
	ContentType string
}

// An Answer is what came back. It is hostile input.
type Answer struct {
	Status      int
	ContentType string              // empty if there is none to judge
	Header      map[string][]string // nil if there is none to judge
	Body        []byte
	Cut         bool // the body was longer
	Took        time.Duration
}

func (a Answer) String() string {
	switch {
	case len(a.Body) == 0:
		return fmt.Sprintf("%d with an empty body", a.Status)
	case a.Cut:
		return fmt.Sprintf("%d with more than %d bytes", a.Status, len(a.Body))
	}
	return fmt.Sprintf("%d with %d bytes: %.60q", a.Status, len(a.Body), a.Body)
}

// Whose demands they are.
const (
	ofEcho       = "Standard Payments, echo"
	ofPGP        = "Standard Payments, application-layer encryption with PGP"
	ofJWE        = "Standard Payments, application-layer encryption with JWE"
	ofProtocol   = "Standard Payments, communication protocol"
	ofErrors     = "Standard Payments, ErrorResponse"
	ofRFC9580    = "RFC 9580"
	ofRFC7516    = "RFC 7516"
	ofRFC8725    = "RFC 8725"
	ofNobody     = "no network demands it"
	ofRSAPadding = "RFC 7516, section 11.5; RFC 9580, section 13.5"
)

// NewSending returns a case of the caller's that is given a good message, to send it in a
// way of its own.
func NewSending(name, demand, source string, level Level, try func(context.Context, Message) (Outcome, string, error)) Case {
	return Case{Name: name, Demand: demand, Source: source, Level: level,
		try: func(ctx context.Context, r *run) (Outcome, string, error) {
			m, err := r.seal(letter{payload: r.payload(newRequest("hello")), by: []string{first}})
			if err != nil {
				return "", "", err
			}
			return try(ctx, m)
		}}
}

// NewCase returns a case of the caller's, for [Rehearsal.More].
func NewCase(name, demand, source string, level Level, try func(ctx context.Context) (Outcome, string, error)) Case {
	return Case{Name: name, Demand: demand, Source: source, Level: level,
		try: func(ctx context.Context, _ *run) (Outcome, string, error) { return try(ctx) }}
}
