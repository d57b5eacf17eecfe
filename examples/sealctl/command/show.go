package command

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sealwax/sealwax/keyset"
)

// A manifestReport is what rotate says in JSON: the manifest itself, and what
// each key may do next.
type manifestReport struct {
	Manifest *keyset.Manifest                `json:"manifest"`
	Steps    map[keyset.ID]map[string]string `json:"steps"` // empty text, or why it is refused
}

// due says which steps there are for each key, and why those that are refused
// are. It asks a ring of its own for each, so that what it says is what happens.
func due(s *keyset.Set) map[keyset.ID]map[string]string {
	out := map[keyset.ID]map[string]string{}
	for k := range s.All() {
		out[k.ID()] = map[string]string{}
		for name, try := range map[string]func(*keyset.Ring) error{
			"promote": func(r *keyset.Ring) error { return r.Promote(k.ID()) },
			"retire":  func(r *keyset.Ring) error { return r.Retire(k.ID()) },
			"remove":  func(r *keyset.Ring) error { return r.RemoveUnchecked(k.ID(), "asked") }, // usage is not known here
		} {
			if k.State == keyset.Revoked || name == "retire" && k.State != keyset.Active || name != "retire" && k.State == keyset.Active {
				continue
			}
			reason := ""
			if err := try(keyset.NewRing(s)); err != nil {
				reason = err.Error()
			}
			out[k.ID()][name] = reason
		}
	}
	return out
}

func (r *rotation) show(ring *keyset.Ring) error {
	s := ring.Load()
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", s)
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	for k := range s.All() {
		i := k.Material.Info()
		end := ""
		if _, at := k.Bounds(); !at.IsZero() {
			end = "until " + at.UTC().Format(time.DateOnly)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", i.ID, k.State, i.Use, i.Name, k.Source, end)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(table.String()) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	for _, t := range s.Manifest().Traces {
		if t.Replica != "" {
			fmt.Fprintf(&b, "forgotten: replica %s at %s: %s\n", strconv.Quote(t.Replica), t.At.UTC().Format(time.RFC3339), strconv.Quote(t.Reason))
			continue
		}
		fmt.Fprintf(&b, "removed unchecked: %s at %s: %s\n", t.ID, t.At.UTC().Format(time.RFC3339), strconv.Quote(t.Reason))
	}
	steps := due(s)
	for k := range s.All() {
		for _, name := range []string{"promote", "retire", "remove"} {
			if reason, ok := steps[k.ID()][name]; ok && reason == "" {
				fmt.Fprintf(&b, "possible: %s %s\n", name, k.ID())
			} else if ok {
				fmt.Fprintf(&b, "refused:  %s %s: %s\n", name, k.ID(), reason)
			}
		}
	}
	return r.say(ring, b.String())
}

func (r *rotation) say(ring *keyset.Ring, text string) error {
	s := ring.Load()
	return r.c.say(manifestReport{s.Manifest(), due(s)}, text, false)
}
