package command

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sealwax/sealwax/keyset"
)

var check = command{
	name: "check", args: "KEYS...",
	what: "audit a keyset: what expires, what is missing, what falls short",
	help: keyFileHelp + `
Private keys are tested too. The exit status is 4 if there is something to report.
What the Standard Payments family asks for is -max-lifetime 731d -subkey.

  sealctl check -lead 60d own.json
`,
	run: runCheck,
}

// A findingReport is a finding in JSON.
type findingReport struct {
	ID      keyset.ID `json:"id,omitempty"` // empty if it is about the set
	Problem string    `json:"problem"`
	When    time.Time `json:"when"`
	Text    string    `json:"text"`
}

func runCheck(ctx context.Context, c *call) error {
	keys := keyReader{c: c}
	lead, linger, lifetime := span(30*24*time.Hour), span(30*24*time.Hour), span(0)
	c.flags.Var(&lead, "lead", "report a key this `long` before its end")
	c.flags.Var(&linger, "linger", "report a key that has been retiring for `longer` than this; 0d for never")
	c.flags.Var(&lifetime, "max-lifetime", "report a key that is valid for `longer` than this; 0d for never")
	trace := span(30 * 24 * time.Hour)
	c.flags.Var(&trace, "trace", "report a key that was removed unchecked for this `long`; 0d for never")
	bits := c.flags.Int("min-rsa", 2048, "the smallest RSA modulus, in `bits`")
	subkey := c.flags.Bool("subkey", false, "report an OpenPGP certificate without a subkey to encrypt to")
	quantum := c.flags.String("post-quantum-by", "", "report a key that lasts beyond this `date`, and is not post-quantum: 2030-01-01")
	encryptOnly := c.flags.Bool("encrypt-only", false, "nobody signs: say nothing of keys that only a signature needs")
	at := c.flags.String("at", "", "what will be reported at this `date`: 2027-01-31")
	keys.flag()
	if err := c.parse(1, 1<<10); err != nil {
		return err
	}
	now := time.Now()
	if *at != "" {
		var err error
		if now, err = time.Parse(time.DateOnly, *at); err != nil {
			return misuse("-at: write the date as 2027-01-31")
		}
	}
	var quantumBy time.Time
	if *quantum != "" {
		var err error
		if quantumBy, err = time.Parse(time.DateOnly, *quantum); err != nil {
			return misuse("-post-quantum-by: write the date as 2030-01-01")
		}
	}
	s, err := keys.set(ctx, "keys", c.args, either)
	if err != nil {
		return err
	}
	reports := []findingReport{}
	for k := range s.All() {
		if k.State == keyset.Revoked {
			continue
		}
		if err := k.Material.SelfTest(ctx); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			reports = append(reports, findingReport{ID: k.ID(), Problem: "self_test", When: now, Text: fmt.Sprintf("key %s fails its self-test: %v", k.ID(), err)})
		}
	}
	for _, f := range s.Check(now, keyset.Requirements{
		Lead: time.Duration(lead), MaxLifetime: time.Duration(lifetime), MinRSABits: *bits, Linger: time.Duration(linger), Subkey: *subkey, Trace: time.Duration(trace), PostQuantumBy: quantumBy,
	}) {
		if *encryptOnly && ofSignatures(s, f) {
			continue
		}
		text := f.String()
		if k, ok := s.Lookup(f.ID); ok && f.Problem == keyset.TooLong {
			if _, end := k.Bounds(); end.IsZero() {
				text += ": it has no end"
			}
		}
		reports = append(reports, findingReport{ID: f.ID, Problem: string(f.Problem), When: f.When.UTC(), Text: text})
	}
	var text strings.Builder
	for _, r := range reports {
		fmt.Fprintln(&text, r.Text)
	}
	if len(reports) == 0 {
		fmt.Fprintf(&text, "nothing to report of %s\n", s)
	}
	if err := c.say(map[string]any{"findings": reports}, text.String(), false); err != nil {
		return err
	}
	if len(reports) != 0 {
		return &exitError{found, fmt.Errorf("%d to report", len(reports))}
	}
	return nil
}

// ofSignatures reports whether a finding says that nothing signs, or verifies: our own keys
// seal by signing, and the partner's open by verifying.
func ofSignatures(s *keyset.Set, f keyset.Finding) bool {
	return f.Problem == keyset.NoSealer && s.Private() || f.Problem == keyset.NoOpener && !s.Private()
}
