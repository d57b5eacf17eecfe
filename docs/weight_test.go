package docs_test

import (
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	// The programs below import these. The test imports them as well, so that
	// the go command has downloaded all they need, and tests again when they
	// change.
	_ "github.com/sealwax/sealwax/jwe"
	_ "github.com/sealwax/sealwax/pgp"
)

var weightCold = flag.Bool("weight.cold", false, "give each program of TestWeight an empty build cache, to compare the times")

const (
	ourModule = "github.com/sealwax/sealwax"
	goCrypto  = "github.com/ProtonMail/go-crypto"
	goJose    = "github.com/go-jose/go-jose/v4"
	testify   = "github.com/stretchr/testify"
)

// A load is a program that reads keys, seals, and opens, and what comes with
// it. The linker drops what no call can reach, so that it calls all of that. It
// is built, and never run.
type load struct {
	name   string
	source string
	needs  []string // packages that are there, or the others would mean nothing
	never  []string // packages, or folders of them, that are not
	alone  bool     // no module but ours is there
}

var loads = []load{
	{name: "an empty main", source: `
		func main() {}`},
	{name: "keyset and envelope", source: `
		import (
			"context"
			"errors"
			"log/slog"
			"os"
			"time"

			"github.com/sealwax/sealwax/envelope"
			"github.com/sealwax/sealwax/keyset"
		)

		func main() {
			manifest, err := keyset.ReadManifest(os.Stdin)
			if err != nil {
				err = envelope.Reject(envelope.Malformed, err)
				slog.LogAttrs(context.Background(), slog.LevelError, "manifest", envelope.LogAttr(err))
				os.Exit(1)
			}
			set, _ := manifest.Open(context.Background(), func(context.Context, keyset.ManifestKey) (keyset.Material, error) {
				return nil, errors.ErrUnsupported
			})
			ring := keyset.NewRing(set)
			_ = errors.Join(ring.Promote("a"), ring.Retire("b"), ring.Remove("b", time.Hour), ring.Revoke("c"))
			envelope.LogTo(slog.Default())(context.Background(), envelope.Event{})
		}`,
		needs: []string{ourModule + "/keyset", ourModule + "/envelope"},
		never: []string{"net/http", "testing"},
		alone: true},
	{name: "jwe", source: sealAndOpen("jwe", `jwe.ReadKey(os.Stdin, keyset.Signing)`),
		needs: []string{goJose},
		never: []string{goCrypto, testify, "net/http", "testing"}},
	{name: "go-jose", source: `
		import (
			"os"

			jose "github.com/go-jose/go-jose/v4"
		)

		func main() {
			var key jose.JSONWebKey
			_ = key.UnmarshalJSON(nil)
			signer, _ := jose.NewSigner(jose.SigningKey{Algorithm: jose.PS256, Key: key}, nil)
			signature, _ := signer.Sign(nil)
			inner, _ := signature.CompactSerialize()
			encrypter, _ := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.RSA_OAEP_256, Key: key}, nil)
			message, _ := encrypter.Encrypt([]byte(inner))
			sealed, _ := message.CompactSerialize()

			message, _ = jose.ParseEncrypted(sealed, []jose.KeyAlgorithm{jose.RSA_OAEP_256}, []jose.ContentEncryption{jose.A256GCM})
			opened, _ := message.Decrypt(key)
			signature, _ = jose.ParseSigned(string(opened), []jose.SignatureAlgorithm{jose.PS256})
			payload, _ := signature.Verify(key)
			_, _ = os.Stdout.Write(payload)
		}`,
		needs: []string{goJose}},
	{name: "pgp", source: sealAndOpen("pgp", `pgp.ReadKey(os.Stdin)`),
		needs: []string{goCrypto + "/openpgp/packet"},
		never: []string{goJose, testify, "net/http", "testing"}},
	{name: "go-crypto openpgp/v2", source: `
		import (
			"bytes"
			"io"
			"os"

			openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
		)

		func main() {
			keys, _ := openpgp.ReadArmoredKeyRing(os.Stdin)
			var sealed bytes.Buffer
			w, _ := openpgp.Encrypt(&sealed, keys, nil, keys, nil, nil)
			_ = w.Close()
			message, _ := openpgp.ReadMessage(&sealed, keys, nil, nil)
			_, _ = io.Copy(os.Stdout, message.UnverifiedBody)
		}`,
		needs: []string{goCrypto + "/openpgp/v2"}},
	{name: "pgp and jwe", source: `
		import (
			"context"

			"github.com/sealwax/sealwax/envelope"
			"github.com/sealwax/sealwax/jwe"
			"github.com/sealwax/sealwax/pgp"
		)

		func main() {
			a, _ := pgp.New(pgp.Config{})
			b, _ := jwe.New(jwe.Config{})
			for _, e := range []envelope.Envelope{a, b} {
				sealed, _ := e.Seal(context.Background(), nil)
				_, _ = e.Open(context.Background(), sealed)
			}
		}`,
		needs: []string{goCrypto + "/openpgp/packet", goJose},
		never: []string{testify, "net/http", "testing"}},
}

// sealAndOpen is a program over one of our formats.
func sealAndOpen(format, readKey string) string {
	return strings.NewReplacer("FORMAT", format, "READKEY", readKey).Replace(`
		import (
			"context"
			"os"

			"github.com/sealwax/sealwax/FORMAT"
			"github.com/sealwax/sealwax/keyset"
		)

		func main() {
			key, _ := READKEY
			set, _ := keyset.New(1, keyset.Key{Material: key, State: keyset.Active})
			e, _ := FORMAT.New(FORMAT.Config{Own: set, Peer: set.Public()})
			sealed, _ := e.Seal(context.Background(), nil)
			message, _ := e.Open(context.Background(), sealed)
			_, _ = os.Stdout.Write(message.Payload)
		}`)
}

// What a program gains by importing us, beside what it gains by importing the
// libraries below us, and beside nothing. The numbers are for whoever asks:
//
//	go test -run Weight -v . -weight.cold
func TestWeight(t *testing.T) {
	if testing.Short() {
		t.Skip("builds seven programs")
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "program\tbytes\tmodules\tpackages\tof them not Go's\tbuild time\t")
	for _, l := range loads {
		t.Run(l.name, func(t *testing.T) {
			built := l.build(t)
			fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%.1fs\t\n", l.name, built.size, len(built.modules), len(built.packages),
				len(built.foreign), built.took.Seconds())
			for _, path := range l.needs {
				assert.True(t, within(path, built.packages), path)
			}
			for _, path := range l.never {
				assert.False(t, within(path, built.packages), path)
				assert.NotContains(t, built.modules, path)
			}
			if l.alone {
				assert.Equal(t, []string{ourModule}, built.modules)
			}
		})
	}
	require.NoError(t, w.Flush())
	t.Logf("\n%s", &table)
}

// within reports whether a package is among them, or one below it.
func within(path string, packages []string) bool {
	return slices.ContainsFunc(packages, func(p string) bool { return p == path || strings.HasPrefix(p, path+"/") })
}

// A weight is what the linker and the go command say of a program.
type weight struct {
	size              int64
	modules           []string // that it is linked with
	packages, foreign []string // that it imports, and those of them that are not in the standard library
	took              time.Duration
}

// build makes a module of the program, and builds it. It needs no network: what
// it requires is what this module requires, and that is there.
func (l load) build(t *testing.T) weight {
	root, err := os.Getwd()
	require.NoError(t, err)
	mod, err := os.ReadFile("go.mod")
	require.NoError(t, err)
	sum, err := os.ReadFile("go.sum")
	require.NoError(t, err)
	requires, ok := strings.CutPrefix(string(mod), "module "+ourModule+"\n")
	require.True(t, ok)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": fmt.Sprintf("module program\n%s\nrequire %s v0.0.0\nreplace %s => %q\n", requires, ourModule, ourModule, root),
		"go.sum": string(sum), "main.go": "package main\n" + l.source,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}

	// GOFLAGS may hold the -race of this test, and the build is not to need C.
	environment := append(os.Environ(), "GOFLAGS=-mod=mod -buildvcs=false", "GOPROXY=off", "GOSUMDB=off", "GOWORK=off",
		"GOTOOLCHAIN=local", "CGO_ENABLED=0")
	if *weightCold {
		environment = append(environment, "GOCACHE="+t.TempDir())
	}
	program := filepath.Join(dir, "program")
	start := time.Now()
	goCommand(t, dir, environment, "build", "-o", program)
	built := weight{took: time.Since(start)}

	stat, err := os.Stat(program)
	require.NoError(t, err)
	built.size = stat.Size()
	info, err := buildinfo.ReadFile(program)
	require.NoError(t, err)
	for _, m := range info.Deps {
		built.modules = append(built.modules, m.Path)
	}
	for d := json.NewDecoder(strings.NewReader(goCommand(t, dir, environment, "list", "-deps", "-json=ImportPath,Standard"))); ; {
		var p struct {
			ImportPath string
			Standard   bool
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if p.ImportPath == "program" {
			continue
		}
		built.packages = append(built.packages, p.ImportPath)
		if !p.Standard {
			built.foreign = append(built.foreign, p.ImportPath)
		}
	}
	return built
}

func goCommand(t *testing.T, dir string, environment []string, args ...string) string {
	command := exec.Command("go", args...)
	command.Dir, command.Env = dir, environment
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	require.NoError(t, err, "%s\n%s", command, &stderr)
	return string(out)
}
