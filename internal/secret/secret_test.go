//go:build linux && (amd64 || arm64)

package secret_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// The keys of so many messages are looked for in the memory of a process that has opened
// them, and of as many that it has sealed.
const messages = 8

// Another process opens and seals messages, and then writes down all of its own memory. The
// session keys of these messages, which this process learns from the messages themselves, are
// not in it if the program is built to erase them, and are in it if it is not: that the search
// finds them there shows that it would find them.
func TestSessionKeysAreErased(t *testing.T) {
	if dir := os.Getenv("SEALWAX_TEST_MEMORY"); dir != "" {
		work(t, dir)
		return
	}
	if testing.Short() {
		t.Skip("makes keys of RSA for some seconds")
	}
	dir := t.TempDir()
	ours, theirs := make(map[string]any), make(map[string]any)
	for _, alg := range []pgp.Algorithm{pgp.RSA3072, pgp.Curve25519} {
		for name, all := range map[string]map[string]any{"ours": ours, "theirs": theirs} {
			k, err := pgp.GenerateKey(name, alg, time.Hour)
			require.NoError(t, err)
			all[string(alg)] = k
		}
	}
	for name, all := range map[string]map[string]any{"ours": ours, "theirs": theirs} {
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		require.NoError(t, err)
		decrypts, err := jwe.NewKey(name+"-dec", private, keyset.Encryption)
		require.NoError(t, err)
		signs, err := jwe.GenerateKey(name+"-sig", jwe.ES256)
		require.NoError(t, err)
		all["jose"] = []*jwe.Key{decrypts, signs}
		all["rsa"] = private
	}

	var keys []sessionKey
	for _, kind := range kinds {
		write(t, filepath.Join(dir, kind+".ours"), ours[kind], true)
		write(t, filepath.Join(dir, kind+".theirs"), theirs[kind], false)
		e := newEnvelope(t, set(t, theirs[kind], true), set(t, ours[kind], false))
		for n := range messages {
			sealed, err := e.Seal(t.Context(), []byte("payload"))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s.%d", kind, n)), sealed, 0o600))
			keys = append(keys, sessionKey{kind + ", opened", keyOf(t, kind, sealed, ours)})
		}
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSessionKeysAreErased$")
	cmd.Env = append(os.Environ(), "SEALWAX_TEST_MEMORY="+dir)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	for _, kind := range kinds {
		for n := range messages {
			sealed, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%s.reply.%d", kind, n)))
			require.NoError(t, err)
			keys = append(keys, sessionKey{kind + ", sealed", keyOf(t, kind, sealed, theirs)})
		}
	}

	memory, err := os.ReadFile(filepath.Join(dir, "memory"))
	require.NoError(t, err)
	found := map[string]int{}
	for _, k := range keys {
		require.Len(t, k.key, 32)
		if bytes.Contains(memory, k.key) {
			found[k.of]++
		}
	}
	t.Log(len(memory)>>20, "MiB", found)
	if erases {
		assert.Empty(t, found)
	} else {
		assert.NotEmpty(t, found)
	}
}

var kinds = []string{string(pgp.RSA3072), string(pgp.Curve25519), "jose"}

type sessionKey struct {
	of  string
	key []byte
}

// work is what the other process does.
func work(t *testing.T, dir string) {
	for _, kind := range kinds {
		use(t, dir, kind)
	}
	for range 3 {
		runtime.GC()
	}
	maps, err := os.ReadFile("/proc/self/maps")
	require.NoError(t, err)
	from, err := os.Open("/proc/self/mem")
	require.NoError(t, err)
	defer from.Close()
	to, err := os.Create(filepath.Join(dir, "memory"))
	require.NoError(t, err)
	defer to.Close()
	for line := range strings.Lines(string(maps)) {
		var begin, end uint64
		var rights string
		_, err := fmt.Sscanf(line, "%x-%x %s", &begin, &end, &rights)
		require.NoError(t, err)
		if strings.HasPrefix(rights, "rw") {
			_, _ = io.Copy(to, io.NewSectionReader(from, int64(begin), int64(end-begin))) // some of it cannot be read
		}
	}
}

//go:noinline
func use(t *testing.T, dir, kind string) {
	read := func(name string) []byte {
		raw, err := os.ReadFile(filepath.Join(dir, kind+"."+name))
		require.NoError(t, err)
		return raw
	}
	var own, peer any
	if kind == "jose" {
		var err error
		own, _, err = jwe.ReadKeys(bytes.NewReader(read("ours")), 0)
		require.NoError(t, err)
		peer, _, err = jwe.ReadKeys(bytes.NewReader(read("theirs")), 0)
		require.NoError(t, err)
	} else {
		k, err := pgp.ReadKey(bytes.NewReader(read("ours")))
		require.NoError(t, err)
		own = k
		k, err = pgp.ReadKey(bytes.NewReader(read("theirs")))
		require.NoError(t, err)
		peer = k
	}
	e := newEnvelope(t, set(t, own, true), set(t, peer, false))
	for n := range messages {
		m, err := e.Open(t.Context(), read(fmt.Sprint(n)))
		require.NoError(t, err)
		require.Equal(t, "payload", string(m.Payload))
		sealed, err := e.Seal(t.Context(), []byte("reply"))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s.reply.%d", kind, n)), sealed, 0o600))
	}
}

func materials(keys any) (all []keyset.Material) {
	switch keys := keys.(type) {
	case *pgp.Key:
		return []keyset.Material{keys}
	case []*jwe.Key:
		for _, k := range keys {
			all = append(all, k)
		}
	}
	return all
}

func set(t *testing.T, keys any, private bool) *keyset.Set {
	var all []keyset.Key
	for _, m := range materials(keys) {
		if !private {
			m = m.Public()
		}
		all = append(all, keyset.Key{Material: m, State: keyset.Active})
	}
	s, err := keyset.New(1, all...)
	require.NoError(t, err)
	return s
}

func newEnvelope(t *testing.T, own, peer *keyset.Set) envelope.Envelope {
	if own.Format() == keyset.OpenPGP {
		e, err := pgp.New(pgp.Config{Own: own, Peer: peer, Encoding: pgp.Binary})
		require.NoError(t, err)
		return e
	}
	e, err := jwe.New(jwe.Config{Own: own, Peer: peer})
	require.NoError(t, err)
	return e
}

func write(t *testing.T, name string, keys any, private bool) {
	var b bytes.Buffer
	switch k := keys.(type) {
	case *pgp.Key:
		if private {
			require.NoError(t, k.WriteInsecurePrivateKey(&b))
		} else {
			require.NoError(t, k.WriteCertificate(&b))
		}
	case []*jwe.Key:
		b.WriteString(`{"keys":[`)
		for n, k := range k {
			if n > 0 {
				b.WriteByte(',')
			}
			if private {
				require.NoError(t, k.WriteInsecurePrivateJWK(&b))
			} else {
				require.NoError(t, k.WritePublicJWK(&b))
			}
		}
		b.WriteString(`]}`)
	}
	require.NoError(t, os.WriteFile(name, b.Bytes(), 0o600))
}

// keyOf decrypts the session key of a message to one of the parties.
func keyOf(t *testing.T, kind string, sealed []byte, party map[string]any) []byte {
	if kind == "jose" {
		encrypted, err := base64.RawURLEncoding.DecodeString(strings.Split(string(sealed), ".")[1])
		require.NoError(t, err)
		key, err := rsa.DecryptOAEP(sha256.New(), nil, party["rsa"].(*rsa.PrivateKey), encrypted, nil)
		require.NoError(t, err)
		return key
	}
	var b bytes.Buffer
	require.NoError(t, party[kind].(*pgp.Key).WriteInsecurePrivateKey(&b))
	entities, err := openpgp.ReadArmoredKeyRing(&b)
	require.NoError(t, err)
	p, err := packet.NewReader(bytes.NewReader(sealed)).Next()
	require.NoError(t, err)
	key := p.(*packet.EncryptedKey)
	require.NoError(t, key.Decrypt(entities[0].Subkeys[0].PrivateKey, nil))
	return key.Key
}
