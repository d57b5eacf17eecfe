package command

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	payments "github.com/sealwax/sealwax/examples/standardpayments"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// serving runs sealctl serve until the test ends, and returns its URL and what it logs.
func serving(t *testing.T, args ...string) (string, *journal) {
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	log := new(journal)
	ended := make(chan int, 1)
	go func() {
		ended <- Run(ctx, Files, append([]string{"serve"}, args...), strings.NewReader(""), in, log)
		in.Close()
	}()
	t.Cleanup(func() {
		cancel()
		assert.Equal(t, done, <-ended, "%s", log)
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, "%s", log)
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "serving ")
	require.True(t, ok, line)
	return url, log
}

// A journal is what several goroutines write.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// sealctl runs one command that must succeed.
func sealctl(t *testing.T, args ...string) string {
	var out, errs bytes.Buffer
	require.Equal(t, done, Run(t.Context(), Files, args, strings.NewReader(""), &out, &errs), "%v: %s", args, &errs)
	return out.String() + errs.String()
}

// A side is a party's keys, read from files.
func side(t *testing.T, files ...string) *keyset.Set {
	r := keyReader{c: newCall(seal, Files, nil, nil, io.Discard, io.Discard)}
	s, err := r.set(t.Context(), "own", files, either)
	require.NoError(t, err)
	return s
}

func over(t *testing.T, own, peer *keyset.Set) envelope.Envelope {
	var e envelope.Envelope
	var err error
	if own.Format() == keyset.OpenPGP {
		e, err = pgp.New(pgp.Config{Own: own, Peer: peer.Public()})
	} else {
		e, err = jwe.New(jwe.Config{Own: own, Peer: peer.Public()})
	}
	require.NoError(t, err)
	return e
}

// keygens makes the keys of a party in files, in either format, and returns their names.
func keygens(t *testing.T, format keyset.Format, name string) []string {
	if format == keyset.OpenPGP {
		sealctl(t, "keygen", "-format", "pgp", "-alg", "curve25519", "-name", name, "-o", name+".asc")
		return []string{name + ".asc"}
	}
	sealctl(t, "keygen", "-format", "jose", "-alg", "ES256", "-name", name+"-sign", "-o", name+"-sign.jwk")
	sealctl(t, "keygen", "-format", "jose", "-alg", "ECDH-ES+A256KW", "-name", name+"-encrypt", "-o", name+"-encrypt.jwk")
	return []string{name + "-sign.jwk", name + "-encrypt.jwk"}
}

// handOut writes the public halves.
func handOut(t *testing.T, files ...string) string {
	name := "public-" + files[0]
	sealctl(t, append([]string{"public", "-o", name}, files...)...)
	return name
}

func eachFormat(t *testing.T, f func(t *testing.T, format keyset.Format)) {
	for _, format := range []keyset.Format{keyset.OpenPGP, keyset.JOSE} {
		t.Run(string(format), func(t *testing.T) {
			t.Chdir(t.TempDir())
			f(t, format)
		})
	}
}

func flags(name string, values ...string) (args []string) {
	for _, v := range values {
		args = append(args, name, v)
	}
	return args
}

// A shop rehearses against sealctl serve. Its key is revoked there beside it, by sealctl
// rotate, and nobody starts anything anew.
func TestServeFollowsManifests(t *testing.T) {
	eachFormat(t, func(t *testing.T, format keyset.Format) {
		bank, shop := keygens(t, format, "bank"), keygens(t, format, "shop")
		sealctl(t, append([]string{"rotate", "own.json", "init"}, bank...)...)
		sealctl(t, "rotate", "peer.json", "init", "-public", handOut(t, shop...))
		url, log := serving(t, "-own", "own.json", "-peer", "peer.json")

		client := &payments.Client{Envelope: over(t, side(t, shop...), side(t, bank...)), URL: url}
		reply, err := client.Echo(t.Context(), "hello")
		require.NoError(t, err, "%s", log)
		assert.Equal(t, "sealctl serve", reply.ServerMessage)

		key := "shop"
		if format == keyset.JOSE {
			key = "shop-sign"
		}
		sealctl(t, "rotate", "peer.json", "revoke", key)
		require.Eventually(t, func() bool {
			_, err := client.Echo(t.Context(), "hello")
			return err != nil
		}, 20*time.Second, 50*time.Millisecond)
		_, err = client.Echo(t.Context(), "hello")
		require.ErrorIs(t, err, payments.ErrNotKnown)
		assert.Contains(t, log.String(), "revoked_signer")
		assert.Contains(t, log.String(), "peer.json: revision 2")
	})
}

// The network in the middle of its rotation: replies by the new key alone, and to one of
// the keys of the partner.
func TestServeRepliesWithOneKey(t *testing.T) {
	eachFormat(t, func(t *testing.T, format keyset.Format) {
		network1, network2 := keygens(t, format, "net1"), keygens(t, format, "net2")
		bank1, bank2 := keygens(t, format, "bank1"), keygens(t, format, "bank2")
		network, bank := append(network1, network2...), append(bank1, bank2...)
		args := append(flags("-own", network...), flags("-peer", handOut(t, bank1...), handOut(t, bank2...))...)
		sign, encrypt := "net2", "bank2"
		if format == keyset.JOSE {
			sign, encrypt = "net2-sign", "bank2-encrypt"
		}
		url, _ := serving(t, append(args, "-reply-signed-by", sign, "-reply-to", encrypt)...)
		e := over(t, side(t, bank...), side(t, network...))
		_, m := ask(t, url, e, sealed(t, e, echoNow()))
		require.NotNil(t, m)
		require.Len(t, m.Signers, 1)
		assert.Equal(t, keyID(t, network, sign), m.Signers[0].ID)
		assert.Equal(t, keyID(t, bank, encrypt), m.Decrypter.ID)
		assert.Len(t, m.Addressed, 1)
	})
}

func keyID(t *testing.T, files []string, name string) keyset.ID {
	k, err := side(t, files...).Find(name)
	require.NoError(t, err)
	return k.ID()
}

func echoAt(at time.Time, message string) string {
	text, _ := json.Marshal(&payments.EchoRequest{ClientMessage: message, Request: payments.Request{
		RequestHeader: payments.RequestHeader{RequestID: "1", RequestTimestamp: payments.Timestamp{Time: at}},
	}})
	return string(text)
}

func echoNow() string { return echoAt(time.Now(), "hello") }

func sealed(t *testing.T, e envelope.Envelope, payload string) []byte {
	raw, err := e.Seal(t.Context(), []byte(payload))
	require.NoError(t, err)
	return raw
}

// ask sends a body, and returns the answer, opened if there is one that opens.
func ask(t *testing.T, url string, e envelope.Envelope, body []byte) (*answer, *envelope.Message) {
	response, err := http.Post(url, e.ContentType(), bytes.NewReader(body))
	require.NoError(t, err)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	m, err := e.Open(t.Context(), raw)
	a := &answer{response.StatusCode, string(raw), err}
	if err != nil {
		m = nil
	}
	return a, m
}

type answer struct {
	status int
	body   string
	err    error // of Open
}

func TestServeRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	bank, shop := keygens(t, keyset.OpenPGP, "bank")[0], keygens(t, keyset.JOSE, "shop")[0]
	public := handOut(t, bank)
	require.NoError(t, os.WriteFile("empty.json", []byte(`{"revision":1}`), 0o600))
	for want, args := range map[string][]string{
		"for rehearsals on this machine":      {"-own", bank, "-peer", public, "-addr", "0.0.0.0:0"},
		"192.0.2.1:80: sealctl serve is":      {"-own", bank, "-peer", public, "-addr", "192.0.2.1:80"},
		":0: sealctl serve is":                {"-own", bank, "-peer", public, "-addr", ":0"},
		"missing port":                        {"-own", bank, "-peer", public, "-addr", "127.0.0.1"},
		"-own is missing":                     {"-peer", public},
		"-peer is missing":                    {"-own", bank},
		"the partner's for":                   {"-own", bank, "-peer", shop},
		"the names for these keys are":        {"-own", bank, "-peer", public, "-fault", "nonsense"},
		"there is no such mistake in open":    {"-own", bank, "-peer", public, "-fault", "kid-required"},
		"-reply-signed-by:":                   {"-own", bank, "-peer", public, "-reply-signed-by", "nobody"},
		"-reply-to:":                          {"-own", bank, "-peer", public, "-reply-to", "nobody"},
		"empty.json:":                         {"-own", "empty.json", "-peer", public},
		`"extra" is too much`:                 {"-own", bank, "-peer", public, "extra"},
		"flag provided but not defined: -pro": {"-own", bank, "-peer", public, "-probe", "x"},
	} {
		var errs bytes.Buffer
		assert.NotEqual(t, done, Run(t.Context(), Files, append([]string{"serve"}, args...), strings.NewReader(""), io.Discard, &errs), want)
		assert.Contains(t, errs.String(), want)
	}
	help := sealctl(t, "serve", "-h")
	for _, f := range faults() {
		assert.Contains(t, help, fmt.Sprintf("%-22s %s", f.name, f.what))
	}
}
