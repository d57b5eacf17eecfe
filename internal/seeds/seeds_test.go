package seeds

import (
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
)

type listener struct{ said []string }

func (l *listener) Errorf(format string, args ...any) {
	l.said = append(l.said, fmt.Sprintf(format, args...))
}

func TestTold(t *testing.T) {
	for name, tt := range map[string]struct {
		readme string
		seeds  []string
		good   bool
	}{
		"every seed":         {"Seeds.\n\n- FuzzA/b-c: x\n- FuzzD/e: y\n", []string{"FuzzA/b-c", "FuzzD/e"}, true},
		"a seed untold":      {"- FuzzA/b: x\n", []string{"FuzzA/b", "FuzzA/c"}, false},
		"a line of no seed":  {"- FuzzA/b: x\n- FuzzA/c: y\n", []string{"FuzzA/b"}, false},
		"nothing said":       {"- FuzzA/b: \n", []string{"FuzzA/b"}, false},
		"another form":       {"- FuzzA/b: x\n- seed c\n", []string{"FuzzA/b"}, false},
		"told twice":         {"- FuzzA/b: x\n- FuzzA/b: y\n", []string{"FuzzA/b"}, false},
		"no seeds, no lines": {"Seeds.\n", nil, true},
	} {
		dir := fstest.MapFS{"README.md": {Data: []byte(tt.readme)}}
		for _, s := range tt.seeds {
			dir[s] = &fstest.MapFile{}
		}
		var l listener
		told(&l, dir)
		assert.Equal(t, tt.good, len(l.said) == 0, "%s: %v", name, l.said)
	}
	var l listener
	told(&l, fstest.MapFS{})
	assert.NotEmpty(t, l.said, "no README.md")
}
