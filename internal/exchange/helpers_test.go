package exchange_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/keyset"
)

const both = keyset.Signing | keyset.Encryption

// now is when every call of these tests begins.
var now = time.Date(2026, 12, 3, 9, 30, 0, 0, time.UTC)

// A fake is a key without cryptography.
type fake struct {
	info   keyset.Info
	tested bool // passes its self-test
}

func (f *fake) Info() keyset.Info { return f.info }
func (f *fake) SelfTest(context.Context) error {
	if f.tested {
		return nil
	}
	return errors.ErrUnsupported
}
func (f *fake) Public() keyset.Material {
	public := f.info
	public.Private = false
	return &fake{info: public}
}

func key(id keyset.ID, format keyset.Format, private bool) keyset.Key {
	info := keyset.Info{ID: id, Format: format, Private: private, Use: both, Algorithm: "fake"}
	return keyset.Key{Material: &fake{info: info}, State: keyset.Active}
}

func set(t testing.TB, keys ...keyset.Key) *keyset.Set {
	s, err := keyset.New(1, keys...)
	require.NoError(t, err)
	return s
}

func own(t testing.TB, ids ...keyset.ID) *keyset.Set  { return fakes(t, true, ids) }
func peer(t testing.TB, ids ...keyset.ID) *keyset.Set { return fakes(t, false, ids) }
func fakes(t testing.TB, private bool, ids []keyset.ID) *keyset.Set {
	var keys []keyset.Key
	for _, id := range ids {
		keys = append(keys, key(id, keyset.JOSE, private))
	}
	return set(t, keys...)
}

// A source counts how often it is asked, and notes what it is told.
type source struct {
	set    atomic.Pointer[keyset.Set]
	loads  atomic.Int32
	sealed []keyset.ID
	opened []keyset.ID
	bare   []keyset.ID // opened without a signature
	times  []time.Time
}

func newSource(s *keyset.Set) *source {
	src := new(source)
	src.set.Store(s)
	return src
}

func (s *source) Load() *keyset.Set {
	s.loads.Add(1)
	return s.set.Load()
}

func (s *source) RecordSealed(id keyset.ID, at time.Time) {
	s.sealed, s.times = append(s.sealed, id), append(s.times, at)
}

func (s *source) RecordOpened(id keyset.ID, at time.Time) {
	s.opened, s.times = append(s.opened, id), append(s.times, at)
}

func (s *source) RecordUnsigned(id keyset.ID, at time.Time) { s.bare = append(s.bare, id) }

// A mute source is no Recorder.
type mute struct{ set *keyset.Set }

func (m mute) Load() *keyset.Set { return m.set }

// config is good as it is.
func config(t testing.TB) exchange.Config {
	return exchange.Config{
		Format: keyset.JOSE,
		Own:    own(t, "OWN"),
		Peer:   peer(t, "PEER"),
		Now:    func() time.Time { return now },
	}
}

func newExchange(t testing.TB, c exchange.Config, waivers ...string) *exchange.Exchange {
	x, err := exchange.New(c, waivers...)
	require.NoError(t, err)
	return x
}

// inCall runs f in an Open that is rejected in the end.
func inCall(t testing.TB, c exchange.Config, f func(*exchange.Call)) {
	_, err := newExchange(t, c).Open(t.Context(), 0, func(call *exchange.Call) (*envelope.Message, error) {
		f(call)
		return nil, envelope.Reject(envelope.Malformed, nil)
	})
	require.ErrorIs(t, err, envelope.ErrRejected)
}

func use(id keyset.ID) envelope.KeyUse { return envelope.KeyUse{ID: id} }
