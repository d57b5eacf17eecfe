package command

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
)

// A keyReport describes a key in JSON. Times are RFC 3339.
type keyReport struct {
	ID        keyset.ID  `json:"id"`
	Name      string     `json:"name,omitempty"`
	Format    string     `json:"format"`
	Private   bool       `json:"private"`
	Use       string     `json:"use"`
	Algorithm string     `json:"algorithm,omitempty"`
	State     string     `json:"state,omitempty"`
	NotAfter  *time.Time `json:"not_after,omitempty"`
}

func newKeyReport(k keyset.Key) keyReport {
	i := k.Material.Info()
	r := keyReport{ID: i.ID, Name: i.Name, Format: string(i.Format), Private: i.Private, Use: i.Use.String(), Algorithm: i.Algorithm}
	if k.State != 0 {
		r.State = k.State.String()
	}
	if _, end := k.Bounds(); !end.IsZero() {
		r.NotAfter = &end
	}
	return r
}

func (r keyReport) line() string {
	parts := []string{string(r.ID)}
	if r.Name != "" && r.Name != string(r.ID) {
		parts = append(parts, fmt.Sprintf("%q", r.Name))
	}
	parts = append(parts, r.Algorithm, r.Use)
	if r.NotAfter != nil {
		parts = append(parts, "until "+r.NotAfter.UTC().Format(time.DateOnly))
	}
	return strings.Join(parts, " ")
}

// A useReport says what a key did.
type useReport struct {
	ID        keyset.ID  `json:"id"`
	Subkey    keyset.ID  `json:"subkey,omitempty"`
	State     string     `json:"state"`
	Algorithm string     `json:"algorithm"`
	Time      *time.Time `json:"time,omitempty"`   // of a signature, as claimed
	Digest    string     `json:"digest,omitempty"` // of a signature, in hexadecimal
}

func newUseReport(u envelope.KeyUse) useReport {
	r := useReport{ID: u.ID, Subkey: u.Subkey, State: u.State.String(), Algorithm: u.Algorithm}
	if !u.Time.IsZero() {
		r.Time = &u.Time
	}
	if u.Digest != [32]byte{} {
		r.Digest = hex.EncodeToString(u.Digest[:])
	}
	return r
}

func (r useReport) line() string {
	text := fmt.Sprintf("%s (%s, %s", r.ID, r.State, r.Algorithm)
	if r.Time != nil {
		text += ", " + r.Time.UTC().Format(time.RFC3339)
	}
	return text + ")"
}

// An openReport is the account of a message that opened.
type openReport struct {
	Signers   []useReport `json:"signers"`
	Decrypter useReport   `json:"decrypter"`
	Content   string      `json:"content"`
	Bound     bool        `json:"bound"`
	Ignored   []useReport `json:"ignored,omitempty"`
	Addressed []keyset.ID `json:"addressed,omitempty"`
	Unknown   []keyset.ID `json:"unknown,omitempty"`
	Waived    []string    `json:"waived,omitempty"`
}

func newOpenReport(m *envelope.Message) openReport {
	r := openReport{
		Signers: []useReport{}, Decrypter: newUseReport(m.Decrypter), Content: m.Content, Bound: m.Bound,
		Addressed: m.Addressed, Unknown: m.Unknown,
	}
	for _, u := range m.Signers {
		r.Signers = append(r.Signers, newUseReport(u))
	}
	for _, u := range m.Ignored {
		r.Ignored = append(r.Ignored, newUseReport(u))
	}
	for _, w := range m.Waived {
		r.Waived = append(r.Waived, w.String())
	}
	return r
}

func (r openReport) text() string {
	var b strings.Builder
	for _, s := range r.Signers {
		fmt.Fprintf(&b, "signed by %s\n", s.line())
	}
	if len(r.Signers) == 0 {
		b.WriteString("signed by nobody\n")
	}
	fmt.Fprintf(&b, "decrypted by %s, content %s\n", r.Decrypter.line(), r.Content)
	for _, s := range r.Ignored {
		fmt.Fprintf(&b, "a signature does not count: %s\n", s.line())
	}
	for _, id := range r.Unknown {
		fmt.Fprintf(&b, "also signed by %s, which is not among the partner's keys\n", id)
	}
	if !r.Bound {
		b.WriteString("signed for nobody in particular: whoever could read it can pass it on\n")
	}
	for _, w := range r.Waived {
		fmt.Fprintf(&b, "waived: %s\n", w)
	}
	return b.String()
}
