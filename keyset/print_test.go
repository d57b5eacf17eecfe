package keyset_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

// TestNothingPrintsASecret prints, logs, and marshals everything that holds a
// key, with material that tells all it knows.
func TestNothingPrintsASecret(t *testing.T) {
	t.Run("behind a pointer", func(t *testing.T) {
		printEverything(t, &box{Inner: ownCert.key("A").info, Secret: []string{canary}, number: number},
			"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "%e", "%f", "%g", "%t", "%p", "%T", "%z", "%20v", "%-5.2s")
	})
	// For %p, fmt asks a Key itself for nothing, and prints material that is
	// no pointer.
	t.Run("without a pointer", func(t *testing.T) {
		printEverything(t, box{Inner: ownCert.key("A").info, Secret: []string{canary}, number: number},
			"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "%e", "%f", "%g", "%t", "%T", "%z")
	})
}

const number = 1828182845

func printEverything(t *testing.T, loud keyset.Material, verbs ...string) {
	k := keyset.Key{Material: loud, State: keyset.Active}
	s := newSet(t, 1, k, ownCert.in(keyset.Pending, "B"))
	r := keyset.NewRing(s)
	probe, err := r.Probe("B")
	require.NoError(t, err)
	probe.Load()

	for verb, secret := range map[string]string{"%+v": canary, "%d": fmt.Sprint(number)} {
		require.Contains(t, fmt.Sprintf(verb, loud), secret, "the material itself would tell")
	}

	values := map[string]any{
		"Key": k, "*Key": &k, "Set": *s, "*Set": s, "*Ring": r, "probe": probe,
		"keys": []keyset.Key{k}, "map": map[string]any{"key": k, "set": s, "ring": r},
		"struct":  struct{ K keyset.Key }{k},
		"wrapped": struct{ s *keyset.Set }{s},
		"finding": s.Check(time.Now(), keyset.Requirements{MaxLifetime: 1}),
	}
	secrets := []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary),
		fmt.Sprint(number), fmt.Sprintf("%x", number), fmt.Sprintf("%X", number), fmt.Sprintf("%o", number), fmt.Sprintf("%b", number)}
	clean := func(where, text string) {
		t.Helper()
		for _, secret := range secrets {
			assert.NotContains(t, text, secret, where)
		}
	}
	for name, v := range values {
		for _, verb := range verbs {
			clean(name+" "+verb, fmt.Sprintf(verb, v))
		}
		var out bytes.Buffer
		for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(h).Info("test", "value", v, slog.Group("group", "value", v))
		}
		clean(name+" slog", out.String())
		if text, err := json.Marshal(v); assert.NoError(t, err, name) {
			clean(name+" JSON", string(text))
		}
	}
	text, err := xml.Marshal(k)
	require.NoError(t, err)
	clean("XML", string(text))

	_, err = keyset.New(1, k, k, keyset.Key{Material: loud})
	clean("error of New", err.Error())
	_, err = newSet(t, 1, k, keyset.Key{Material: box{Inner: ownCert.key("B", named("A name")).info, Secret: []string{canary}}, State: keyset.Active}).Find("openpgp")
	clean("error of Find", fmt.Sprintf("%+v", err))
}

func TestPrinting(t *testing.T) {
	k := ownCert.in(keyset.Active, "8A1C")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		assert.Equal(t, "8A1C (active)", fmt.Sprintf(verb, k), verb)
		assert.Equal(t, "8A1C (active)", fmt.Sprintf(verb, &k), verb)
	}
	assert.Equal(t, "  8A1C (active)", fmt.Sprintf("%15v", k))
	text, err := json.Marshal(k)
	require.NoError(t, err)
	assert.Equal(t, `"8A1C (active)"`, string(text))

	s := newSet(t, 12, k, ownCert.in(keyset.Retiring, "B"), ownCert.in(keyset.Retiring, "C"))
	const want = "keyset revision 12: openpgp, private, 1 active, 2 retiring"
	r := keyset.NewRing(s)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		assert.Equal(t, want, fmt.Sprintf(verb, s), verb)
		assert.Equal(t, want, fmt.Sprintf(verb, r), verb)
	}
	assert.Equal(t, want, r.String())
	assert.Equal(t, "keyset revision 0: empty", new(keyset.Ring).String())
}

func TestLogging(t *testing.T) {
	logged := func(v any) string {
		var out bytes.Buffer
		drop := func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey {
				return slog.Attr{}
			}
			return a
		}
		slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: drop})).Info("", "x", v)
		return out.String()
	}
	from, to := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC)
	k := ownCert.in(keyset.Active, "8A1C", named("Example\nBank"), valid(from, to))
	assert.Equal(t, `x.id=8A1C x.state=active x.name="Example\nBank" x.format=openpgp x.private=true x.use=signing+encryption`+
		` x.algorithm=RSA-3072 x.bits=3072 x.not_before=2027-01-01T00:00:00.000Z x.not_after=2028-01-01T00:00:00.000Z`+"\n", logged(k))
	assert.Equal(t, "x.id=S x.state=pending x.format=jose x.private=false x.use=signing x.algorithm=RSA-3072\n",
		logged(peerVerify.in(keyset.Pending, "S", bits(0))))
	s := newSet(t, 12, k, ownCert.in(keyset.Revoked, "B"))
	const want = "x.revision=12 x.format=openpgp x.private=true x.active=1 x.revoked=1\n"
	assert.Equal(t, want, logged(s))
	assert.Equal(t, want, logged(keyset.NewRing(s)))
	assert.Equal(t, "x.problem=expired x.when=2027-01-01T00:00:00.000Z x.id=A\n", logged(keyset.Finding{ID: "A", Problem: keyset.Expired, When: from}))
	assert.Equal(t, "x.problem=no_sealer x.when=2027-01-01T00:00:00.000Z\n", logged(keyset.Finding{Problem: keyset.NoSealer, When: from}))
}

// A PIN that somebody writes into a source is repeated by no error.
func TestNoErrorRepeatsAPIN(t *testing.T) {
	m := manifestOf(ownDecrypt, 1, [3]string{"A", "active"})
	m.Keys[0].Source = "pkcs11:token=bank;object=sign?pin-value=" + canary + "&module-name=x"
	for _, open := range []keyset.Opener{
		func(context.Context, keyset.ManifestKey) (keyset.Material, error) { return nil, errors.New("refused") },
		func(context.Context, keyset.ManifestKey) (keyset.Material, error) { return nil, nil },
		func(context.Context, keyset.ManifestKey) (keyset.Material, error) { return ownDecrypt.key("B"), nil },
		func(context.Context, keyset.ManifestKey) (keyset.Material, error) { return ownCert.key("A"), nil },
		keyset.OpenPublished(nil),
	} {
		_, err := m.Open(t.Context(), open)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), canary)
		assert.Contains(t, err.Error(), "pkcs11:token=bank;object=sign?pin-value=")
	}
}
