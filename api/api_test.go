// Package api_test holds the exported API of every public package against the
// files beside it, so that no change of it goes unseen: one line for each
// identifier, in the manner of the api folder of Go itself. After a change that
// is meant:
//
//	go test ./api -update
package api_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the files with the API of today")

// removed holds no API: it says which lines of the last release are gone, and
// why. See .ci/api-compat.
const removed = "removed.txt"

func TestAPI(t *testing.T) {
	if testing.Short() {
		t.Skip("the exported API of every package is compiled")
	}
	today := map[string][]string{}
	for file, pkg := range compiled(t) {
		if lines := describe(pkg); len(lines) != 0 {
			today[file] = lines
		}
	}
	require.Contains(t, today, "envelope.txt")
	if *update {
		write(t, today)
		return
	}
	written := read(t)
	for file := range written {
		if today[file] == nil {
			today[file] = []string{} // of a package that is no more
		}
	}
	for file, lines := range today {
		t.Run(file, func(t *testing.T) {
			if text := report(file, written[file], lines); text != "" {
				t.Error(text)
			}
		})
	}
}

// report says what is to be done about a file, if anything is.
func report(file string, was, is []string) string {
	added, gone := difference(was, is)
	if len(added)+len(gone) == 0 {
		return ""
	}
	b := new(strings.Builder)
	fmt.Fprintf(b, "the API is not that of api/%s:\n", file)
	for _, line := range added {
		fmt.Fprintf(b, "+ %s\n", line)
	}
	for _, line := range gone {
		fmt.Fprintf(b, "- %s\n", line)
	}
	b.WriteString("if that is meant: go test ./api -update")
	return b.String()
}

func read(t *testing.T) map[string][]string {
	names, err := filepath.Glob("*.txt")
	require.NoError(t, err)
	files := map[string][]string{}
	for _, name := range names {
		if name == removed {
			continue
		}
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		files[name] = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	}
	return files
}

func write(t *testing.T, today map[string][]string) {
	for name := range read(t) {
		if today[name] == nil {
			require.NoError(t, os.Remove(name))
		}
	}
	for name, lines := range today {
		require.NoError(t, os.WriteFile(name, []byte(strings.Join(lines, "\n")+"\n"), 0o644))
	}
}

// compiled returns the packages that others may import, as the compiler wrote
// them down, by the name of their file.
func compiled(t *testing.T) map[string]*types.Package {
	files, public := map[string]string{}, []string{}
	watch(t, "..")
	for _, p := range list(t, "./...") {
		inside := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, p.Module.Path), "/")
		elements := strings.Split(inside, "/")
		if p.Name == "main" || len(p.GoFiles) == 0 || elements[0] == "examples" || slices.Contains(elements, "internal") {
			continue
		}
		watch(t, p.Dir)
		files[p.ImportPath] = cmp.Or(strings.Join(elements, "-"), p.Name) + ".txt"
		public = append(public, p.ImportPath)
	}
	exports := map[string]string{}
	for _, p := range list(t, append([]string{"-export", "-deps"}, public...)...) {
		exports[p.ImportPath] = p.Export
	}
	from := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(exports[path])
	})
	packages := map[string]*types.Package{}
	for _, path := range public {
		p, err := from.Import(path)
		require.NoError(t, err)
		packages[files[path]] = p
	}
	return packages
}

// watch reads a folder, so that the go command runs this test again after a file
// there has changed. It does not see what the commands read that a test runs.
func watch(t *testing.T, dir string) {
	_, err := os.ReadDir(dir)
	require.NoError(t, err)
}

// A listed package is what the go command says of it.
type listed struct {
	ImportPath, Name, Dir, Export string
	GoFiles                       []string
	Module                        struct{ Path string }
}

func list(t *testing.T, args ...string) []listed {
	command := exec.Command("go", append([]string{"list", "-json=ImportPath,Name,Dir,Export,GoFiles,Module"}, args...)...)
	command.Dir, command.Stderr = "..", os.Stderr
	out, err := command.Output()
	require.NoError(t, err, "%s", command)
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); err == io.EOF {
			return all
		}
		require.NoError(t, err)
		all = append(all, p)
	}
}
