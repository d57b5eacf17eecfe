package docs_test

import (
	"archive/zip"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The first minutes of a new user, as the README has them: go get into a new module, and
// both programs pasted. The module comes as a release does, out of a proxy, and what it
// needs out of the cache of modules that this test was built from.
func TestFirstProgramOfTheReadme(t *testing.T) {
	if testing.Short() {
		t.Skip("builds two programs in a new module")
	}
	readme := text(t, "README.md")
	var get string
	var blocks []string
	for _, b := range fence.FindAllStringSubmatch(readme, -1) {
		if command := strings.TrimSpace(b[3]); b[2] == "sh" && strings.HasPrefix(command, "go get ") {
			get = command
		}
		if strings.HasPrefix(b[1], "examples/quickstart/") {
			blocks = append(blocks, b[3])
		}
	}
	require.Len(t, blocks, 2)
	opening, rest, ok := strings.Cut(blocks[0], "func main() {")
	require.True(t, ok)
	_, helpers, ok := strings.Cut(rest, "\n}\n")
	require.True(t, ok)
	imports := strings.NewReplacer(`"github.com/sealwax/sealwax/pgp"`, `"github.com/sealwax/sealwax/jwe"`, "\t\"time\"\n", "").Replace(opening)

	dir := t.TempDir()
	cache := strings.TrimSpace(goCommand(t, dir, append(os.Environ(), "GOFLAGS="), "env", "GOMODCACHE"))
	environment := append(os.Environ(), "GOPROXY="+files(publish(t))+","+files(filepath.Join(cache, "cache", "download")),
		"GOMODCACHE="+t.TempDir(), "GOFLAGS=-modcacherw -trimpath", "GOSUMDB=off", "GOWORK=off", "GOTOOLCHAIN=local", "CGO_ENABLED=0")
	goCommand(t, dir, environment, "mod", "init", "shop.example/api")
	goCommand(t, dir, environment, strings.Fields(get)[1:]...)
	for name, program := range map[string]string{"pgp": blocks[0], "jose": imports + blocks[1] + helpers} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name, "main.go"), []byte(program), 0o600))
		assert.Contains(t, goCommand(t, dir, environment, "run", "./"+name), `{"amount":"10.00"}, signed by `)
	}
}

func files(dir string) string { return "file://" + filepath.ToSlash(dir) }

// publish makes a proxy of one release of this module, as the working tree is.
func publish(t *testing.T) string {
	const version = "v0.0.1"
	dir := t.TempDir()
	at := filepath.Join(dir, filepath.FromSlash(ourModule), "@v")
	require.NoError(t, os.MkdirAll(at, 0o700))
	mod, err := os.ReadFile("go.mod")
	require.NoError(t, err)
	for name, data := range map[string]string{"list": version, version + ".mod": string(mod), version + ".info": `{"Version":"` + version + `"}`} {
		require.NoError(t, os.WriteFile(filepath.Join(at, name), []byte(data), 0o600))
	}
	archive, err := os.Create(filepath.Join(at, version+".zip"))
	require.NoError(t, err)
	defer archive.Close()
	z := zip.NewWriter(archive)
	tracked, err := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard").Output()
	require.NoError(t, err)
	names := strings.Fields(string(tracked))
	var nested []string
	for _, name := range names {
		if d, file := path.Split(name); file == "go.mod" && d != "" {
			nested = append(nested, d)
		}
	}
	for _, name := range names {
		if slices.ContainsFunc(nested, func(d string) bool { return strings.HasPrefix(name, d) }) {
			continue // a module of its own
		}
		data, err := os.ReadFile(name)
		if os.IsNotExist(err) {
			continue // deleted, and not committed
		}
		require.NoError(t, err)
		w, err := z.CreateHeader(&zip.FileHeader{Name: ourModule + "@" + version + "/" + name, Method: zip.Deflate})
		require.NoError(t, err)
		_, err = w.Write(data)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return dir
}
