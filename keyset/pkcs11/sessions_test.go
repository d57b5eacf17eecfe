package pkcs11_test

import (
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	binding "github.com/miekg/pkcs11"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/keyset/pkcs11"
)

// However many ask, whatever they ask, and whenever they go: there are no more sessions
// than Config.Sessions, one login, and nothing is left in the end.
func TestSessions(t *testing.T) {
	h := start(t)
	h.generate("sign", 1, curve(p256), binding.CKA_SIGN)
	h.generate("open", 2, rsaKey(2048), binding.CKA_DECRYPT)
	h.generate("dh", 3, curve(p256), binding.CKA_DERIVE)
	h.logout()
	m := h.openWith(pkcs11.Config{Sessions: 3})
	key := func(label string) keyset.Remote {
		return must[keyset.Remote](t)(m.Remote(t.Context(), source(label), 0))
	}
	sign, open, dh := key("sign"), key("open"), key("dh")
	garbage := append([]byte{0}, make([]byte, 255)...)
	rand.Read(garbage[1:])
	ephemeral := must[*ecdh.PrivateKey](t)(ecdh.P256().GenerateKey(rand.Reader))
	goroutines := runtime.NumGoroutine()
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			for j := range 10 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				if (i+j)%5 == 0 {
					ctx, cancel = context.WithTimeout(t.Context(), time.Duration(i+j)*100*time.Microsecond)
				}
				_, err := sign.Bind(ctx).(crypto.Signer).Sign(nil, make([]byte, 32), crypto.SHA256)
				assert.True(t, err == nil || errors.Is(err, context.DeadlineExceeded), err)
				_, err = open.Bind(ctx).(crypto.Decrypter).Decrypt(nil, garbage, &rsa.OAEPOptions{Hash: crypto.SHA1})
				assert.True(t, open.Undecryptable(err) || errors.Is(err, context.DeadlineExceeded), err)
				_, err = dh.Bind(ctx).(ecdh.KeyExchanger).ECDH(ephemeral.PublicKey())
				assert.True(t, err == nil || errors.Is(err, context.DeadlineExceeded), err)
				cancel()
			}
		})
	}
	wg.Wait()
	// How many come about, the scheduler decides; more must not.
	made := h.sessions("bank")
	assert.True(t, 1 <= made && made <= 3, "%d sessions, and Config.Sessions is 3", made)
	assert.EqualValues(t, 1, h.pins.Load(), "one login")
	assert.LessOrEqual(t, settled(goroutines), goroutines, "what was under way is over")
	require.NoError(t, m.Close())
	assert.Zero(t, h.sessions("bank"))
	_, err := sign.Bind(t.Context()).(crypto.Signer).Sign(nil, make([]byte, 32), crypto.SHA256)
	assert.ErrorContains(t, err, "the module is closed")
	assert.False(t, sign.Undecryptable(err))
}

// A call whose ctx ends returns at once, and its session is nobody's until the token has
// answered: here the PIN does not come.
func TestStuck(t *testing.T) {
	h := start(t)
	h.generate("sign", 1, curve(p256), binding.CKA_SIGN)
	h.logout()
	stuck, asked := make(chan struct{}), make(chan struct{}, 100)
	m := h.openWith(pkcs11.Config{Sessions: 2, PIN: func(context.Context, string) ([]byte, error) {
		asked <- struct{}{}
		<-stuck // a callback that does not look at its ctx, as a call of PKCS #11 does not
		return []byte(pin), nil
	}})
	before := runtime.NumGoroutine()
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		began := time.Now()
		_, err := m.Remote(ctx, source("sign"), 0)
		cancel()
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Less(t, time.Since(began), 2*time.Second)
	}
	assert.LessOrEqual(t, settled(before+2), before+2, "what is under way is bounded by Sessions")
	assert.Len(t, asked, 1)
	close(stuck)
	_, err := m.Remote(t.Context(), source("sign"), 0)
	assert.NoError(t, err)
}

// settled is how many goroutines there are once those end that end by themselves: a timer of
// a ctx is one for an instant.
func settled(most int) int {
	for began := time.Now(); runtime.NumGoroutine() > most && time.Since(began) < 10*time.Second; {
		time.Sleep(time.Millisecond)
	}
	return runtime.NumGoroutine()
}

// Ciphertexts that do not decrypt leave nothing behind. The binding loses a buffer with
// each, 272 bytes, which is what is measured here.
func TestMemory(t *testing.T) {
	if underRace { // measured in a process without it
		library(t)
		again := exec.Command("go", "test", "-count=1", "-run", "^TestMemory$", ".")
		again.Env = append(os.Environ(), "GOFLAGS=")
		out, err := again.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return
	}
	h := start(t)
	h.generate("open", 1, rsaKey(2048), binding.CKA_DECRYPT)
	h.logout()
	remote := must[keyset.Remote](t)(h.open().Remote(t.Context(), source("open"), keyset.Encryption))
	c := make([]byte, 256)
	rand.Read(c)
	c[0] = 0
	ask := func(n int) {
		for range n {
			_, err := remote.Bind(t.Context()).(crypto.Decrypter).Decrypt(nil, c, &rsa.OAEPOptions{Hash: crypto.SHA1})
			require.True(t, remote.Undecryptable(err))
		}
	}
	ask(3000) // until what grows for other reasons has settled
	before := resident(t)
	const many = 6000
	ask(many)
	grown := resident(t) - before
	t.Log(grown, "kB")
	assert.Less(t, grown, many*272/1024/2, "kB")
}

// resident is the memory of the process that is not Go's, in kB.
func resident(t *testing.T) (size int) {
	debug.FreeOSMemory()
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0 // not Linux: nothing is measured
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	for line := range strings.Lines(string(raw)) {
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &size); err == nil {
			return size - int(m.Sys-m.HeapReleased)/1024
		}
	}
	t.Fatal("no VmRSS")
	return 0
}
