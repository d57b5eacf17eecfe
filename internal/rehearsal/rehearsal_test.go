package rehearsal_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/examples/standardpayments"
	"github.com/sealwax/sealwax/internal/rehearsal"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		require.NoError(t, err)
		return v
	}
}

// owns are the keys of an endpoint, two of each kind, by format.
func owns(t testing.TB) map[keyset.Format]*keyset.Set {
	set := func(keys ...keyset.Material) *keyset.Set {
		var all []keyset.Key
		for _, k := range keys {
			all = append(all, keyset.Key{Material: k, State: keyset.Active})
		}
		return must[*keyset.Set](t)(keyset.New(1, all...))
	}
	openPGP := must[*pgp.Key](t)
	jose := must[*jwe.Key](t)
	return map[keyset.Format]*keyset.Set{
		keyset.OpenPGP: set(openPGP(pgp.GenerateKey("old", pgp.Curve25519, 24*time.Hour)), openPGP(pgp.GenerateKey("new", pgp.Curve25519, 24*time.Hour))),
		keyset.JOSE: set(jose(jwe.GenerateKey("sign", jwe.ES256)), jose(jwe.GenerateKey("open-old", jwe.ECDHESA256KW)),
			jose(jwe.GenerateKey("open-new", jwe.RSAOAEP256))),
	}
}

// An option changes what a right endpoint does.
type option struct {
	own     func(*keyset.Set) *keyset.Set
	network func(*keyset.Set) *keyset.Set
	pgp     func(*pgp.Config)
	jwe     func(*jwe.Config)
	around  func(http.Handler, envelope.Envelope) http.Handler
	quiet   bool
	timed   bool
	now     func() time.Time
}

// endpoint is the echo of examples/standardpayments, with what the option changes.
func endpoint(t testing.TB, own, network *keyset.Set, o option) http.Handler {
	if o.own != nil {
		own = o.own(own)
	}
	if o.network != nil {
		network = o.network(network)
	}
	var e envelope.Envelope
	if own.Format() == keyset.OpenPGP {
		c := pgp.Config{Own: own, Peer: network, MaxAge: time.Hour, Replays: envelope.NewMemory(10_000), Waive: []envelope.Waiver{pgp.InsecureForgetfulStart("a test begins and ends at once")}}
		if o.pgp != nil {
			o.pgp(&c)
		}
		e = must[*pgp.Envelope](t)(pgp.New(c))
	} else {
		c := jwe.Config{Own: own, Peer: network, MaxAge: time.Hour, Replays: envelope.NewMemory(10_000), Waive: []envelope.Waiver{jwe.InsecureForgetfulStart("a test begins and ends at once")}}
		if o.jwe != nil {
			o.jwe(&c)
		}
		e = must[*jwe.Envelope](t)(jwe.New(c))
	}
	c := standardpayments.Config{Envelope: e, Now: o.now, Unknown: standardpayments.IgnoreUnknown, Log: slog.New(slog.DiscardHandler)}
	if o.quiet {
		c.Rejections = standardpayments.Quiet
	} else {
		c.Rejections = standardpayments.Advised
	}
	h := http.Handler(standardpayments.NewHandler(c, standardpayments.Echo("here")))
	if o.around != nil {
		h = o.around(h, e)
	}
	return h
}

// rehearse plays the network against an endpoint, and returns what came of each case.
func rehearse(t testing.TB, own *keyset.Set, o option, change func(*rehearsal.Rehearsal)) map[string]rehearsal.Result {
	return rehearseWith(t, must[*rehearsal.Network](t)(rehearsal.NewNetwork(own.Public(), rehearsal.StandardPayments)), own, o, change)
}

func rehearseWith(t testing.TB, network *rehearsal.Network, own *keyset.Set, o option, change func(*rehearsal.Rehearsal)) map[string]rehearsal.Result {
	var handler atomic.Pointer[http.Handler]
	h := &rehearsal.Rehearsal{Network: network, Partner: own.Public(), Load: true,
		Send: func(_ context.Context, m rehearsal.Message) (rehearsal.Answer, error) {
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodPost, "/echo", bytes.NewReader(m.Body))
			r.Header.Set("Content-Type", m.ContentType)
			began := time.Now()
			(*handler.Load()).ServeHTTP(w, r)
			return rehearsal.Answer{Status: w.Code, Body: w.Body.Bytes(), Header: w.Result().Header, ContentType: w.Header().Get("Content-Type"), Took: time.Since(began)}, nil
		},
		Install: func(_ context.Context, s rehearsal.Step) error {
			next := endpoint(t, own, must[*keyset.Set](t)(network.Trusted(s)), o)
			handler.Store(&next)
			return nil
		},
	}
	if !o.timed { // two hundred messages, of which nothing is judged here
		h.Only = func(name string) bool { return name != "errors/timing" }
	}
	if change != nil {
		change(h)
	}
	results, err := h.Run(t.Context())
	require.NoError(t, err)
	byName := map[string]rehearsal.Result{}
	for _, r := range results {
		require.NotContains(t, byName, r.Name, "a name is there once")
		byName[r.Name] = r
	}
	return byName
}

// not lists the cases that did not come to an outcome, but for timing, which machines
// decide.
func not(results map[string]rehearsal.Result, outcome ...rehearsal.Outcome) (names []string) {
	for name, r := range results {
		if !slices.Contains(outcome, r.Outcome) && name != "errors/timing" {
			names = append(names, name+": "+r.Saw)
		}
	}
	slices.Sort(names)
	return names
}

func TestRightEndpoint(t *testing.T) {
	for format, own := range owns(t) {
		t.Run(string(format), func(t *testing.T) {
			quiet := rehearse(t, own, option{quiet: true, timed: true}, nil)
			assert.Contains(t, quiet, "errors/timing")
			assert.Empty(t, not(quiet, rehearsal.Held, rehearsal.NotApplicable))
			advised := rehearse(t, own, option{}, nil)
			failed := not(advised, rehearsal.Held, rehearsal.NotApplicable)
			require.Len(t, failed, 1, "401 beside 400 tells something: %q", failed)
			assert.Regexp(t, "^errors/same-for-all: .*status 400 and 401", failed[0])
			assert.Greater(t, len(advised), 55)
			for name, r := range advised {
				assert.NotEmpty(t, r.Saw, name)
				assert.NotEmpty(t, r.Demand, name)
				assert.NotEmpty(t, r.Source, name)
				assert.Contains(t, []rehearsal.Level{rehearsal.Demanded, rehearsal.Advice}, r.Level, name)
			}
		})
	}
}

// failedOf lists the names of the cases that failed.
func failedOf(results map[string]rehearsal.Result) (names []string) {
	for name, r := range results {
		if r.Outcome == rehearsal.Failed && name != "errors/timing" && name != "errors/same-for-all" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// only returns a set without the keys that keep does not name.
func only(t testing.TB, keep func(int, keyset.Key) bool) func(*keyset.Set) *keyset.Set {
	return func(s *keyset.Set) *keyset.Set {
		var keys []keyset.Key
		n := 0
		for k := range s.All() {
			if keep(n, k) {
				keys = append(keys, k)
			}
			n++
		}
		return must[*keyset.Set](t)(keyset.New(s.Revision(), keys...))
	}
}

// answering answers in place of the endpoint where judge says so: with another status, and
// another body.
func answering(judge func(*envelope.Message, *envelope.OpenError, []byte) (int, string)) func(http.Handler, envelope.Envelope) http.Handler {
	return func(h http.Handler, e envelope.Envelope) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			m, err := e.Open(r.Context(), body)
			oe, _ := errors.AsType[*envelope.OpenError](err)
			if status, text := judge(m, oe, body); status != 0 {
				w.WriteHeader(status)
				_, _ = io.WriteString(w, text)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			h.ServeHTTP(w, r)
		})
	}
}

func forgetful(o option) option {
	o.pgp = func(c *pgp.Config) { c.Replays, c.Waive = nil, nil }
	o.jwe = func(c *jwe.Config) { c.Replays, c.Waive = nil, nil }
	return o
}

// Each mistake is named, and nothing else is.
func TestMistakes(t *testing.T) {
	keys := owns(t)
	late := time.Now().Add(-30 * time.Second)
	for name, c := range map[string]struct {
		format keyset.Format
		option
		want []string
	}{
		"the first key only opens": {keyset.OpenPGP, option{own: only(t, func(n int, _ keyset.Key) bool { return n == 0 })},
			[]string{"keys/to-each", "replies/signed-by-every-key"}},
		"the first key only opens, JOSE": {keyset.JOSE, option{own: only(t, func(n int, _ keyset.Key) bool { return n < 2 })},
			[]string{"keys/no-kid", "keys/to-each"}},
		"every signature has to be good": {keyset.OpenPGP, forgetful(option{around: answering(func(m *envelope.Message, _ *envelope.OpenError, _ []byte) (int, string) {
			if m != nil && len(m.Unknown)+len(m.Ignored) != 0 {
				return 401, ""
			}
			return 0, ""
		})}), []string{"emergency/by-both", "invalid/replayed", "keys/by-expired-and-active", "keys/by-known-and-unknown", "keys/by-revoked-and-active", "removed/by-both"}},
		"one key of the network is enough": {keyset.OpenPGP, option{network: only(t, func(n int, k keyset.Key) bool { return n == 0 || k.State == keyset.Revoked })},
			[]string{"keys/by-new", "rotation/by-third", "rotation/emergency", "rotation/without-first"}},
		"one reply key signs": {keyset.OpenPGP, option{own: func(s *keyset.Set) *keyset.Set {
			r := keyset.NewRing(s)
			for k := range s.All() {
				require.NoError(t, r.Retire(k.ID()))
				break
			}
			return r.Load()
		}}, []string{"replies/signed-by-every-key"}},
		"nothing is remembered":       {keyset.OpenPGP, forgetful(option{}), []string{"invalid/replayed"}},
		"nothing is remembered, JOSE": {keyset.JOSE, forgetful(option{}), []string{"invalid/replayed"}},
		"the clock is 30 s behind":    {keyset.JOSE, option{now: func() time.Time { return late }}, []string{"request/too-old"}},
		"a stranger is told why": {keyset.OpenPGP, forgetful(option{around: answering(func(_ *envelope.Message, err *envelope.OpenError, _ []byte) (int, string) {
			if err != nil {
				return 400, fmt.Sprint(err.Reason, err.Cause())
			}
			return 0, ""
		})}), []string{"errors/same-for-all-signatures", "errors/same-for-all-that-does-not-decrypt", "errors/same-text-for-all", "errors/signature", "invalid/replayed"}},
		"the kid is demanded": {keyset.JOSE, forgetful(option{around: answering(func(_ *envelope.Message, _ *envelope.OpenError, body []byte) (int, string) {
			head, _, _ := strings.Cut(string(body), ".")
			if raw, _ := base64.RawURLEncoding.DecodeString(head); !bytes.Contains(raw, []byte(`"kid":"open-`)) {
				return 400, ""
			}
			return 0, ""
		})}), []string{"invalid/replayed", "keys/no-kid", "keys/unknown-kid"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := rehearse(t, keys[c.format], c.option, nil)
			assert.Equal(t, c.want, failedOf(got))
		})
	}
}

// An endpoint that nobody installs keys at stands at the second step. What is not tried is
// not shown.
func TestStanding(t *testing.T) {
	if testing.Short() {
		t.Skip("whole rehearsals")
	}
	for format, own := range owns(t) {
		t.Run(string(format), func(t *testing.T) {
			results := rehearse(t, own, option{quiet: true}, func(h *rehearsal.Rehearsal) {
				require.NoError(t, h.Install(t.Context(), rehearsal.Standing()))
				h.Install = nil
			})
			var tried, not int
			for name, r := range results {
				group, _, _ := strings.Cut(name, "/")
				if slices.Contains([]string{"rotation", "removed", "emergency"}, group) {
					not++
					assert.Equal(t, rehearsal.NotTried, r.Outcome, name)
					assert.True(t, r.Blocks(), name)
				} else if name != "errors/timing" {
					tried++
					assert.NotEqual(t, rehearsal.Failed, r.Outcome, "%s: %s", name, r.Saw)
				}
			}
			assert.Greater(t, tried, 40)
			assert.Greater(t, not, 9)
		})
	}
}

// Of one key it cannot be shown that there may be several.
func TestOneKeyShowsNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("a whole rehearsal")
	}
	own := owns(t)[keyset.OpenPGP]
	one := only(t, func(n int, _ keyset.Key) bool { return n == 0 })(own)
	results := rehearse(t, one, option{quiet: true}, nil)
	for _, name := range []string{"keys/to-each", "keys/to-both"} {
		assert.Equal(t, rehearsal.NotTried, results[name].Outcome, name)
		assert.True(t, results[name].Blocks(), name)
	}
}

// An endpoint that speaks another protocol is judged by what it opens.
func TestAnotherProtocol(t *testing.T) {
	for format, own := range owns(t) {
		t.Run(string(format), func(t *testing.T) {
			results := rehearse(t, own, option{around: func(_ http.Handler, e envelope.Envelope) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
					m, err := e.Open(r.Context(), body)
					if err != nil {
						w.WriteHeader(400)
						return
					}
					sealed, err := e.Seal(r.Context(), m.Payload)
					assert.NoError(t, err)
					w.Header().Set("Content-Type", e.ContentType())
					_, _ = w.Write(sealed)
				})
			}}, func(h *rehearsal.Rehearsal) { h.Payload = []byte("<order/>") })
			assert.Equal(t, []string{"errors/signature"}, failedOf(results), "it is told as 400")
			assert.Equal(t, rehearsal.NotApplicable, results["request/comment"].Outcome)
			assert.Equal(t, rehearsal.Held, results["keys/by-new"].Outcome)
		})
	}
}

func TestOnlySome(t *testing.T) {
	own := owns(t)[keyset.JOSE]
	sent := 0
	var installed []string
	results := rehearse(t, own, option{quiet: true}, func(h *rehearsal.Rehearsal) {
		install := h.Install
		h.Install = func(ctx context.Context, s rehearsal.Step) error {
			installed = append(installed, s.Name)
			return install(ctx, s)
		}
		h.Only = func(name string) bool {
			return strings.HasPrefix(name, "keys/by-") || strings.HasPrefix(name, "removed/")
		}
		h.Pause = func(context.Context) error { sent++; return nil }
	})
	assert.Len(t, results, 4)
	assert.Empty(t, not(results, rehearsal.Held))
	assert.Equal(t, 4, sent, "each message waits its turn")
	assert.Equal(t, []string{"first", "second", "without-first"}, installed, "one thing at a time, and no more than is needed")
}

// A rehearsal that is stopped returns what it has.
func TestStopped(t *testing.T) {
	own := owns(t)[keyset.JOSE]
	network := must[*rehearsal.Network](t)(rehearsal.NewNetwork(own.Public(), rehearsal.StandardPayments))
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	h := &rehearsal.Rehearsal{Network: network, Partner: own.Public(),
		Send: func(context.Context, rehearsal.Message) (rehearsal.Answer, error) {
			return rehearsal.Answer{}, errors.New("no route")
		},
		After: func(r rehearsal.Result) {
			if r.Name == "keys/by-new" {
				cancel(cause)
			}
		},
		Pause: func(ctx context.Context) error { return context.Cause(ctx) },
	}
	results, err := h.Run(ctx)
	assert.ErrorIs(t, err, cause)
	require.NotEmpty(t, results)
	last := results[len(results)-1]
	assert.Equal(t, "keys/by-new", last.Name)
	assert.Equal(t, rehearsal.Failed, last.Outcome, "nobody answers")
}

// The keys of a rehearsal are for a week, and can be stored in between.
func TestNetwork(t *testing.T) {
	if testing.Short() {
		t.Skip("makes the keys of a network")
	}
	for format, own := range owns(t) {
		t.Run(string(format), func(t *testing.T) {
			n := must[*rehearsal.Network](t)(rehearsal.NewNetwork(own.Public(), rehearsal.StandardPayments))
			assert.WithinDuration(t, time.Now().Add(7*24*time.Hour), n.Over(), 10*time.Minute)
			files := map[string][]byte{}
			for _, f := range n.Files() {
				files[f.Name] = f.Data
			}
			again := must[*rehearsal.Network](t)(rehearsal.ReadNetwork(format, rehearsal.StandardPayments, n.Made(), func(name string) ([]byte, error) {
				if raw, ok := files[name]; ok {
					return raw, nil
				}
				return nil, errors.New("no such file")
			}))
			one := must[*keyset.Set](t)(n.Trusted(rehearsal.Standing()))
			two := must[*keyset.Set](t)(again.Trusted(rehearsal.Standing()))
			assert.Equal(t, one.Manifest(), two.Manifest())
			for k := range one.All() {
				assert.False(t, k.Material.Info().Private)
				assert.Contains(t, k.Material.Info().Name, "ehearsal", "the name says what it is for")
			}
			_, err := rehearsal.ReadNetwork(format, rehearsal.StandardPayments, n.Made(), func(string) ([]byte, error) { return []byte("{}"), nil })
			assert.Error(t, err)

			// What is written for the endpoint opens as the manifest says, at each step.
			for _, s := range rehearsal.Steps() {
				written := fstest.MapFS{}
				for _, f := range must[[]rehearsal.File](t)(n.TrustFiles(t.Context(), s)) {
					written["trust/"+f.Name] = &fstest.MapFile{Data: f.Data}
					assert.NotContains(t, string(f.Data), "PRIVATE")
					assert.NotContains(t, string(f.Data), `"d":`)
				}
				m := must[*keyset.Manifest](t)(n.Manifest(s, "trust/"))
				opener := jwe.OpenFile(written)
				if format == keyset.OpenPGP {
					opener = pgp.OpenFile(written, nil)
				}
				set, err := m.Open(t.Context(), opener)
				require.NoError(t, err, s.Name)
				for k := range must[*keyset.Set](t)(n.Trusted(s)).All() {
					if format == keyset.JOSE && !k.NotAfter.IsZero() {
						continue // nobody is handed a JWK that has ended
					}
					got, ok := set.Lookup(k.ID())
					assert.True(t, ok, s.Name)
					assert.Equal(t, k.State, got.State, s.Name)
				}
			}
		})
	}
}
