package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestLinesBreakBetweenWords(t *testing.T) {
	for _, c := range []struct {
		line    string
		columns int
		want    []string
	}{
		{"short", 60, []string{"short"}},
		{"", 60, []string{""}},
		{"just as wide", 12, []string{"just as wide"}},
		{"one too wide", 11, []string{"one too", "wide"}},
		{"   2.033s    bank to shop: signed by bank-1, decrypted by shop-1", 45, []string{
			"   2.033s    bank to shop: signed by bank-1,",
			"             decrypted by shop-1"}},
		{"    indented as a list is, and long", 20, []string{
			"    indented as a", "    list is, and", "    long"}},
		{"fingerprint " + strings.Repeat("A", 30) + " compared", 20, []string{
			"fingerprint", strings.Repeat("A", 30), "compared"}},
		{strings.Repeat("A", 30), 20, []string{strings.Repeat("A", 30)}},
		{"\x1b[32mactive\x1b[0m and long", 10, []string{"\x1b[32mactive\x1b[0m and long"}},
	} {
		t.Run(fmt.Sprint(c.columns, c.line), func(t *testing.T) {
			assert.Equal(t, c.want, wrapped(c.line, c.columns))
		})
	}
}

// No word is lost at any width, and no line is wider than the terminal.
func TestNoWordIsLost(t *testing.T) {
	line := "   2.033s    " + strings.Repeat("somebody records a message ", 20)
	for columns := 20; columns <= 200; columns++ {
		lines := wrapped(line, columns)
		assert.Equal(t, strings.Fields(line), strings.Fields(strings.Join(lines, " ")))
		for _, l := range lines {
			assert.LessOrEqual(t, len(l), columns)
		}
	}
}
