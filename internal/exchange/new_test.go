package exchange_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/keyset"
)

func TestNewRefuses(t *testing.T) {
	known := envelope.NewWaiver("jwe.InsecureEncryptOnly", "mutual TLS")
	pgpOwn, pgpPeer := set(t, key("P", keyset.OpenPGP, true)), set(t, key("P", keyset.OpenPGP, false))
	for name, c := range map[string]struct {
		change func(*exchange.Config)
		want   []string
	}{
		"no Own":                 {func(c *exchange.Config) { c.Own = nil }, []string{"Own is nil"}},
		"no Peer":                {func(c *exchange.Config) { c.Peer = nil }, []string{"Peer is nil"}},
		"Own without a set":      {func(c *exchange.Config) { c.Own = mute{} }, []string{"Own loads no set"}},
		"Peer without a set":     {func(c *exchange.Config) { c.Peer = mute{} }, []string{"Peer loads no set"}},
		"Own of another format":  {func(c *exchange.Config) { c.Own = pgpOwn }, []string{`Own holds keys of format "openpgp", not "jose"`}},
		"Peer of another format": {func(c *exchange.Config) { c.Peer = pgpPeer }, []string{`Peer holds keys of format "openpgp", not "jose"`}},
		"public Own":             {func(c *exchange.Config) { c.Own = peer(t, "PEER") }, []string{"Own holds public keys; it takes our private keys"}},
		"private Peer":           {func(c *exchange.Config) { c.Peer = own(t, "OWN") }, []string{"Peer holds private keys; it takes the public keys of the partner"}},
		"nil ring":               {func(c *exchange.Config) { c.Peer = (*keyset.Ring)(nil) }, []string{"Peer is a nil *keyset.Ring"}},
		"nil set":                {func(c *exchange.Config) { c.Own = (*keyset.Set)(nil) }, []string{"Own is a nil *keyset.Set"}},
		"nil in AlsoTo":          {func(c *exchange.Config) { c.AlsoTo = []keyset.Source{peer(t, "A"), nil} }, []string{"AlsoTo[1] is nil"}},
		"private AlsoTo":         {func(c *exchange.Config) { c.AlsoTo = []keyset.Source{own(t, "A")} }, []string{"AlsoTo[0] holds private keys"}},
		"AlsoTo of another":      {func(c *exchange.Config) { c.AlsoTo = []keyset.Source{pgpPeer} }, []string{`AlsoTo[0] holds keys of format "openpgp"`}},
		"negative age":           {func(c *exchange.Config) { c.MaxAge = -time.Nanosecond }, []string{"MaxAge is negative: -1ns"}},
		"age without unit":       {func(c *exchange.Config) { c.MaxAge = 300 }, []string{"MaxAge is 300ns, below one second: write it with its unit"}},
		"waiver of another format": {func(c *exchange.Config) {
			c.Waive = []envelope.Waiver{envelope.NewWaiver("pgp.InsecureUnsigned", "because")}
		},
			[]string{`unknown waiver "pgp.InsecureUnsigned"; make waivers with the functions named Insecure`}},
		"waiver made by hand": {func(c *exchange.Config) { c.Waive = []envelope.Waiver{{}} }, []string{`unknown waiver ""`}},
		"waiver given twice":  {func(c *exchange.Config) { c.Waive = []envelope.Waiver{known, known} }, []string{"waiver jwe.InsecureEncryptOnly given twice"}},
		"everything at once": {func(c *exchange.Config) {
			*c = exchange.Config{Format: keyset.JOSE, MaxAge: -1, AlsoTo: []keyset.Source{nil}, Waive: []envelope.Waiver{{}}}
		}, []string{"Own is nil", "Peer is nil", "AlsoTo[0] is nil", "MaxAge is negative", "unknown waiver"}},
	} {
		t.Run(name, func(t *testing.T) {
			conf := config(t)
			c.change(&conf)
			x, err := exchange.New(conf, "jwe.InsecureEncryptOnly")
			assert.Nil(t, x)
			require.Error(t, err)
			for _, s := range c.want {
				assert.ErrorContains(t, err, s)
			}
			assert.NotErrorIs(t, err, envelope.ErrRejected)
		})
	}
}

// A server may make its envelope before the ring has read its first manifest.
func TestEmptyRing(t *testing.T) {
	for name, change := range map[string]func(*exchange.Config, keyset.Source){
		"Own":       func(c *exchange.Config, s keyset.Source) { c.Own = s },
		"Peer":      func(c *exchange.Config, s keyset.Source) { c.Peer = s },
		"AlsoTo[0]": func(c *exchange.Config, s keyset.Source) { c.AlsoTo = []keyset.Source{s} },
	} {
		t.Run(name, func(t *testing.T) {
			c, ring := config(t), new(keyset.Ring)
			change(&c, ring)
			x := newExchange(t, c)
			seal := func() error {
				_, err := x.Seal(t.Context(), func(*exchange.Call) ([]byte, error) { return []byte("sealed"), nil })
				return err
			}
			open := func() error {
				_, err := x.Open(t.Context(), 0, func(*exchange.Call) (*envelope.Message, error) { return new(envelope.Message), nil })
				return err
			}
			assert.ErrorIs(t, seal(), envelope.ErrNoKey)
			assert.ErrorContains(t, seal(), name+" holds no keys: its ring has read no manifest yet")
			assert.ErrorIs(t, open(), keyset.ErrUnavailable)
			assert.NotErrorIs(t, open(), envelope.ErrRejected, "the message is not to blame")

			m := &keyset.Manifest{Version: 1, Revision: 1, Format: keyset.JOSE, Private: name == "Own", Keys: []keyset.ManifestKey{
				{ID: "FIRST", State: keyset.Active, Source: "file:first"},
			}}
			_, err := ring.Reload(t.Context(), m, func(context.Context, keyset.ManifestKey) (keyset.Material, error) {
				k := key("FIRST", keyset.JOSE, m.Private)
				k.Material.(*fake).tested = true
				return k.Material, nil
			})
			require.NoError(t, err)
			assert.NoError(t, seal())
			assert.NoError(t, open())
		})
	}
}

// What the caller does to its Config later has no effect.
func TestNewCopies(t *testing.T) {
	c := config(t)
	archive := newSource(peer(t, "ARCHIVE"))
	c.AlsoTo = []keyset.Source{archive}
	c.Waive = []envelope.Waiver{envelope.NewWaiver("jwe.InsecureEncryptOnly", "mutual TLS")}
	x := newExchange(t, c, "jwe.InsecureEncryptOnly")
	c.AlsoTo[0], c.Waive[0] = nil, envelope.Waiver{}
	_, err := x.Seal(t.Context(), func(call *exchange.Call) ([]byte, error) {
		assert.True(t, call.Waive("jwe.InsecureEncryptOnly"))
		assert.Same(t, archive.set.Load(), call.AlsoTo[0])
		return nil, nil
	})
	require.NoError(t, err)
	assert.True(t, x.Waived("jwe.InsecureEncryptOnly"))
	assert.False(t, x.Waived("jwe.InsecureOther"))
}

func TestNowIsTheClockUnlessGiven(t *testing.T) {
	c := config(t)
	c.Now = nil
	before := time.Now()
	inCall(t, c, func(call *exchange.Call) {
		assert.WithinRange(t, call.At, before, time.Now())
	})
	inCall(t, config(t), func(call *exchange.Call) { assert.Equal(t, now, call.At) })
}
