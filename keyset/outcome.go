package keyset

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// A Refusal is one change of a manifest that the rules did not allow, or that
// could not be carried out.
type Refusal struct {
	ID  ID
	Err error // one of the errors of this package, or of the opener, with the next step
}

// String returns the text of the error, which names the key.
func (r Refusal) String() string { return r.Err.Error() }

type refusalText struct {
	ID    ID     `json:"id"`
	Error string `json:"error"`
}

// MarshalJSON writes the ID and the text of the error.
func (r Refusal) MarshalJSON() ([]byte, error) {
	return json.Marshal(refusalText{r.ID, r.Err.Error()})
}

// UnmarshalJSON reads what MarshalJSON writes. Of the error only the text is left.
func (r *Refusal) UnmarshalJSON(raw []byte) error {
	var t refusalText
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return err
	}
	r.ID, r.Err = t.ID, errors.New(t.Error)
	return nil
}

// An Outcome says what a [Ring.Reload] did. It can be logged, and stored as JSON.
type Outcome struct {
	Revision uint64    `json:"revision"`          // the newest that was read; in force but for what was refused
	Changed  bool      `json:"changed,omitempty"` // whether the call changed anything
	Revoked  []ID      `json:"revoked,omitempty"` // what the call revoked
	Refused  []Refusal `json:"refused,omitempty"` // in the order of IDs; nil if the ring is as the manifest says
}

// Err returns what was refused as one error, nil if nothing was.
func (o Outcome) Err() error {
	var all []error
	for _, r := range o.Refused {
		all = append(all, r.Err)
	}
	return errors.Join(all...)
}

// String returns the outcome as text: one line, and one more for each refusal.
func (o Outcome) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "revision %d", o.Revision)
	if !o.Changed {
		b.WriteString(", unchanged")
	}
	for _, id := range o.Revoked {
		fmt.Fprintf(&b, ", revoked %s", id)
	}
	if n := len(o.Refused); n != 0 {
		fmt.Fprintf(&b, ", %d refused", n)
	}
	for _, r := range o.Refused {
		fmt.Fprintf(&b, "\nrefused: %v", r)
	}
	return b.String()
}

// LogValue implements [slog.LogValuer].
func (o Outcome) LogValue() slog.Value {
	attrs := []slog.Attr{slog.Uint64("revision", o.Revision), slog.Bool("changed", o.Changed)}
	if len(o.Revoked) != 0 {
		attrs = append(attrs, slog.Any("revoked", o.Revoked))
	}
	for _, r := range o.Refused {
		attrs = append(attrs, slog.String("refused", r.String()))
	}
	return slog.GroupValue(attrs...)
}
