package envelopetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// pair returns two parties that trust each other, with the given keys each.
func pair(t testing.TB, generate func() []keyset.Material, build func(own, peer keyset.Source) (envelope.Envelope, error)) (a, b Party) {
	var own [2]*keyset.Set
	for p := range own {
		var all []keyset.Key
		for _, state := range []keyset.State{keyset.Active, keyset.Pending} {
			for _, m := range generate() {
				all = append(all, keyset.Key{Material: m, State: state})
			}
		}
		s, err := keyset.New(1, all...)
		require.NoError(t, err)
		own[p] = s
	}
	var parties [2]Party
	for p := range parties {
		parties[p] = Party{Own: keyset.NewRing(own[p]), Peer: keyset.NewRing(own[1-p].Public())}
		e, err := build(parties[p].Own, parties[p].Peer)
		require.NoError(t, err)
		parties[p].Envelope = e
	}
	return parties[0], parties[1]
}

func pgpPair(t testing.TB, change func(*pgp.Config)) (a, b Party) {
	return pair(t, func() []keyset.Material {
		k, err := pgp.GenerateKey("suite", pgp.Curve25519, time.Hour)
		require.NoError(t, err)
		return []keyset.Material{k}
	}, func(own, peer keyset.Source) (envelope.Envelope, error) {
		c := pgp.Config{Own: own, Peer: peer}
		if change != nil {
			change(&c)
		}
		return pgp.New(c)
	})
}

func jwePair(t testing.TB, change func(*jwe.Config)) (a, b Party) {
	return pair(t, func() (keys []keyset.Material) {
		for _, alg := range []jwe.Algorithm{jwe.ES256, jwe.ECDHESA256KW} {
			k, err := jwe.GenerateKey("", alg)
			require.NoError(t, err)
			keys = append(keys, k)
		}
		return keys
	}, func(own, peer keyset.Source) (envelope.Envelope, error) {
		c := jwe.Config{Own: own, Peer: peer}
		if change != nil {
			change(&c)
		}
		return jwe.New(c)
	})
}

func TestPGPKeepsItsPromises(t *testing.T) {
	for name, change := range map[string]func(*pgp.Config){
		"base64url": nil,
		"armor":     func(c *pgp.Config) { c.Encoding = pgp.Armor },
		"binary":    func(c *pgp.Config) { c.Encoding = pgp.Binary },
	} {
		t.Run(name, func(t *testing.T) {
			TestEnvelope(t, func(t *testing.T) (a, b Party) { return pgpPair(t, change) })
		})
	}
}

func TestJWEKeepsItsPromises(t *testing.T) {
	for name, change := range map[string]func(*jwe.Config){
		"compact": nil,
		"JSON":    func(c *jwe.Config) { c.JSON = true },
	} {
		t.Run(name, func(t *testing.T) {
			TestEnvelope(t, func(t *testing.T) (a, b Party) { return jwePair(t, change) })
		})
	}
}

// A broken envelope breaks one promise of the one that it wraps.
type broken struct {
	envelope.Streamer
	seal        func(e envelope.Streamer, ctx context.Context, payload []byte) ([]byte, error)
	open        func(e envelope.Streamer, ctx context.Context, sealed []byte) (*envelope.Message, error)
	openTo      func(e envelope.Streamer, ctx context.Context, dst io.Writer, sealed io.ReadSeeker) (*envelope.Message, error)
	ready       func(e envelope.Streamer, ctx context.Context) ([]envelope.KeyUse, error)
	contentType string
}

func (b *broken) Ready(ctx context.Context) ([]envelope.KeyUse, error) {
	if b.ready != nil {
		return b.ready(b.Streamer, ctx)
	}
	return b.Streamer.(envelope.Readier).Ready(ctx)
}

func (b *broken) Seal(ctx context.Context, payload []byte) ([]byte, error) {
	if b.seal != nil {
		return b.seal(b.Streamer, ctx, payload)
	}
	return b.Streamer.Seal(ctx, payload)
}

func (b *broken) Open(ctx context.Context, sealed []byte) (*envelope.Message, error) {
	if b.open != nil {
		return b.open(b.Streamer, ctx, sealed)
	}
	return b.Streamer.Open(ctx, sealed)
}

func (b *broken) OpenTo(ctx context.Context, dst io.Writer, sealed io.ReadSeeker) (*envelope.Message, error) {
	if b.openTo != nil {
		return b.openTo(b.Streamer, ctx, dst, sealed)
	}
	return b.Streamer.OpenTo(ctx, dst, sealed)
}

func (b *broken) ContentType() string {
	if b.contentType != "" {
		return b.contentType[1:]
	}
	return b.Streamer.ContentType()
}

// The suite catches an implementation that breaks any one promise.
func TestTheSuiteCatches(t *testing.T) {
	var mu sync.Mutex
	var kept []byte
	for name, ways := range map[string]map[string]broken{
		"RoundTrip": {
			"loses the end": {open: func(e envelope.Streamer, ctx context.Context, s []byte) (*envelope.Message, error) {
				m, err := e.Open(ctx, s)
				if m != nil && len(m.Payload) > 1 {
					m.Payload = m.Payload[1:]
				}
				return m, err
			}},
			"does not encrypt": {seal: func(_ envelope.Streamer, _ context.Context, p []byte) ([]byte, error) { return bytes.Clone(p), nil }},
			"hides the signers": {open: func(e envelope.Streamer, ctx context.Context, s []byte) (*envelope.Message, error) {
				m, err := e.Open(ctx, s)
				if m != nil {
					m.Signers = nil
				}
				return m, err
			}},
			"always the same": {seal: func(e envelope.Streamer, ctx context.Context, p []byte) ([]byte, error) {
				mu.Lock()
				defer mu.Unlock()
				if string(p) == "same" && kept != nil {
					return bytes.Clone(kept), nil
				}
				out, err := e.Seal(ctx, p)
				if string(p) == "same" {
					kept = bytes.Clone(out)
				}
				return out, err
			}},
		},
		"Ready": {
			"names nobody": {ready: func(envelope.Streamer, context.Context) ([]envelope.KeyUse, error) { return nil, nil }},
			"is a use": {ready: func(e envelope.Streamer, ctx context.Context) ([]envelope.KeyUse, error) {
				_, _ = e.Seal(ctx, nil)
				return e.(envelope.Readier).Ready(ctx)
			}},
			"is always ready": {ready: func(e envelope.Streamer, ctx context.Context) ([]envelope.KeyUse, error) {
				uses, _ := e.(envelope.Readier).Ready(ctx)
				return uses, nil
			}},
		},
		"Ownership": {
			"writes to the payload": {seal: func(e envelope.Streamer, ctx context.Context, p []byte) ([]byte, error) {
				out, err := e.Seal(ctx, p)
				clear(p)
				return out, err
			}},
			"writes to the message": {open: func(e envelope.Streamer, ctx context.Context, s []byte) (*envelope.Message, error) {
				m, err := e.Open(ctx, s)
				clear(s)
				return m, err
			}},
			"keeps the message": {open: func(e envelope.Streamer, ctx context.Context, s []byte) (*envelope.Message, error) {
				m, err := e.Open(ctx, bytes.Clone(s))
				if m != nil {
					m.Payload = s[:len(m.Payload)]
				}
				return m, err
			}},
		},
		"ContentType": {"none": {contentType: "-"}},
		"States": {"sticks to what it knows": {open: func(e envelope.Streamer, ctx context.Context, s []byte) (*envelope.Message, error) {
			m, err := e.Open(ctx, s)
			if err == nil && m.Decrypter.State == keyset.Retiring {
				return nil, envelope.Reject(envelope.NotForUs, nil)
			}
			return m, err
		}}},
		"NoKey": {"another error": {seal: func(e envelope.Streamer, ctx context.Context, p []byte) ([]byte, error) {
			out, err := e.Seal(ctx, p)
			if err != nil {
				err = errors.New("no")
			}
			return out, err
		}}},
		"Rejections": {
			"a message beside the error": {open: func(e envelope.Streamer, ctx context.Context, s []byte) (*envelope.Message, error) {
				m, err := e.Open(ctx, s)
				if err != nil {
					m = &envelope.Message{}
				}
				return m, err
			}},
			"another error": {open: func(e envelope.Streamer, ctx context.Context, s []byte) (*envelope.Message, error) {
				m, err := e.Open(ctx, s)
				if err != nil {
					err = errors.New("openpgp: wrong key")
				}
				return m, err
			}},
			"accepts anything": {open: func(envelope.Streamer, context.Context, []byte) (*envelope.Message, error) {
				return &envelope.Message{Payload: []byte("{}")}, nil
			}},
		},
		"Uniform": {"says why": {open: func(e envelope.Streamer, ctx context.Context, s []byte) (*envelope.Message, error) {
			m, err := e.Open(ctx, s)
			if oe, ok := errors.AsType[*envelope.OpenError](err); ok {
				err = errors.Join(err, errors.New(string(oe.Reason)))
			}
			return m, err
		}}},
		"Reflection": {"believes itself": {open: func(e envelope.Streamer, ctx context.Context, s []byte) (*envelope.Message, error) {
			return &envelope.Message{Payload: []byte("{}")}, nil
		}}},
		"Cancellation": {
			"does not look": {
				seal: func(e envelope.Streamer, _ context.Context, p []byte) ([]byte, error) { return e.Seal(bg, p) },
			},
			"rejects": {open: func(e envelope.Streamer, ctx context.Context, s []byte) (*envelope.Message, error) {
				m, err := e.Open(ctx, s)
				if err != nil {
					err = envelope.Reject(envelope.Malformed, err)
				}
				return m, err
			}},
		},
		"Usage": {"opens twice": {open: func(e envelope.Streamer, ctx context.Context, s []byte) (*envelope.Message, error) {
			_, _ = e.Open(ctx, s)
			return e.Open(ctx, s)
		}}},
		"Concurrency": {"fails now and then": {open: func() func(e envelope.Streamer, ctx context.Context, s []byte) (*envelope.Message, error) {
			n := 0
			return func(e envelope.Streamer, ctx context.Context, s []byte) (*envelope.Message, error) {
				mu.Lock()
				n++
				fail := n%7 == 0
				mu.Unlock()
				if fail {
					return nil, envelope.Reject(envelope.Corrupt, nil)
				}
				return e.Open(ctx, s)
			}
		}()}},
		"Streaming": {"releases before it knows": {openTo: func(e envelope.Streamer, ctx context.Context, dst io.Writer, s io.ReadSeeker) (*envelope.Message, error) {
			_, _ = dst.Write([]byte("early"))
			return e.OpenTo(ctx, dst, s)
		}}},
	} {
		for way, b := range ways {
			t.Run(name+", "+way, func(t *testing.T) {
				for _, p := range promises {
					if p.name != name {
						continue
					}
					one, two := pgpPair(t, nil)
					for _, party := range []*Party{&one, &two} {
						wrapped := b
						wrapped.Streamer = party.Envelope.(envelope.Streamer)
						party.Envelope = &wrapped
					}
					assert.NotEmpty(t, p.check(parties{one, two}), "the suite does not notice")
					return
				}
				t.Fatal("no such promise")
			})
		}
	}
	for _, p := range promises {
		one, two := pgpPair(t, nil)
		assert.Empty(t, p.check(parties{one, two}), p.name)
		assert.NotEmpty(t, p.text)
	}
}
