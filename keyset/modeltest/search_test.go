package modeltest

import (
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	largeSearch = flag.Bool("search.large", false, "search for 16 hours: for a night")
	careless    = flag.String("search.careless", "", "operators that do not wait for all replicas before this step: probe, or remove")
)

// TestSearch looks at every interleaving of the documented procedure, with the real
// Ring and the real rules: see search_states_test.go. The program that searches is this
// package with the tag "search", with the clock of package keyset in its hand.
func TestSearch(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	out, err := search(t, nil, *careless)
	t.Log("\n" + out)
	if err != nil {
		t.Fatal("the rules do not hold")
	}
}

// TestSearchFindsLooseRules loosens each row of the table in turn, and then lets operators
// not wait where the table of fleets says so. The search must find what comes of it, or it would not find what is wrong with the rules either.
func TestSearchFindsLooseRules(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	source, err := os.ReadFile("../rules.go")
	holds(t, err == nil, "%v", err)
	mutants := loosened(t, source)
	holds(t, len(mutants) >= 8, "only %d rows found", len(mutants))
	for name, mutant := range mutants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			finds(t, mutant, "")
		})
	}
	for _, step := range []string{"probe", "remove"} {
		t.Run("operators that do not wait before they "+step, func(t *testing.T) {
			t.Parallel()
			finds(t, nil, step)
		})
	}
}

// finds ends the test unless the search finds a counterexample that is no longer than
// the bounds of TestSearch: one that is longer would say that they do not suffice.
func finds(t *testing.T, rules []byte, careless string) {
	out, err := search(t, rules, careless)
	found := regexp.MustCompile(`counterexample of (\d+) steps`).FindStringSubmatchIndex(out)
	if err == nil || found == nil {
		t.Fatalf("%v: nothing was found\n%s", err, out)
	}
	t.Log("\n" + out[found[0]:])
	steps, err := strconv.Atoi(out[found[2]:found[3]])
	holds(t, err == nil && steps <= leastSteps, "%d steps, and every interleaving is seen of %d", steps, leastSteps)
}

// leastSteps is how many steps the longest of the searches of TestStates goes through.
const leastSteps = 13

// loosened returns the source with each row of the table of rules made to hold always,
// by the name of the row.
func loosened(t *testing.T, source []byte) map[string][]byte {
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, "rules.go", source, 0)
	holds(t, err == nil, "%v", err)
	mutants := map[string][]byte{}
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || v.Names[0].Name != "rules" {
			return true
		}
		for i, row := range v.Values[0].(*ast.CompositeLit).Elts {
			fields := row.(*ast.CompositeLit).Elts
			if strings.HasPrefix(fields[1].(*ast.BasicLit).Value, `"in a Step`) {
				continue // nothing of the search is a Step: TestModelOfAFleet of package keyset is about those
			}
			last := fields[len(fields)-1]
			from, to := files.Position(last.Pos()).Offset, files.Position(last.End()).Offset
			name := fmt.Sprintf("%d %s", i+1, strings.Trim(fields[0].(*ast.BasicLit).Value, `"`))
			mutants[name] = []byte(string(source[:from]) + "func(*change) error { return nil }" + string(source[to:]))
		}
		return false
	})
	return mutants
}

// search runs the search with the given table of rules, that of the package if it is nil.
func search(t *testing.T, rules []byte, careless string) (string, error) {
	// What a test reads tells the go command when to run it again. It does not see what
	// the command below reads.
	for _, name := range []string{"search_states_test.go", "search_promises_test.go"} {
		_, err := os.ReadFile(name)
		holds(t, err == nil, "%v", err)
	}
	dir := t.TempDir()
	here, err := filepath.Abs("..")
	holds(t, err == nil, "%v", err)
	replace := map[string]string{}
	put := func(name string, content []byte) {
		to := filepath.Join(dir, name)
		holds(t, os.WriteFile(to, content, 0o600) == nil, "%s", name)
		replace[filepath.Join(here, name)] = to
	}
	hook, err := os.ReadFile("testdata/hook.go.txt")
	holds(t, err == nil, "%v", err)
	put("zz_search.go", hook)
	ring, err := os.ReadFile("../ring.go")
	holds(t, err == nil, "%v", err)
	clock := regexp.MustCompile(`(?m)^func clock\(\).*$`)
	holds(t, len(clock.FindAll(ring, -1)) == 1, "the clock is no longer where it was")
	put("ring.go", clock.ReplaceAll(ring, []byte("var _ = time.Now")))
	if rules != nil {
		put("rules.go", rules)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	holds(t, err == nil, "%v", err)
	file := filepath.Join(dir, "overlay.json")
	holds(t, os.WriteFile(file, overlay, 0o600) == nil, "overlay")
	args := []string{"test", "-count=1", "-tags=search", "-vet=off", "-timeout=24h", "-overlay=" + file, "-run=^TestStates$", "-v", "."}
	args = append(args, "-search.careless="+careless)
	if *largeSearch {
		args = append(args, "-search.large")
	}
	command := exec.Command("go", args...)
	command.Env = append(os.Environ(), "GOFLAGS=") // those of the test that runs are not meant
	out, err := command.CombinedOutput()
	return string(out), err
}
