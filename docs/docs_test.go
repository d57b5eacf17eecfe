package docs_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

func documents(t *testing.T) []string {
	var all []string
	for _, pattern := range []string{"*.md", "docs/*.md", "pgp/*.md", "jwe/*.md", "examples/*/*.md", "envelope/*/*.md", "keyset/*/*.md"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		all = append(all, files...)
	}
	require.Contains(t, all, "README.md")
	require.Contains(t, all, filepath.Join("docs", "rotation.md"))
	return all
}

// ending returns every file of the repository whose name ends so, but for those in folders
// whose name begins with a dot.
func ending(t *testing.T, suffix string) (all []string) {
	require.NoError(t, filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != ".":
			return filepath.SkipDir
		case !d.IsDir() && strings.HasSuffix(path, suffix):
			all = append(all, path)
		}
		return nil
	}))
	return all
}

func text(t *testing.T, name string) string {
	raw, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(raw)
}

var fence = regexp.MustCompile("(?m)^(?:<!-- (\\S+) -->\n)?```(\\w*)\n((?s:.*?))^```$")

// Every block of code in the documents is run: Go, and what a program prints, is
// quoted from a file of a package that go test runs; a session of a shell is run
// by TestSessions; commands alone are those of .ci/run, or run by the test that a
// comment names, or named here.
func TestCodeBlocks(t *testing.T) {
	elsewhere := []string{ // what only a user can run
		"git clone https://github.com/sealwax/sealwax && cd sealwax",
		"go install github.com/sealwax/sealwax/examples/sealctl@latest",
		"go mod init example.com/bank && go get github.com/sealwax/sealwax/pgp github.com/sealwax/sealwax/jwe",
		"bash .ci/run",
		"GOEXPERIMENT=runtimesecret go build ./examples/quickstart/server", // what it does is tested in .ci/run
		"bash .ci/release dist linux/amd64",
		`git tag -s v0.1.0 -m "sealwax v0.1.0" && git push origin v0.1.0`, // the owner
		`for m in envelope/valkey jwe/pkcs12 keyset/awskms keyset/etcd keyset/gcpkms keyset/gocloud keyset/pkcs11 keyset/vault; do git tag -s $m/v0.1.0 -m "$m v0.1.0"; done && git push origin --tags`,
		"cd keyset/modeltest && go test -run 'TestSearch$' -timeout 24h -v -search.large", // a night
		"go run -C bench . -update performance", // minutes of a quiet machine; its tests run it for a moment
		"go run -C bench . -update cost",
		"go run -C bench . -update scale",
		"kubectl create configmap bank-manifests --from-file=own.json --from-file=peer.json --dry-run=client -o yaml | kubectl apply -f -", // a cluster
		`kubectl annotate pods -l app=bank --overwrite example.com/looked="$(date +%s)"`,
	}
	ci := text(t, ".ci/run")
	for _, name := range documents(t) {
		document := text(t, name)
		blocks := fence.FindAllStringSubmatch(document, -1)
		assert.Equal(t, strings.Count(document, "\n```")/2, len(blocks), "%s: a block was not recognized", name)
		for _, b := range blocks {
			file, language, code := b[1], b[2], b[3]
			switch language {
			case "console":
				assert.True(t, filepath.Dir(name) == "docs" || name == "README.md", "%s: TestSessions runs the documents in docs, and the README", name)
			case "sh":
				if file != "" { // a test that reads the document, and runs the block
					assert.Contains(t, text(t, file), `"`+filepath.Base(name)+`"`, "%s: %s does not read it", name, file)
					continue
				}
				for line := range strings.Lines(code) {
					if strings.HasPrefix(line, "go get ") && name == "README.md" {
						continue // TestFirstProgramOfTheReadme
					}
					command, _, _ := strings.Cut(line, " #")
					command = strings.TrimSpace(command)
					assert.True(t, slices.Contains(elsewhere, command) || strings.Contains(ci, command) || testsModule(command), "%s: nobody runs %s", name, command)
				}
			default:
				if !assert.NotEmpty(t, file, "%s: no comment says where this is from:\n%s", name, code) {
					continue
				}
				assert.Contains(t, unindented(text(t, file)), "\n"+unindented(code), "%s: %s does not hold this", name, file)
				tests, err := filepath.Glob(filepath.Join(filepath.Dir(file), "*_test.go"))
				require.NoError(t, err)
				assert.NotEmpty(t, tests, "%s: nothing runs %s", name, file)
			}
		}
	}
}

// testsModule reports whether a command runs the tests of a nested module, as .ci/run does
// with each.
func testsModule(command string) bool {
	m := regexp.MustCompile(`^cd (\S+) && go test \./\.\.\.$`).FindStringSubmatch(command)
	if m == nil {
		return false
	}
	_, err := os.Stat(filepath.Join(m[1], "go.mod"))
	return err == nil
}

// unindented is s without the tabs, and the marks of a comment, that lines begin with.
func unindented(s string) string {
	return regexp.MustCompile(`(?m)^\t*(// (level=|\d{3} ))?`).ReplaceAllString(s, "$2")
}

func TestReadmeCommands(t *testing.T) {
	readme, ci := text(t, "README.md"), text(t, ".ci/run")
	for _, command := range []string{"go run ./examples/rotation", "go test ./..."} {
		assert.Contains(t, readme, "\n"+command+" ")
		assert.Contains(t, ci, " "+command)
	}
}

// What the documents point at is there: files, tests, methods.
func TestDocumentsPointSomewhere(t *testing.T) {
	tests := map[string]bool{}
	for _, path := range ending(t, "_test.go") {
		for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example|Benchmark)\w+)`).FindAllStringSubmatch(text(t, path), -1) {
			tests[m[1]] = true
		}
	}
	types := map[string]reflect.Type{
		"Ring": reflect.TypeFor[*keyset.Ring](), "Set": reflect.TypeFor[*keyset.Set](), "Key": reflect.TypeFor[*pgp.Key](),
		"Message": reflect.TypeFor[*envelope.Message](), "Envelope": reflect.TypeFor[envelope.Envelope](),
	}
	for _, name := range documents(t) {
		prose := fence.ReplaceAllString(text(t, name), "")
		for _, link := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(prose, -1) {
			target, _, _ := strings.Cut(link[1], "#")
			if strings.HasPrefix(target, "https://") || target == "" {
				continue
			}
			_, err := os.Stat(filepath.Join(filepath.Dir(name), target))
			assert.NoError(t, err, "%s links to %s", name, link[1])
		}
		for _, m := range regexp.MustCompile("`((?:Test|Fuzz|Example)[A-Z_0-9]\\w*)`").FindAllStringSubmatch(prose, -1) {
			if m[1] != "TestXxx" {
				assert.True(t, tests[m[1]], "%s names %s", name, m[1])
			}
		}
		for _, m := range regexp.MustCompile("`(Ring|Set|Key|Message|Envelope)\\.(\\w+)`").FindAllStringSubmatch(prose, -1) {
			typ := types[m[1]]
			_, found := typ.MethodByName(m[2])
			if !found && typ.Kind() == reflect.Pointer {
				_, found = typ.Elem().FieldByName(m[2])
			}
			assert.True(t, found, "%s names %s.%s", name, m[1], m[2])
		}
	}
}
