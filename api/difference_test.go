package api_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A world is the packages that a source text may import.
type world map[string]*types.Package

func (w world) Import(path string) (*types.Package, error) {
	if p := w[path]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("no package %s", path)
}

func (w world) check(t *testing.T, name, text string) *types.Package {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, "package "+name+"\n"+text, 0)
	require.NoError(t, err)
	config := types.Config{Importer: w}
	p, err := config.Check(name, files, []*ast.File{file}, nil)
	require.NoError(t, err)
	return p
}

// Every change that can break somebody is a line that goes, and nothing else is.
func TestDifference(t *testing.T) {
	w := world{}
	w["other"] = w.check(t, "other", "type T struct{}; type G[A, B any] struct{}")
	for name, c := range map[string]struct {
		was, is        string
		added, removed []string
	}{
		"nothing":  {was: "func F()", is: "func F()"},
		"added":    {was: "func F()", is: "func F(); func G()", added: []string{"func G()"}},
		"removed":  {was: "func F(); var V int", is: "func F()", removed: []string{"var V int"}},
		"changed":  {was: "func F(int)", is: "func F(uint)", added: []string{"func F(uint)"}, removed: []string{"func F(int)"}},
		"private":  {was: "func f(); type t int; const c = 1", is: ""},
		"renamed":  {was: "func F(a, b int) (n int)", is: "func F(x int, y int) int"},
		"synonyms": {was: "func F([]byte, rune, interface{})", is: "func F([]uint8, int32, any)"},
		"variadic": {was: "func F([]int)", is: "func F(...int)",
			added: []string{"func F(...int)"}, removed: []string{"func F([]int)"}},
		"result": {was: "func F() int", is: "func F() (int, error)",
			added: []string{"func F() (int, error)"}, removed: []string{"func F() int"}},
		"every type": {is: `import "other"
			func F(*int, [2]int, map[string]other.T, chan int, <-chan int, chan<- int, func(a int) error, struct{}, other.G[int, other.T])`,
			added: []string{"func F(*int, [2]int, map[string]other.T, chan int, <-chan int, chan<- int, func(int) error, struct{}, other.G[int, other.T])"}},
		"type parameters": {was: "func F[A any, B comparable](A) B { panic(0) }", is: "func F[X any, Y interface{ ~int }](X) Y { panic(0) }",
			added: []string{"func F[$0 any, $1 interface{~int}]($0) $1"}, removed: []string{"func F[$0 any, $1 comparable]($0) $1"}},
		"value of a constant": {was: `const C = "a"`, is: `const C = "b"`,
			added: []string{`const C = "b"`}, removed: []string{`const C = "a"`}},
		"type of a constant": {was: "const C = 1", is: "type N int; const C N = 1",
			added: []string{"const C N", "type N int"}, removed: []string{"const C ideal-int"}},
		"alias": {was: `import "other"; type A = other.T`, is: "type A struct{}",
			added: []string{"type A struct"}, removed: []string{"type A = other.T"}},
		"field":                  {was: "type S struct { A int }", is: "type S struct { A, B int }", added: []string{"type S struct, B int"}},
		"field that nobody sees": {was: "type S struct { A int; b int }", is: "type S struct { A int; b, c string }"},
		"type of a field": {was: "type S struct { A int }", is: "type S struct { A string }",
			added: []string{"type S struct, A string"}, removed: []string{"type S struct, A int"}},
		"tag": {was: "type S struct { A int `json:\"a\"` }", is: "type S struct { A int `json:\"b\"` }",
			added: []string{`type S struct, A int "json:\"b\""`}, removed: []string{`type S struct, A int "json:\"a\""`}},
		"embedded": {was: `import "other"; type S struct { other.T }`, is: "type S struct{}",
			removed: []string{"type S struct, embedded other.T"}},
		"lent by what is private": {was: "type t struct { A int }; func (*t) M() {}; type S struct { *t }", is: "type t struct{}; type S struct { *t }",
			removed: []string{"method (S) M()", "type S struct, A int"}},
		"method": {was: "type T int; func (T) M() {}; func (T) m() {}", is: "type T int", removed: []string{"method (T) M()"}},
		"receiver": {was: "type T int; func (T) M() {}", is: "type T int; func (*T) M() {}",
			added: []string{"method (*T) M()"}, removed: []string{"method (T) M()"}},
		"method of an interface": {was: "type I interface { A() }", is: "type I interface { A(); B(int) }",
			added: []string{"type I interface { A, B }", "type I interface, B(int)"}, removed: []string{"type I interface { A }"}},
		"interface within one": {was: "type I interface { A(); B() }", is: "type b interface { B() }; type I interface { A(); b }"},
		"interface that is closed": {was: "type I interface { A() }", is: "type I interface { A(); b() }",
			added: []string{"type I interface, unexported methods"}, removed: []string{"type I interface { A }"}},
		"interface that stays closed": {was: "type I interface { b() }", is: "type I interface { A(); b() }",
			added: []string{"type I interface, A()"}},
		"constraint": {was: "type I interface { ~int }", is: "type I interface { ~int | ~string }",
			added: []string{"type I interface{~int | ~string}"}, removed: []string{"type I interface{~int}"}},
		"underlying type": {was: "type T string", is: "type T []string",
			added: []string{"type T []string"}, removed: []string{"type T string"}},
	} {
		t.Run(name, func(t *testing.T) {
			prefix := func(lines []string) []string {
				var all []string
				for _, line := range lines {
					all = append(all, "pkg p, "+line)
				}
				return all
			}
			added, removed := difference(describe(w.check(t, "p", c.was)), describe(w.check(t, "p", c.is)))
			assert.Equal(t, prefix(c.added), added, "added")
			assert.Equal(t, prefix(c.removed), removed, "removed")
		})
	}
}

func TestReport(t *testing.T) {
	assert.Empty(t, report("p.txt", []string{"a", "b"}, []string{"a", "b"}))
	assert.Equal(t, `the API is not that of api/p.txt:
+ pkg p, func F(uint)
- pkg p, func F(int)
if that is meant: go test ./api -update`, report("p.txt", []string{"pkg p, func F(int)", "same"}, []string{"pkg p, func F(uint)", "same"}))
}
