package keyset

import "strings"

// RevokeIn revokes a key in bytes, as a Step does it in those of a store.
var RevokeIn = revokeIn

// PublishedSource is the source of a key that came by publication.
var PublishedSource = publishedSource

// RuleTable returns the rules as the package documentation lists them.
func RuleTable() string {
	var b strings.Builder
	for _, r := range rules {
		b.WriteString(strings.TrimRight("//\t"+pad(r.change, 42)+pad(r.asks, 50)+pad(errorNames[r.err], 15)+started[r.start], " ") + "\n")
	}
	return b.String()
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(1, width-len(text)))
}

var started = map[bool]string{true: "start"}

var errorNames = map[error]string{
	ErrTransition: "ErrTransition", ErrIncomplete: "ErrIncomplete", ErrUnproven: "ErrUnproven",
	ErrLastActive: "ErrLastActive", ErrLastOpener: "ErrLastOpener", ErrBusy: "ErrBusy", ErrLagging: "ErrLagging",
}

// StepTable returns the states that a step, or a manifest alone, leads to.
func StepTable() string {
	all := []State{gone, Pending, Active, Retiring, Revoked}
	name := func(s State) string {
		if s == gone {
			return "gone"
		}
		return s.String()
	}
	var b strings.Builder
	b.WriteString("//\t" + pad("from \\ to", 12))
	for _, to := range all {
		b.WriteString(pad(name(to), 10))
	}
	rows := []string{strings.TrimRight(b.String(), " ")}
	for _, from := range all {
		row := "//\t" + pad(name(from), 12)
		for _, to := range all {
			s, ok := steps[[2]State{from, to}]
			switch {
			case from == to || !ok:
				row += pad("-", 10)
			case s.missed:
				row += pad("manifest", 10)
			default:
				row += pad("step", 10)
			}
		}
		rows = append(rows, strings.TrimRight(row, " "))
	}
	return strings.Join(rows, "\n") + "\n"
}
