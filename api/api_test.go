// Package api_test holds the exported API of every public package against the files
// beside it, so that no change of it goes unseen. A file has the declarations as go doc
// shows them, without comments and bodies. After a change that is meant:
//
//	go test ./api -update
//
// Whether a change can break somebody is for apidiff to say: see .ci/api-compat.
package api_test

import (
	"bytes"
	"errors"
	"flag"
	"go/ast"
	"go/build"
	"go/doc"
	"go/format"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the files with the API of today")

func TestAPI(t *testing.T) {
	today, written := declared(t), recorded(t)
	if *update {
		for name := range written {
			require.NoError(t, os.Remove(name))
		}
		for name, text := range today {
			require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
		}
		return
	}
	names := slices.Collect(maps.Keys(today))
	require.Contains(t, names, "envelope.txt")
	assert.ElementsMatch(t, names, slices.Collect(maps.Keys(written)))
	for _, name := range names {
		assert.Equal(t, written[name], today[name], "api/%s; if that is meant: go test ./api -update", name)
	}
}

func recorded(t *testing.T) map[string]string {
	names, err := filepath.Glob("*.txt")
	require.NoError(t, err)
	files := map[string]string{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		files[name] = string(text)
	}
	return files
}

// declared returns the API of each package that others may import, by the name of its
// file.
func declared(t *testing.T) map[string]string {
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir("..", func(dir string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || dir == ".." {
			return err
		}
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil || strings.HasPrefix(d.Name(), ".") ||
			slices.Contains([]string{"examples", "internal", "testdata"}, d.Name()) {
			return filepath.SkipDir
		}
		p, err := build.ImportDir(dir, 0)
		if none := new(build.NoGoError); errors.As(err, &none) {
			return nil
		}
		if err == nil && len(p.GoFiles) != 0 {
			path := strings.TrimPrefix(filepath.ToSlash(dir), "../")
			files[strings.ReplaceAll(path, "/", "-")+".txt"] = declarations(t, p)
		}
		return err
	}))
	return files
}

func declarations(t *testing.T, p *build.Package) string {
	set, parsed := token.NewFileSet(), []*ast.File(nil)
	for _, name := range p.GoFiles {
		file, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, 0)
		require.NoError(t, err)
		parsed = append(parsed, file)
	}
	api, err := doc.NewFromFiles(set, parsed, p.Name)
	require.NoError(t, err)
	b := bytes.NewBufferString("package " + p.Name + "\n")
	add := func(decl ast.Decl) {
		if f, ok := decl.(*ast.FuncDecl); ok {
			f.Body = nil
		}
		b.WriteString("\n")
		require.NoError(t, printer.Fprint(b, set, decl))
		b.WriteString("\n")
	}
	values := func(all ...*doc.Value) {
		for _, v := range all {
			add(v.Decl)
		}
	}
	funcs := func(all ...*doc.Func) {
		for _, f := range all {
			add(f.Decl)
		}
	}
	values(slices.Concat(api.Consts, api.Vars)...)
	funcs(api.Funcs...)
	for _, typ := range api.Types {
		add(typ.Decl)
		values(slices.Concat(typ.Consts, typ.Vars)...)
		funcs(slices.Concat(typ.Funcs, typ.Methods)...)
	}
	// The comments left empty lines between fields.
	text, err := format.Source(bytes.ReplaceAll(b.Bytes(), []byte("\n\n\t"), []byte("\n\t")))
	require.NoError(t, err)
	return string(text)
}
