package exchange

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/text"
	"github.com/sealwax/sealwax/keyset"
)

// A Window is when a key is valid: from NotBefore to NotAfter, both included.
// A zero time is no bound.
type Window struct {
	NotBefore, NotAfter time.Time
	EndsWith            string // as in [keyset.Info]
}

func (w Window) end() string {
	if w.EndsWith == "" {
		return stamp(w.NotAfter)
	}
	return stamp(w.NotAfter) + ", with " + w.EndsWith
}

// InTime judges when one signature was made: not in the future, not too long ago,
// within the bounds that it sets for itself, while every window was open, and by a key
// that has not ended more than [Grace] ago, whatever date it bears. An undated
// signature counts as made on arrival, without grace, and is too old if age is
// limited.
func (c *Call) InTime(says Statement, windows ...Window) error {
	maxAge := c.x.c.MaxAge
	if says.Ageless {
		maxAge = 0
	}
	at, is := says.Made, "is dated"
	if says.Made.IsZero() {
		if maxAge > 0 {
			return errors.New("the signature has no date, and age is limited")
		}
		at, is = c.At, "has no date and arrived"
	}
	if ahead := at.Sub(c.At); ahead > c.Skew() {
		return fmt.Errorf("the signature is dated %v in the future", ahead.Round(time.Second))
	}
	if age := c.At.Sub(at); maxAge > 0 && age > maxAge {
		return fmt.Errorf("the signature is %v old, the limit is %v", age.Round(time.Second), maxAge)
	}
	switch {
	case !says.NotAfter.IsZero() && c.At.After(says.NotAfter.Add(c.Skew())):
		return fmt.Errorf("the signature expired on %s", stamp(says.NotAfter))
	case !says.NotBefore.IsZero() && c.At.Before(says.NotBefore.Add(-c.Skew())):
		return fmt.Errorf("the signature is not valid before %s", stamp(says.NotBefore))
	}
	for _, w := range windows {
		if !w.NotBefore.IsZero() && at.Before(w.NotBefore.Add(-c.Skew())) {
			return fmt.Errorf("the signature %s %s, before the key is valid: %s", is, stamp(at), stamp(w.NotBefore))
		}
		if w.NotAfter.IsZero() {
			continue
		}
		if at.After(w.NotAfter) {
			return fmt.Errorf("the signature %s %s, after the key ended: %s", is, stamp(at), w.end())
		}
		if c.At.After(w.NotAfter.Add(Grace)) {
			return fmt.Errorf("the key ended on %s, more than %v ago", w.end(), Grace)
		}
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Digest is [envelope.KeyUse].Digest: of the key and the exact bytes signed. key is the
// material, and not the ID of an entry: two entries can hold one key, and under which of
// them a signature counts changes while one of them ends.
func Digest(key string, signed ...[]byte) [32]byte {
	h := sha256.New()
	h.Write([]byte(key))
	h.Write([]byte{0})
	for _, s := range signed {
		h.Write(s)
	}
	return [32]byte(h.Sum(nil))
}

// Verdicts collects what became of each signature of one message.
type Verdicts struct {
	signers, ignored []envelope.KeyUse
	unknown          []keyset.ID
	reason           envelope.Reason
	cause            error
	keys             []keyset.ID
	bound            bool
	header           map[string]any
	exhausted        error // the end of the work that the message is worth
}

// severity orders the reasons of signatures that do not count: the message is
// rejected for the one that came closest to being accepted.
func severity(r envelope.Reason) int {
	switch r {
	case envelope.TooLarge: // was not looked at, for it asks for too much work
		return 7
	case envelope.OutOfTime:
		return 6
	case envelope.Misdirected:
		return 5
	case envelope.Forbidden:
		return 4
	case envelope.BadSignature:
		return 3
	case envelope.RevokedSigner:
		return 2
	case envelope.UnknownSigner:
		return 1
	}
	return 0
}

// Count enters a signature that counts, with what it alone vouches for.
func (v *Verdicts) Count(u envelope.KeyUse, header map[string]any) {
	if len(v.signers) == 0 {
		v.header = header
	}
	v.bound = u.Bound && (v.bound || len(v.signers) == 0)
	v.signers = append(v.signers, u)
}

// Ignore enters a signature by a key that we know that does not count.
func (v *Verdicts) Ignore(u envelope.KeyUse, r envelope.Reason, cause error) {
	v.ignored = append(v.ignored, u)
	v.note(r, cause, u.ID)
}

// Stranger enters a signature by a key that we do not have, as the message
// names it. cause says what was tried.
func (v *Verdicts) Stranger(name string, cause error) {
	if name != "" {
		id := keyset.ID(text.Cut(name, 128))
		v.unknown = append(v.unknown, id)
		v.note(envelope.UnknownSigner, cause, id)
		return
	}
	v.note(envelope.UnknownSigner, cause)
}

// Unusable enters a signature of which not even the signer can be told.
func (v *Verdicts) Unusable(r envelope.Reason, cause error) { v.note(r, cause) }

func (v *Verdicts) note(r envelope.Reason, cause error, ids ...keyset.ID) {
	v.keys = append(v.keys, ids...)
	if severity(r) > severity(v.reason) || v.reason == "" {
		v.reason, v.cause = r, cause
	}
}

// Rejection returns the rejection of the message if no signature counts, and else nil.
func (v *Verdicts) Rejection() error {
	switch {
	case len(v.signers) != 0:
		return nil
	case v.exhausted != nil:
		return v.exhausted
	case v.reason == "":
		return envelope.Reject(envelope.Unsigned, nil)
	}
	return envelope.Reject(v.reason, v.cause, v.keys...)
}

// Fill enters the verdicts into m, or returns their [Verdicts.Rejection].
func (v *Verdicts) Fill(m *envelope.Message) error {
	if err := v.Rejection(); err != nil {
		return err
	}
	m.Signers, m.Ignored, m.Unknown = v.signers, v.ignored, v.unknown
	m.Bound, m.Header = v.bound, v.header
	return nil
}

// FillOuter enters the verdicts on the signatures around a message that was encrypted:
// behind those inside, if there are any, and never as bound, because who signed there
// need not have known the payload.
func (v *Verdicts) FillOuter(m *envelope.Message) error {
	var outer envelope.Message
	if err := v.Fill(&outer); err != nil {
		return err
	}
	for _, uses := range [][]envelope.KeyUse{outer.Signers, outer.Ignored} {
		for i := range uses {
			uses[i].Layer, uses[i].Bound = envelope.Outer, false
		}
	}
	if len(m.Signers) == 0 {
		m.Header = outer.Header
	}
	m.Signers = append(m.Signers, outer.Signers...)
	m.Ignored = append(m.Ignored, outer.Ignored...)
	m.Unknown = append(m.Unknown, outer.Unknown...)
	return nil
}
