package main

import "strings"

// wrapped breaks a line between words, so that no part is wider than the columns. What is
// continued begins below the first word, of which the time is none. A word that is wider
// by itself is left to the terminal, and so is a line with colors, which is made to fit.
func wrapped(line string, columns int) []string {
	if len(line) <= columns || strings.Contains(line, "\x1b") {
		return []string{line}
	}
	indent := min(hanging(line), columns/3)
	var all []string
	for len(line) > columns {
		cut := strings.LastIndexByte(line[:columns+1], ' ')
		if cut <= len(line)-len(strings.TrimLeft(line, " ")) { // nothing but the indentation
			cut = strings.IndexByte(strings.TrimLeft(line, " "), ' ')
			if cut < 0 {
				break
			}
			cut += len(line) - len(strings.TrimLeft(line, " "))
		}
		all = append(all, strings.TrimRight(line[:cut], " "))
		line = strings.Repeat(" ", indent) + strings.TrimLeft(line[cut:], " ")
	}
	return append(all, line)
}

// hanging is where the text of a line begins: behind the time and the space around it.
func hanging(line string) int {
	text := strings.TrimLeft(line, " ")
	if first, rest, ok := strings.Cut(text, "s "); ok && strings.Trim(first, "0123456789.") == "" {
		text = strings.TrimLeft(rest, " ")
	}
	return len(line) - len(text)
}
