package command

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/sealwax/sealwax/keyset"
)

// mostCandidates are how many keys an error lists.
const mostCandidates = 12

// find returns the one key that text names; if there is none, the error lists what there
// is.
func find(s *keyset.Set, text string) (keyset.Key, error) {
	k, err := s.Find(text)
	if !errors.Is(err, keyset.ErrNotFound) {
		return k, err
	}
	var list []string
	for k := range s.All() {
		if len(list) == mostCandidates {
			list = append(list, "...")
			break
		}
		list = append(list, describe(k))
	}
	return k, fmt.Errorf("%w; there are: %s", err, strings.Join(list, ", "))
}

// describe says which key it is, in a line: as a person needs it before a key is trusted
// or given up.
func describe(k keyset.Key) string {
	i := k.Material.Info()
	text := fmt.Sprintf("%s %s (%s", i.ID, strconv.Quote(i.Name), k.State)
	if k.Source != "" {
		text += ", " + printable(k.Source)
	}
	return text + ")"
}

// printable is s, or s in quotes if it holds what a terminal would obey: an escape, an end
// of line, a change of direction.
func printable(s string) string {
	if quoted := strconv.Quote(s); quoted != `"`+s+`"` {
		return quoted
	}
	return s
}
