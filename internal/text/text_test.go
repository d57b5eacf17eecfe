package text_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"github.com/sealwax/sealwax/internal/seeds"
	"github.com/sealwax/sealwax/internal/text"
)

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		n        int
		want     string
	}{
		{"short", "key-1", 128, "key-1"},
		{"empty", "", 128, ""},
		{"exact", "abcdef", 6, "abcdef"},
		{"long", "abcdefgh", 6, "abc…"},
		{"newline", "a\nb", 16, `a\nb`},
		{"escape", "\x1b[31m", 16, `\x1b[31m`},
		{"quote stays", `say "x"`, 16, `say "x"`},
		{"invalid", "a\xff", 16, `a\xff`},
		{"whole characters", "äöü", 5, "ä…"},
		{"long and invalid", strings.Repeat("\xff", 100), 10, `\xff\xf…`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, text.Cut(tt.in, tt.n))
		})
	}
}

func FuzzCut(f *testing.F) {
	f.Add("kid\r\n", 8)
	f.Add(strings.Repeat("ü", 40), 9)
	f.Fuzz(func(t *testing.T, s string, n int) {
		if n < 4 || n > 1<<12 {
			t.Skip("no limit that is in use")
		}
		got := text.Cut(s, n)
		assert.LessOrEqual(t, len(got), n)
		assert.True(t, utf8.ValidString(got))
		assert.NotContains(t, got, "\n")
	})
}

func TestSeeds(t *testing.T) { seeds.Told(t) }
