package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

var inspect = command{
	name: "inspect", args: "[-own KEYS -peer KEYS] [FILE]",
	what: "say what a message says about itself and, with keys, why it does not open",
	help: settingsHelp + `
Without keys, nothing is decrypted and nothing of it is authenticated. With keys,
the payload is not shown; open does that.

  sealctl inspect <request.sealed
  sealctl inspect -own own.json -peer peer.json request.sealed
`,
	run: runInspect,
}

// An inspectReport is what inspect says in JSON.
type inspectReport struct {
	Format     string      `json:"format"`
	Encoding   string      `json:"encoding"`
	Size       int64       `json:"size"` // in bytes, without the encoding
	Content    string      `json:"content,omitempty"`
	Recipients []keyset.ID `json:"recipients"` // empty for a hidden one
	Algorithms []string    `json:"algorithms"` // one for each recipient

	Opens  *openReport  `json:"opens,omitempty"`
	Reason string       `json:"reason,omitempty"` // why not
	Cause  string       `json:"cause,omitempty"`
	Keys   []knownKey   `json:"keys,omitempty"` // that were tried, or that the message names
	Advice string       `json:"advice,omitempty"`
	Ours   []*keyReport `json:"ours,omitempty"` // our keys that open
}

// A knownKey is a key that a rejection names.
type knownKey struct {
	ID    keyset.ID `json:"id"`
	Whose string    `json:"whose"` // "ours", "the partner's", "unknown"
	State string    `json:"state,omitempty"`
}

func runInspect(ctx context.Context, c *call) error {
	s := newSettings(c)
	s.opening()
	if err := c.parse(0, 1); err != nil {
		return err
	}
	var e envelope.Envelope
	var own, peer *keyset.Set
	if len(s.own)+len(s.peer) != 0 {
		var err error
		if e, own, peer, err = s.envelope(ctx); err != nil {
			return err
		}
	}
	in, closeIn, err := c.input("the message")
	if err != nil {
		return err
	}
	defer closeIn()
	sealed, err := readMessage(in, s.maxSize)
	if err != nil {
		return err
	}
	o, err := outline(sealed)
	if err != nil {
		return err
	}
	r := inspectReport{
		Format: string(o.Format), Encoding: o.Encoding, Size: o.Size, Content: o.Content,
		Recipients: append([]keyset.ID{}, o.Recipients...), Algorithms: append([]string{}, o.Algorithms...),
	}
	var rejection error
	if e != nil {
		if o.Format != own.Format() {
			return fmt.Errorf("the message is for %s, the keys are for %s", o.Format, own.Format())
		}
		if rejection, err = r.judge(ctx, e, own, peer, sealed); err != nil {
			return err
		}
	}
	if err := c.say(r, r.text(), false); err != nil {
		return err
	}
	if rejection != nil {
		return &exitError{rejected, errors.New("the message does not open")}
	}
	return nil
}

// outline tells the formats apart as their packages do: what is neither armor nor
// binary and has a dot or a brace is JOSE.
func outline(sealed []byte) (*envelope.Outline, error) {
	text := bytes.TrimSpace(sealed)
	armored := bytes.HasPrefix(text, []byte("-----BEGIN PGP "))
	binary := len(sealed) != 0 && sealed[0] >= 0x80
	if !armored && !binary && bytes.ContainsAny(text, ".{") {
		return jwe.Inspect(sealed)
	}
	return pgp.Inspect(sealed)
}

// judge opens the message and notes the outcome. It returns the rejection apart
// from errors that are not the message's.
func (r *inspectReport) judge(ctx context.Context, e envelope.Envelope, own, peer *keyset.Set, sealed []byte) (rejection, err error) {
	for k := range own.Opening() {
		report := newKeyReport(k)
		r.Ours = append(r.Ours, &report)
	}
	m, err := e.Open(ctx, sealed)
	oe, isRejected := errors.AsType[*envelope.OpenError](err)
	switch {
	case err == nil:
		report := newOpenReport(m)
		r.Opens = &report
		return nil, nil
	case !isRejected:
		return nil, err
	}
	r.Reason, r.Advice = string(oe.Reason), advice(oe)
	if cause := oe.Cause(); cause != nil {
		r.Cause = cause.Error()
	}
	for _, id := range oe.Keys {
		k := knownKey{ID: id, Whose: "unknown"}
		for whose, s := range map[string]*keyset.Set{"ours": own, "the partner's": peer} {
			if entry, ok := s.Lookup(id); ok {
				k.Whose, k.State = whose, entry.State.String()
			}
		}
		r.Keys = append(r.Keys, k)
	}
	return oe, nil
}

func (r inspectReport) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s, %d bytes", r.Format, r.Encoding, r.Size)
	if r.Content != "" {
		fmt.Fprintf(&b, ", content %s", r.Content)
	}
	b.WriteByte('\n')
	for i, alg := range r.Algorithms {
		name := "a recipient that is not named"
		if i < len(r.Recipients) && r.Recipients[i] != "" {
			name = string(r.Recipients[i])
		}
		fmt.Fprintf(&b, "encrypted to %s with %s\n", name, alg)
	}
	if r.Opens != nil {
		b.WriteString("it opens\n")
		b.WriteString(r.Opens.text())
	}
	if r.Reason == "" {
		return b.String()
	}
	fmt.Fprintf(&b, "it does not open: %s", r.Reason)
	if r.Cause != "" {
		fmt.Fprintf(&b, ": %s", r.Cause)
	}
	b.WriteByte('\n')
	for _, k := range r.Keys {
		switch {
		case k.State == "":
			fmt.Fprintf(&b, "  %s is named, and is no key that we know\n", k.ID)
		case k.Whose == "ours" && r.Reason == string(envelope.NotForUs):
			fmt.Fprintf(&b, "  %s is ours, %s, and was tried\n", k.ID, k.State)
		default:
			fmt.Fprintf(&b, "  %s is %s, %s\n", k.ID, k.Whose, k.State)
		}
	}
	if r.Reason == string(envelope.NotForUs) || r.Reason == string(envelope.RevokedRecipient) {
		for _, k := range r.Ours {
			fmt.Fprintf(&b, "  we open with %s\n", k.line())
		}
	}
	fmt.Fprintf(&b, "what to do: %s\n", r.Advice)
	return b.String()
}

// explain says all of a rejection to the operator. It never reaches a sender.
func explain(e *envelope.OpenError) string {
	text := "the message is rejected: " + string(e.Reason)
	if cause := e.Cause(); cause != nil {
		text += ": " + cause.Error()
	}
	for i, id := range e.Keys {
		sep := ", "
		if i == 0 {
			sep = "; keys "
		}
		text += sep + string(id)
	}
	return text + "\nwhat to do: " + advice(e)
}

// waivable are the waivers that permit what a cause speaks of.
var waivable = map[string]string{
	"the message is compressed": "jwe.InsecureCompression",
	`key encryption "RSA1_5"`:   "jwe.InsecureRSA1_5",
	"InsecureLongIV":            "jwe.InsecureLongIV",
	"InsecureCarriedKeys":       "jwe.InsecureCarriedKeys",
}

// permitted names the waiver of what was refused, if there is one.
func permitted(e *envelope.OpenError) string {
	cause := e.Cause()
	for text, waiver := range waivable {
		if cause != nil && strings.Contains(cause.Error(), text) {
			return ", or permit this one: -waive " + waiver + "=REASON"
		}
	}
	return "; no waiver permits this one"
}

// advice says what to do about a rejection.
func advice(e *envelope.OpenError) string {
	switch e.Reason {
	case envelope.Malformed:
		return "see that the whole body arrived, and nothing around it, such as JSON or quotes"
	case envelope.TooLarge:
		return "raise -max-size if the partner sends such payloads"
	case envelope.Forbidden:
		return "ask the partner for another algorithm" + permitted(e)
	case envelope.NotForUs:
		return "ask the partner which key it encrypts to, and hand it ours: sealctl public"
	case envelope.Corrupt:
		return "have it sent again: it was cut or changed on its way"
	case envelope.Unsigned:
		return "ask the partner to sign; where a profile has no signatures, -waive pgp.InsecureUnsigned=REASON or -waive jwe.InsecureEncryptOnly=REASON"
	case envelope.UnknownSigner:
		return "ask the partner which key it signs with; if we do not have that key, compare its fingerprint, and add it: sealctl rotate"
	case envelope.RevokedSigner:
		return "do not act on it; ask the partner to sign with a key that is not revoked"
	case envelope.RevokedRecipient:
		return "hand the partner a key that is not revoked: sealctl public"
	case envelope.BadSignature:
		return "do not act on it; if it happens again, ask the partner what it signs"
	case envelope.OutOfTime:
		return "compare the clocks, and the validity of the key that signed: sealctl check"
	case envelope.Misdirected:
		return "see that -context, -self and -partner are those that the partner sealed for, and that it is no message of our own"
	}
	return "ask the partner"
}
