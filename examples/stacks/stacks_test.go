package stacks_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/envelopetest"
	"github.com/sealwax/sealwax/examples/stacks"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

var rejected = envelope.ErrRejected.Error()

// A format makes the private keys of a party, and its envelope.
type format struct {
	keys        func(t *testing.T, party string) []keyset.Material
	newEnvelope func(own, peer keyset.Source, self, partner, seal, open string) (envelope.Envelope, error)
}

var formats = map[string]format{
	"pgp": {
		keys: func(t *testing.T, party string) []keyset.Material {
			k, err := pgp.GenerateKey(party, pgp.Curve25519, time.Hour)
			require.NoError(t, err)
			return []keyset.Material{k}
		},
		newEnvelope: func(own, peer keyset.Source, _, _, seal, open string) (envelope.Envelope, error) {
			return pgp.New(pgp.Config{Own: own, Peer: peer, SealContext: seal, OpenContext: open, MaxAge: time.Minute})
		},
	},
	"jwe": {
		keys: func(t *testing.T, party string) (keys []keyset.Material) {
			for _, algorithm := range []jwe.Algorithm{jwe.ES256, jwe.ECDHESA256KW} {
				k, err := jwe.GenerateKey(party+string(algorithm), algorithm)
				require.NoError(t, err)
				keys = append(keys, k)
			}
			return keys
		},
		newEnvelope: func(own, peer keyset.Source, self, partner, seal, open string) (envelope.Envelope, error) {
			return jwe.New(jwe.Config{
				Own: own, Peer: peer, Self: self, Partner: partner,
				SealContext: seal, OpenContext: open, MaxAge: time.Minute,
			})
		},
	},
}

// conversation returns the envelopes of a bank that serves, of a shop that
// calls, and of somebody who has the bank's public keys and none that it trusts.
func (f format) conversation(t *testing.T) (bank, shop, stranger envelope.Envelope) {
	set := func(party string) *keyset.Set {
		var keys []keyset.Key
		for _, m := range f.keys(t, party) {
			keys = append(keys, keyset.Key{Material: m, State: keyset.Active})
		}
		s, err := keyset.New(1, keys...)
		require.NoError(t, err)
		return s
	}
	ofBank, ofShop, ofStranger := set("bank"), set("shop"), set("shop")
	made := func(own, peer *keyset.Set, self, partner, seal, open string) envelope.Envelope {
		e, err := f.newEnvelope(keyset.NewRing(own), keyset.NewRing(peer.Public()), self, partner, seal, open)
		require.NoError(t, err)
		return e
	}
	return made(ofBank, ofShop, "bank", "shop", "reply", "request"),
		made(ofShop, ofBank, "shop", "bank", "request", "reply"),
		made(ofStranger, ofBank, "shop", "bank", "request", "reply")
}

// Every server answers the client, and tells everybody else the same.
func TestRequestAndReply(t *testing.T) {
	record(t)
	for name, f := range formats {
		t.Run(name, func(t *testing.T) {
			bank, shop, stranger := f.conversation(t)
			request, err := shop.Seal(t.Context(), []byte("12.50 EUR"))
			require.NoError(t, err)
			recorded, err := bank.Seal(t.Context(), []byte("paid"))
			require.NoError(t, err)
			forged, err := stranger.Seal(t.Context(), []byte("9999 EUR"))
			require.NoError(t, err)
			bad := map[string][]byte{
				"empty": nil, "garbage": []byte("hello"), "cut": request[:len(request)/2], "our reply": recorded,
				"stranger": forged, "changed": bytes.ToUpper(request),
			}
			each(t, func(t *testing.T, stack string) {
				s := start[stack](t, bank)
				var all sync.WaitGroup
				for worker := range 4 {
					all.Go(func() {
						for i := range 5 {
							payload := fmt.Sprintf("%d.%02d EUR", worker, i)
							reply, err := s.call(t.Context(), shop, []byte(payload))
							if assert.NoError(t, err) {
								assert.Equal(t, payload, string(reply.Payload))
								assert.Len(t, reply.Signers, 1)
							}
						}
					})
				}
				all.Wait()
				for what, body := range bad {
					code, text := s.send(t, body)
					assert.Equal(t, http.StatusBadRequest, code, what)
					assert.Equal(t, rejected, text, what)
				}
				_, err := s.call(t.Context(), stranger, []byte("9999 EUR"))
				assert.ErrorContains(t, err, spelled(stack, 400))
			})
		})
	}
}

// What is wrong with us is another status than what is wrong with a message. It
// asks the partner to try again only while nothing has been done.
func TestWhatTheSenderLearns(t *testing.T) {
	outage := fmt.Errorf("a hardware module at 10.1.2.3: %w", keyset.ErrUnavailable)
	for name, c := range map[string]struct {
		set    func(*envelopetest.Fake)
		code   int
		text   string
		logged string
	}{
		"malformed": {func(f *envelopetest.Fake) { f.Reject(envelope.Malformed) }, 400, rejected, "err.reason=malformed"},
		"unknown signer": {func(f *envelopetest.Fake) { f.Reject(envelope.UnknownSigner) }, 400, rejected,
			"err.reason=unknown_signer"},
		"wrapped": {func(f *envelopetest.Fake) {
			f.Fail(fmt.Errorf("by the key %q: %w", "shop-1", envelope.Reject(envelope.BadSignature, errors.New("why"))))
		}, 400, rejected, "err.reason=bad_signature"},
		"outage":   {func(f *envelopetest.Fake) { f.Fail(outage) }, 503, "try again", "10.1.2.3"},
		"deadline": {func(f *envelopetest.Fake) { f.Fail(context.DeadlineExceeded) }, 503, "try again", "deadline"},
		"no reply": {func(f *envelopetest.Fake) { f.FailSeal(outage) }, 500, "no reply", "10.1.2.3"},
		"no key":   {func(f *envelopetest.Fake) { f.FailSeal(envelope.ErrNoKey) }, 500, "no reply", "no key"},
		"a reply that fails as a message does": {func(f *envelopetest.Fake) {
			f.FailSeal(envelope.Reject(envelope.Malformed, errors.New("why")))
		}, 500, "no reply", "err.reason=malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			bank, shop := envelopetest.New(t), envelopetest.New(t)
			message := bank.Message("12.50 EUR")
			c.set(bank)
			each(t, func(t *testing.T, stack string) {
				log := record(t)
				s := start[stack](t, bank)
				code, text := s.send(t, message)
				assert.Equal(t, c.code, code)
				assert.Equal(t, c.text, text)
				assert.Contains(t, log(), c.logged)
				_, err := s.call(t.Context(), shop, []byte("12.50 EUR"))
				assert.ErrorContains(t, err, spelled(stack, c.code))
			})
		})
	}
}

// spelled is how a client of the stack is told of a status.
func spelled(stack string, code int) string {
	if stack != "grpc" {
		return http.StatusText(code)
	}
	return map[int]codes.Code{400: codes.InvalidArgument, 503: codes.Unavailable, 500: codes.Internal}[code].String()
}

func TestClientHasAnOutage(t *testing.T) {
	record(t)
	each(t, func(t *testing.T, stack string) {
		bank, shop := envelopetest.New(t), envelopetest.New(t)
		s := start[stack](t, bank)
		reply, err := s.call(t.Context(), shop, []byte("12.50 EUR"))
		require.NoError(t, err)
		require.Equal(t, "12.50 EUR", string(reply.Payload))
		shop.FailSeal(keyset.ErrUnavailable)
		_, err = s.call(t.Context(), shop, []byte("12.50 EUR"))
		require.ErrorIs(t, err, keyset.ErrUnavailable)
		require.Len(t, bank.Payloads(), 1, "nothing was sent")
		shop.FailSeal(nil)
		shop.Reject(envelope.BadSignature)
		_, err = s.call(t.Context(), shop, []byte("12.50 EUR"))
		require.ErrorIs(t, err, envelope.ErrRejected, "a reply that is not the bank's")
		require.Len(t, bank.Payloads(), 2)
	})
}

// A keeper is an envelope that keeps what Open was given and what it returned,
// and what that looked like then.
type keeper struct {
	envelope.Envelope
	mu   sync.Mutex
	kept []kept
}

type kept struct {
	size    int
	message *envelope.Message
	payload string
}

func (k *keeper) Open(ctx context.Context, sealed []byte) (*envelope.Message, error) {
	m, err := k.Envelope.Open(ctx, sealed)
	k.mu.Lock()
	defer k.mu.Unlock()
	e := kept{size: len(sealed), message: m}
	if m != nil {
		e.payload = string(m.Payload)
	}
	k.kept = append(k.kept, e)
	return m, err
}

func (k *keeper) all() []kept {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.kept
}

func TestRequestThatIsTooLong(t *testing.T) {
	record(t)
	each(t, func(t *testing.T, stack string) {
		k := &keeper{Envelope: envelopetest.New(t)}
		s := start[stack](t, k)
		ways := []func(*testing.T, []byte) (int, string){s.send}
		if h, ok := s.(*httpServer); ok {
			ways = append(ways, h.chunked)
		}
		for _, way := range ways {
			for _, size := range []int{1<<20 + 1, 3 << 20} {
				code, text := way(t, make([]byte, size))
				assert.Contains(t, []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge}, code)
				assert.NotContains(t, text, rejected)
			}
			assert.Empty(t, k.all(), "no cryptography")
		}
		for _, way := range ways {
			const room = 16 // for what gRPC puts around the field
			code, text := way(t, make([]byte, 1<<20-room))
			assert.Equal(t, http.StatusBadRequest, code)
			assert.Equal(t, rejected, text)
		}
		assert.Len(t, k.all(), len(ways))
	})
}

// A lender is an envelope that breaks the promise not to retain its input.
type lender struct{ envelope.Envelope }

func (lender) Open(_ context.Context, sealed []byte) (*envelope.Message, error) {
	return &envelope.Message{Payload: sealed}, nil
}

// changed sends requests of one size through one connection, and returns how
// many of the messages are not what they were when they were opened.
func changed(t *testing.T, s server, k *keeper, bodies [][]byte) int {
	for _, body := range bodies {
		if h, ok := s.(*httpServer); ok {
			response, err := h.client.Post("http://"+h.address+"/echo", "", bytes.NewReader(body))
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, response.StatusCode)
			require.NoError(t, response.Body.Close())
			continue
		}
		code, _ := s.send(t, body)
		require.Equal(t, http.StatusOK, code)
	}
	require.Len(t, k.all(), len(bodies))
	n := 0
	for _, e := range k.all() {
		if string(e.message.Payload) != e.payload {
			n++
		}
	}
	return n
}

// A server may use the memory of a body again once its handler has returned.
// What Open returned then must not change.
func TestMessageOutlivesItsBody(t *testing.T) {
	for name, f := range formats {
		t.Run(name, func(t *testing.T) {
			bank, shop, _ := f.conversation(t)
			bodies := make([][]byte, 20)
			for i := range bodies {
				var err error
				bodies[i], err = shop.Seal(t.Context(), bytes.Repeat([]byte{'a' + byte(i)}, 1000))
				require.NoError(t, err)
			}
			each(t, func(t *testing.T, stack string) {
				k := &keeper{Envelope: bank}
				assert.Zero(t, changed(t, start[stack](t, k), k, bodies))
			})
		})
	}
	// Fiber does use it again: an envelope that retains its input is noticed.
	k := &keeper{Envelope: lender{envelopetest.New(t)}}
	bodies := make([][]byte, 50)
	for i := range bodies {
		bodies[i] = bytes.Repeat([]byte{'a' + byte(i)}, 1000)
	}
	assert.Positive(t, changed(t, start["fiber"](t, k), k, bodies))
}

// Nothing is decompressed before it is authenticated: a sealed body under a
// Content-Encoding is another body.
func TestContentEncoding(t *testing.T) {
	record(t)
	each(t, func(t *testing.T, stack string) {
		bank := envelopetest.New(t)
		h, ok := start[stack](t, bank).(*httpServer)
		if !ok {
			return // gRPC refuses what no program has registered
		}
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, err := w.Write(bank.Message("12.50 EUR"))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		code, text := h.post(t, fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n", b.Len()), b.Bytes())
		assert.Equal(t, http.StatusBadRequest, code)
		assert.Equal(t, rejected, text)
	})
}

func TestContentType(t *testing.T) {
	each(t, func(t *testing.T, stack string) {
		bank := envelopetest.New(t)
		if h, ok := start[stack](t, bank).(*httpServer); ok {
			response, err := h.client.Post("http://"+h.address+"/echo", "", bytes.NewReader(bank.Message("12.50 EUR")))
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			assert.Equal(t, bank.ContentType(), response.Header.Get("Content-Type"))
		}
	})
}

// The service that is written by hand does what a generated one does.
func TestInterceptor(t *testing.T) {
	bank, shop := envelopetest.New(t), envelopetest.New(t)
	var methods []string
	s := serveGRPC(t, stacks.GRPC(bank, grpc.UnaryInterceptor(
		func(ctx context.Context, in any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			methods = append(methods, info.FullMethod)
			if len(methods) == 2 {
				return nil, status.Error(codes.PermissionDenied, "no")
			}
			return next(ctx, in)
		})))
	reply, err := s.call(t.Context(), shop, []byte("12.50 EUR"))
	require.NoError(t, err)
	assert.Equal(t, "12.50 EUR", string(reply.Payload))
	_, err = s.call(t.Context(), shop, []byte("12.50 EUR"))
	assert.Equal(t, codes.PermissionDenied, status.Code(err))
	assert.Equal(t, []string{"/sealwax.examples.Sealed/Echo", "/sealwax.examples.Sealed/Echo"}, methods)
}

// record takes the log until the end of the test, and returns what it holds.
func record(t *testing.T) (log func() string) {
	var mu sync.Mutex
	var b bytes.Buffer
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	slog.SetDefault(slog.New(slog.NewTextHandler(writer(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return b.Write(p)
	}), nil)))
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return b.String()
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }
