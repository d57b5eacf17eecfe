// Package seeds holds a package's corpus of fuzzing against what is written about it.
package seeds

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Told fails unless testdata/fuzz/README.md of the package that is tested says of every seed
// what it stands for, in a line of its own, and of nothing else:
//
//   - FuzzOpen/cut-armor: the last line of the armor is missing
func Told(t *testing.T) {
	t.Helper()
	told(t, os.DirFS("testdata/fuzz"))
}

var line = regexp.MustCompile(`(?m)^- (Fuzz\w+/[\w.-]+): \S.*$`)

func told(t assert.TestingT, dir fs.FS) {
	text, err := fs.ReadFile(dir, "README.md")
	if !assert.NoError(t, err) {
		return
	}
	var lines []string
	for _, m := range line.FindAllStringSubmatch(string(text), -1) {
		lines = append(lines, m[1])
	}
	assert.Len(t, lines, strings.Count("\n"+string(text), "\n- "), "lines of the form: - Target/seed: what it stands for")
	seeds, err := fs.Glob(dir, "*/*")
	assert.NoError(t, err)
	assert.ElementsMatch(t, seeds, lines, "the seeds, and those of which README.md says what they stand for")
}
