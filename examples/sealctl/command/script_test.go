package command

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// The scripts of testdata are sessions of a user, one command a line:
//
//	sealctl ARG... [<FILE] [>FILE]   run it; its exit status is 0, or the number before it: "3 sealctl ..."
//	stdout REGEXP                    of the last sealctl; "! stdout REGEXP" if it must not match
//	stderr REGEXP                    likewise
//	let NAME REGEXP                  $NAME is what the group of the expression matched in either
//	same FILE FILE                   two files hold the same
//	no FILE                          there is no such file
//	private FILE                     only its owner can read it
//	edit FILE OLD NEW                replace a text in a file
//	newline FILE                     add an end of line
//	pem FILE                         make a private key on P-256
//	replica NAME FILE FOLDER         load a manifest of JOSE keys, and report it in the folder, as a program does
//
// A word in quotes may hold spaces. What follows "-- NAME --" is a file. builtScript is for
// what this build has, or has not.
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, scripts)
	for _, name := range append(scripts, builtScript) {
		raw, err := os.ReadFile(name)
		require.NoError(t, err)
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			t.Chdir(t.TempDir())
			s := &script{t: t, vars: map[string]string{}}
			for n, line := range strings.Split(s.files(string(raw)), "\n") {
				s.line(name+":"+strconv.Itoa(n+1), line)
			}
		})
	}
}

type script struct {
	t        *testing.T
	vars     map[string]string
	out, err bytes.Buffer
}

var section = regexp.MustCompile(`(?m)^-- (\S+) --\n`)

// files writes the files and returns the commands.
func (s *script) files(text string) string {
	at := section.FindAllStringSubmatchIndex(text, -1)
	for i, m := range at {
		end := len(text)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		require.NoError(s.t, os.WriteFile(text[m[2]:m[3]], []byte(text[m[1]:end]), 0o600))
	}
	if len(at) != 0 {
		text = text[:at[0][0]]
	}
	return text
}

var word = regexp.MustCompile(`"([^"]*)"|'([^']*)'|\S+`)

func (s *script) line(where, line string) {
	var words []string
	for _, m := range word.FindAllStringSubmatch(line, -1) {
		w := m[0]
		if w[0] == '"' || w[0] == '\'' {
			w = m[1] + m[2]
		}
		words = append(words, os.Expand(w, func(name string) string {
			if v, ok := s.vars[name]; ok {
				return v
			}
			return "$" + name
		}))
	}
	if len(words) == 0 || strings.HasPrefix(words[0], "#") {
		return
	}
	status, not := 0, words[0] == "!"
	if n, err := strconv.Atoi(words[0]); err == nil {
		status = n
	}
	if not || status != 0 {
		words = words[1:]
	}
	require.NotEmpty(s.t, words, where)
	switch words[0] {
	case "sealctl":
		got := s.sealctl(where, words[1:])
		require.Equal(s.t, status, got, "%s: %s\nstdout: %s\nstderr: %s", where, line, s.out.String(), s.err.String())
	case "stdout", "stderr":
		b := map[string]*bytes.Buffer{"stdout": &s.out, "stderr": &s.err}[words[0]]
		re := regexp.MustCompile(`(?m)` + strings.Join(words[1:], " "))
		require.Equal(s.t, !not, re.Match(b.Bytes()), "%s: %s\n%s", where, line, b.String())
	case "let":
		m := regexp.MustCompile(`(?m)` + words[2]).FindStringSubmatch(s.out.String() + s.err.String())
		require.Len(s.t, m, 2, "%s: %s\n%s%s", where, line, s.out.String(), s.err.String())
		s.vars[words[1]] = m[1]
	case "same":
		require.Equal(s.t, s.read(words[1]), s.read(words[2]), where)
	case "no":
		require.NoFileExists(s.t, words[1], where)
	case "private":
		info, err := os.Stat(words[1])
		require.NoError(s.t, err, where)
		require.Zero(s.t, info.Mode().Perm()&0o077, where)
	case "edit":
		text := s.read(words[1])
		require.Contains(s.t, text, words[2], where)
		require.NoError(s.t, os.WriteFile(words[1], []byte(strings.ReplaceAll(text, words[2], words[3])), 0o600))
	case "newline":
		require.NoError(s.t, os.WriteFile(words[1], []byte(s.read(words[1])+"\r\n"), 0o600))
	case "pem":
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(s.t, err)
		der, err := x509.MarshalPKCS8PrivateKey(key)
		require.NoError(s.t, err)
		require.NoError(s.t, os.WriteFile(words[1], pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	case "replica":
		s.replica(words[1], words[2], words[3])
	default:
		s.t.Fatalf("%s: there is no command %q", where, words[0])
	}
}

func (s *script) replica(name, manifest, folder string) {
	require.NoError(s.t, os.MkdirAll(folder, 0o700))
	here, err := os.OpenRoot(".")
	require.NoError(s.t, err)
	defer here.Close()
	reports, err := here.OpenRoot(folder)
	require.NoError(s.t, err)
	defer reports.Close()
	_, err = keyset.Follow(s.t.Context(), new(keyset.Ring), keyset.File(here, manifest), jwe.OpenFile(here.FS()),
		keyset.ReportTo(keyset.ReportFiles(reports), name, 0))
	require.NoError(s.t, err)
}

// withService adds a service whose keys lie in files: "kms:NAME" in folder. A secret of
// other than 1234 is refused.
func withService() KeyFiles {
	files := Files
	files.Services = map[string]Service{"kms": func(format keyset.Format, folder fs.FS, secret func() ([]byte, error)) keyset.Opener {
		return func(ctx context.Context, k keyset.ManifestKey) (keyset.Material, error) {
			if pin, err := secret(); err != nil || string(pin) != "1234" {
				return nil, errors.New("the service is closed")
			}
			name := strings.TrimPrefix(k.Source, "kms:")
			if format == keyset.OpenPGP {
				_, name, _ = strings.Cut(name, "?certificate=")
				raw, err := fs.ReadFile(folder, name)
				if err != nil {
					return nil, err
				}
				return pgp.ReadKey(bytes.NewReader(raw))
			}
			raw, err := fs.ReadFile(folder, strings.Split(name, "#")[0])
			if err != nil {
				return nil, err
			}
			use := keyset.Signing
			if k.Use == keyset.Encryption.String() || strings.HasPrefix(name, "enc") {
				use = keyset.Encryption
			}
			key, err := jwe.ReadKey(bytes.NewReader(raw), use)
			if err != nil {
				return nil, err
			}
			k.ID, k.Source = key.Info().ID, "file:"+name
			return jwe.OpenFile(folder)(ctx, k)
		}
	}}
	return files
}

func (s *script) read(name string) string {
	raw, err := os.ReadFile(name)
	require.NoError(s.t, err)
	return string(raw)
}

// sealctl runs one command as main does.
func (s *script) sealctl(where string, words []string) int {
	var args []string
	var in bytes.Buffer
	to := ""
	for _, w := range words {
		switch {
		case strings.HasPrefix(w, "<") && len(w) > 1:
			in.WriteString(s.read(w[1:]))
		case strings.HasPrefix(w, ">") && len(w) > 1:
			to = w[1:]
		default:
			args = append(args, w)
		}
	}
	s.out.Reset()
	s.err.Reset()
	// A reader that cannot seek, as a pipe cannot.
	status := Run(context.Background(), withService(), args, struct{ *bytes.Buffer }{&in}, &s.out, &s.err)
	if to != "" {
		require.NoError(s.t, os.WriteFile(to, s.out.Bytes(), 0o600), where)
	}
	return status
}
