package keyset_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

var (
	jan = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	dec = time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)
)

// full is a manifest with every member.
func full() *keyset.Manifest {
	return &keyset.Manifest{Version: 1, Revision: 12, Format: keyset.OpenPGP, Private: true, Keys: []keyset.ManifestKey{
		{ID: "8A1C", Name: "Bank <keys@bank.example>", Use: "signing+encryption", State: keyset.Active, Since: jan,
			Source: "file:own-2027.asc", NotBefore: jan, NotAfter: dec, Evidence: "echo 2026-12-03", Note: "first"},
		{ID: "04D7", State: keyset.Retiring, Source: "kms:own-2026"},
		{ID: "11FF", State: keyset.Revoked},
	}}
}

func encode(t testing.TB, m *keyset.Manifest) string {
	var b bytes.Buffer
	n, err := m.WriteTo(&b)
	require.NoError(t, err)
	require.Equal(t, int64(b.Len()), n)
	return b.String()
}

func TestManifestRoundTrip(t *testing.T) {
	text := encode(t, full())
	m, err := keyset.ReadManifest(strings.NewReader(text))
	require.NoError(t, err)
	assert.Equal(t, full(), m)
	assert.Equal(t, text, encode(t, m))

	// The same instants, written by somebody elsewhere, make the same bytes.
	elsewhere := full()
	zone := time.FixedZone("elsewhere", 5*3600)
	elsewhere.Keys[0].Since, elsewhere.Keys[0].NotAfter = jan.In(zone), dec.In(zone)
	assert.Equal(t, text, encode(t, elsewhere))
	assert.Contains(t, text, `"name": "Bank <keys@bank.example>"`)

	// A set writes what it was opened from.
	s, err := m.Open(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, full(), s.Manifest())
}

func TestReadManifestIsStrict(t *testing.T) {
	good := encode(t, full())
	swap := func(old, new string) string {
		require.Contains(t, good, old)
		return strings.Replace(good, old, new, 1)
	}
	for name, tt := range map[string]struct{ in, want string }{
		"empty":                {"", "EOF"},
		"not JSON":             {"version: 1", "invalid"},
		"an array":             {"[]", "expected"},
		"unknown member":       {swap(`"version": 1`, `"version": 1, "comment": "x"`), `unknown member "comment"`},
		"unknown in a key":     {swap(`"source": "kms:own-2026"`, `"secret": "x"`), `key number 2 ("04D7"): unknown member "secret"`},
		"repeated member":      {swap(`"revision": 12`, `"revision": 12, "revision": 13`), `repeated member "revision"`},
		"repeated in a key":    {swap(`"state": "retiring"`, `"state": "retiring", "state": "active"`), `repeated member "state"`},
		"other letter case":    {swap(`"state": "retiring"`, `"State": "active"`), `unknown member "State"`},
		"and the right one":    {swap(`"state": "retiring"`, `"state": "retiring", "STATE": "active"`), `unknown member "STATE"`},
		"version 2":            {swap(`"version": 1`, `"version": 2`), "version 2"},
		"version as text":      {swap(`"version": 1`, `"version": "1"`), `member "version"`},
		"no version":           {swap(`"version": 1,`, ``), `"version" is missing`},
		"no private":           {swap(`"private": true,`, ``), `"private" is missing`},
		"no state":             {swap(`"state": "revoked"`, `"note": "x"`), `"state" is missing`},
		"unknown state":        {swap(`"revoked"`, `"destroyed"`), "unknown state"},
		"state in capitals":    {swap(`"revoked"`, `"Revoked"`), "unknown state"},
		"null state":           {swap(`"revoked"`, `null`), "null"},
		"negative revision":    {swap(`12`, `-12`), `member "revision"`},
		"revision too large":   {swap(`12`, `18446744073709551616`), `member "revision"`},
		"unknown format":       {swap(`"openpgp"`, `"cms"`), "unknown format"},
		"unknown use":          {swap(`"signing+encryption"`, `"everything"`), "unknown use"},
		"two keys of one ID":   {swap(`"04D7"`, `"8A1C"`), "listed twice"},
		"empty ID":             {swap(`"04D7"`, `""`), "not printable"},
		"ID with a line end":   {swap(`"04D7"`, `"04\nD7"`), "not printable"},
		"reversed bounds":      {swap(`2026-12-31`, `2025-12-31`), "ends before it begins"},
		"not a time":           {swap(`"2026-12-31T00:00:00Z"`, `"31.12.2026"`), `member "not_after"`},
		"no keys":              {`{"version":1,"revision":1,"format":"jose","private":true,"keys":[]}`, "no keys"},
		"keys null":            {`{"version":1,"revision":1,"format":"jose","private":true,"keys":null}`, "expected"},
		"truncated":            {good[:len(good)/2], "line 13: "},
		"truncated at the end": {strings.TrimRight(good, "}\n"), "line 28: "},
		"data after it":        {good + "{}", "data after"},
		"garbage after it":     {good + "x", "data after"},
		"too large":            {strings.Replace(good, "first", strings.Repeat("x", 1<<20), 1), "larger than"},
		"too many live keys":   {manyKeys(keyset.MaxKeys+1, "pending"), "at most 16"},
		"too many keys of any": {manyKeys(5000, "revoked"), "more than 4096"},
		"a comment":            {"// keys\n" + good, "invalid"},
		"deep nesting":         {`{"keys":` + strings.Repeat("[", 100_000), ""},
		"key that is a string": {swap(`{
      "id": "11FF",
      "state": "revoked"
    }`, `"11FF"`), "expected"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := keyset.ReadManifest(strings.NewReader(tt.in))
			require.Error(t, err)
			assert.Nil(t, m)
			assert.ErrorContains(t, err, tt.want)
			if strings.HasPrefix(name, "truncated") { // encoding/json says it in one way or the other, by the Go release
				assert.Regexp(t, `(EOF|unexpected end of JSON input)$`, err.Error())
			}
			assert.Less(t, len(err.Error()), 2000)
		})
	}
	_, err := keyset.ReadManifest(strings.NewReader(swap(`"04D7",`, `"04D7", "zzz": 1,`)))
	assert.ErrorContains(t, err, "line 20", "where it stands")
	_, err = keyset.ReadManifest(io.MultiReader(strings.NewReader(good), failing{}))
	assert.ErrorIs(t, err, errFailing)
}

func manyKeys(n int, state string) string {
	var b strings.Builder
	b.WriteString(`{"version":1,"revision":1,"format":"jose","private":true,"keys":[`)
	for i := range n {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, `{"id":"k%d","state":%q}`, i, state)
	}
	return b.String() + "]}"
}

var errFailing = errors.New("disk on fire")

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errFailing }

func TestWriteToRefusesWhatReadWould(t *testing.T) {
	for name, change := range map[string]func(*keyset.Manifest){
		"no version": func(m *keyset.Manifest) { m.Version = 0 },
		"no format":  func(m *keyset.Manifest) { m.Format = "" },
		"no state":   func(m *keyset.Manifest) { m.Keys[0].State = 0 },
		"no keys":    func(m *keyset.Manifest) { m.Keys = nil },
		"large":      func(m *keyset.Manifest) { m.Keys[0].Note = strings.Repeat("x", 1<<20) },
	} {
		m := full()
		change(m)
		var b bytes.Buffer
		_, err := m.WriteTo(&b)
		assert.Error(t, err, name)
		assert.Zero(t, b.Len(), name)
		path := filepath.Join(t.TempDir(), "m.json")
		assert.Error(t, m.WriteFile(path), name)
		_, err = os.Stat(path)
		assert.ErrorIs(t, err, os.ErrNotExist)
	}
}

func FuzzReadManifest(f *testing.F) {
	f.Add(encode(f, full()))
	f.Add(manyKeys(3, "pending"))
	f.Add(`{"version":1}`)
	f.Fuzz(func(t *testing.T, in string) {
		m, err := keyset.ReadManifest(strings.NewReader(in))
		if err != nil {
			assert.Nil(t, m)
			return
		}
		again, err := keyset.ReadManifest(strings.NewReader(encode(t, m)))
		require.NoError(t, err)
		assert.Equal(t, encode(t, m), encode(t, again))
		_, err = m.Open(context.Background(), nil)
		assert.NoError(t, err)
	})
}

func TestManifestOpen(t *testing.T) {
	opened := []keyset.ID{}
	open := func(_ context.Context, k keyset.ManifestKey) (keyset.Material, error) {
		opened = append(opened, k.ID)
		return ownCert.key(k.ID), nil
	}
	s, err := full().Open(t.Context(), open)
	require.NoError(t, err)
	assert.Equal(t, []keyset.ID{"8A1C", "04D7"}, opened, "a revoked key is never opened")
	k, _ := s.Lookup("8A1C")
	assert.Equal(t, "echo 2026-12-03", k.Evidence)
	assert.Equal(t, dec, k.NotAfter)
	assert.Equal(t, uint64(12), s.Revision())

	outage := fmt.Errorf("kms-7: %w", keyset.ErrUnavailable)
	for name, tt := range map[string]struct {
		open keyset.Opener
		want string
	}{
		"outage":      {func(context.Context, keyset.ManifestKey) (keyset.Material, error) { return nil, outage }, "kms:own-2026"},
		"nothing":     {func(context.Context, keyset.ManifestKey) (keyset.Material, error) { return nil, nil }, "no key"},
		"nil pointer": {func(context.Context, keyset.ManifestKey) (keyset.Material, error) { return (*fake)(nil), nil }, "no key"},
		"tombstone": {func(_ context.Context, k keyset.ManifestKey) (keyset.Material, error) {
			return keyset.Tombstone(keyset.Info{ID: k.ID, Format: keyset.OpenPGP, Private: true}), nil
		}, "no key"},
		"another key":  {func(context.Context, keyset.ManifestKey) (keyset.Material, error) { return ownCert.key("XX"), nil }, "another key, XX"},
		"other format": {func(_ context.Context, k keyset.ManifestKey) (keyset.Material, error) { return ownSign.key(k.ID), nil }, "it is for jose"},
		"public half":  {func(_ context.Context, k keyset.ManifestKey) (keyset.Material, error) { return peerCert.key(k.ID), nil }, "private half is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := full().Open(t.Context(), tt.open)
			assert.Nil(t, s)
			assert.ErrorContains(t, err, tt.want)
			assert.ErrorContains(t, err, "8A1C")
			assert.ErrorContains(t, err, "04D7", "all of them are listed")
			assert.Equal(t, name == "outage", errors.Is(err, keyset.ErrUnavailable))
		})
	}
	// A manifest of public keys never holds a private half.
	m := full()
	m.Private = false
	s, err = m.Open(t.Context(), open)
	require.NoError(t, err)
	assert.False(t, s.Private())
}

func TestSchemes(t *testing.T) {
	open := keyset.Schemes(map[string]keyset.Opener{
		"file": func(context.Context, keyset.ManifestKey) (keyset.Material, error) { return ownCert.key("F"), nil },
		"kms":  func(context.Context, keyset.ManifestKey) (keyset.Material, error) { return ownCert.key("K"), nil },
		"nil":  nil,
	})
	for source, want := range map[string]keyset.ID{"file:a:b": "F", "kms:x": "K", "kms": "K", "vault:x": "", "": "", "nil:": ""} {
		m, err := open(t.Context(), keyset.ManifestKey{Source: source})
		if want == "" {
			assert.Error(t, err, source)
			continue
		}
		require.NoError(t, err, source)
		assert.Equal(t, want, m.Info().ID)
	}
}

// A writer is killed at random points; whoever reads finds a whole manifest.
func TestWriteFileIsAtomic(t *testing.T) {
	if dir := os.Getenv("KEYSET_TEST_WRITER"); dir != "" {
		writeForEver(filepath.Join(dir, "manifest.json"))
	}
	kills := 200
	if testing.Short() {
		kills = 20
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "manifest.json")
	require.NoError(t, full().WriteFile(path))
	require.NoError(t, os.Chmod(path, 0o640))
	last := uint64(0)
	for range kills {
		cmd := exec.Command(os.Args[0], "-test.run=TestWriteFileIsAtomic$")
		cmd.Env = append(os.Environ(), "KEYSET_TEST_WRITER="+dir)
		ready, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		_, _ = ready.Read(make([]byte, 1)) // it has written once, and goes on
		time.Sleep(time.Duration(rand.IntN(10_000)) * time.Microsecond)
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
		f, err := os.Open(path)
		require.NoError(t, err)
		m, err := keyset.ReadManifest(f)
		require.NoError(t, err, "a torn manifest")
		require.NoError(t, f.Close())
		assert.Len(t, m.Keys, 3)
		last = max(last, m.Revision)
	}
	assert.Greater(t, last, full().Revision, "nothing was ever written")
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o640), info.Mode().Perm())
}

func writeForEver(path string) {
	m := full()
	m.Keys[0].Note = strings.Repeat("a long note ", 2_000)
	for ready := false; ; ready = true {
		m.Revision++
		if err := m.WriteFile(path); err != nil {
			fmt.Println(err)
			os.Exit(3)
		}
		if !ready {
			fmt.Println("ready")
		}
	}
}

func TestWriteFileErrors(t *testing.T) {
	dir := t.TempDir()
	assert.Error(t, full().WriteFile(filepath.Join(dir, "no", "such", "folder", "m.json")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "m.json"), 0o700))
	assert.Error(t, full().WriteFile(filepath.Join(dir, "m.json")))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 1, "a temporary file was left behind")
}
