// Package text makes what a stranger supplied fit for a log.
package text

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

const ellipsis = "…"

// Cut returns s in at most n bytes and without characters that do not print
// on one line: they are quoted as by [strconv.Quote]. What had to be left out
// is marked with an ellipsis, for which n must have room.
func Cut(s string, n int) string {
	whole := len(s) <= n
	if !whole {
		s = shorten(s, n)
	}
	if !printable(s) {
		s = strings.Trim(strconv.Quote(s), `"`)
	}
	if whole && len(s) <= n {
		return s
	}
	return shorten(s, n-len(ellipsis)) + ellipsis
}

func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) < 0
}

// shorten cuts s to at most n bytes without splitting a character.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
