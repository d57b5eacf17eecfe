package command

import (
	"context"
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
	Troubles map[keyset.ID]string            `json:"troubles,omitempty"`
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

// opened opens each key of the manifest by itself, and says why one does not open or is
// not valid now.
func (r *rotation) opened(ctx context.Context, m *keyset.Manifest) (map[keyset.ID]keyset.Material, map[keyset.ID]string) {
	open := r.keys.opener(m.Format, r.file)
	materials, troubles := map[keyset.ID]keyset.Material{}, map[keyset.ID]string{}
	for _, entry := range m.Keys {
		if entry.State == keyset.Revoked {
			continue
		}
		one := *m
		one.Keys = []keyset.ManifestKey{entry}
		s, err := one.Open(ctx, open)
		if err != nil {
			troubles[entry.ID] = "DOES NOT OPEN: " + printable(err.Error())
			continue
		}
		k, _ := s.Lookup(entry.ID)
		materials[entry.ID] = k.Material
		begin, end := k.Bounds()
		switch {
		case entry.State != keyset.Active:
		case begin.After(r.now):
			troubles[entry.ID] = "NOT VALID BEFORE " + begin.UTC().Format(time.RFC3339)
		case !end.IsZero() && !end.After(r.now):
			troubles[entry.ID] = "NOT VALID ANY MORE, since " + end.UTC().Format(time.RFC3339)
		}
	}
	return materials, troubles
}

func (r *rotation) show(ctx context.Context) error {
	m, err := r.read()
	if err != nil {
		return err
	}
	materials, troubles := r.opened(ctx, m)
	need := files
	if len(materials) < len(m.Keys) {
		need = states // without the files there is less to show
	}
	ring, err := r.load(ctx, need)
	if err != nil && need == files {
		ring, err = r.load(ctx, states) // each opens alone, and they do not fit together
	}
	if err != nil {
		return err
	}
	s := ring.Load()
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", s)
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	for k := range s.All() {
		i := k.Material.Info()
		if held := materials[i.ID]; held != nil {
			k.Material = held
		}
		end := ""
		if _, at := k.Bounds(); !at.IsZero() {
			end = "until " + at.UTC().Format(time.DateOnly)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", i.ID, k.State, i.Use, printable(i.Name), printable(k.Source), strings.TrimSpace(end+"  "+troubles[i.ID]))
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
	return r.c.say(manifestReport{s.Manifest(), due(s), troubles}, b.String(), false)
}

func (r *rotation) say(ring *keyset.Ring, text string) error {
	s := ring.Load()
	return r.c.say(manifestReport{s.Manifest(), due(s), nil}, text, false)
}
