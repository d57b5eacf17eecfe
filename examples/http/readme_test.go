package sealedhttp_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

const root = "../.."

func document(t *testing.T, name string) string {
	text, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	return string(text)
}

// Every block of code in the README is quoted from a file that is compiled, or,
// for what a program prints, run.
func TestReadmeQuotes(t *testing.T) {
	readme := document(t, "README.md")
	blocks := regexp.MustCompile("(?m)^(?:<!-- (\\S+) -->\n)?```(\\w*)\n((?s:.*?))^```$").FindAllStringSubmatch(readme, -1)
	languages := map[string]int{}
	for _, b := range blocks {
		file, language, code := b[1], b[2], b[3]
		languages[language]++
		if language == "sh" {
			continue
		}
		require.NotEmpty(t, file, "no comment says where this is from:\n%s", code)
		source := unindented(document(t, file))
		assert.True(t, strings.Contains(source, "\n"+unindented(code)), "%s does not hold this:\n%s", file, code)
	}
	assert.GreaterOrEqual(t, languages["go"], 4)
	assert.Equal(t, strings.Count(readme, "\n```")/2, len(blocks), "a block was not recognized")
}

// unindented is s without the tabs, and the marks of a comment, that lines begin with.
func unindented(s string) string {
	return regexp.MustCompile(`(?m)^\t*(// (level=|\d{3} ))?`).ReplaceAllString(s, "$2")
}

func TestReadmeCommands(t *testing.T) {
	readme := document(t, "README.md")
	assert.Contains(t, readme, "\ngo run ./examples/rotation ")
	assert.Contains(t, readme, "\ngo test ./... ")
	assert.Contains(t, document(t, ".ci/run"), "go run ./examples/rotation\n")
	assert.Contains(t, document(t, ".ci/run"), " go test ./... ")
}

func TestDocumentsPointSomewhere(t *testing.T) {
	for _, name := range []string{"README.md", "CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md"} {
		text := regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(document(t, name), "")
		for _, link := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(text, -1) {
			if strings.HasPrefix(link[1], "https://") {
				continue
			}
			_, err := os.Stat(filepath.Join(root, link[1]))
			assert.NoError(t, err, "%s links to %s", name, link[1])
		}
		for _, method := range regexp.MustCompile("`Ring\\.(\\w+)`").FindAllStringSubmatch(text, -1) {
			_, ok := reflect.TypeFor[*keyset.Ring]().MethodByName(method[1])
			assert.True(t, ok, "%s names Ring.%s", name, method[1])
		}
	}
}

// The table of states is that of the code.
func TestReadmeStates(t *testing.T) {
	readme := document(t, "README.md")
	for _, row := range []string{
		"| Pending | no | yes |", "| Active | yes | yes |", "| Retiring | no | yes |", "| Revoked | no | no |",
	} {
		require.Contains(t, readme, row)
	}
	own, _, _, _ := conversation(t)
	for k := range own.Load().All() {
		for state, want := range map[keyset.State][2]int{
			keyset.Pending: {0, 1}, keyset.Active: {1, 1}, keyset.Retiring: {0, 1}, keyset.Revoked: {0, 0},
		} {
			k.State = state
			set, err := keyset.New(1, k)
			require.NoError(t, err)
			seals, opens := 0, 0
			for range set.Sealing(k.Material.Info().NotBefore) {
				seals++
			}
			for range set.Opening() {
				opens++
			}
			assert.Equal(t, want, [2]int{seals, opens}, state)
		}
	}
}
