package jwe_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// Keys of a set that was fetched stand in the manifest themselves, and a restart has the
// same: with their kid, their certificates, and the algorithm that they are bound to.
func TestPublishedKeysSurviveARestart(t *testing.T) {
	open := keyset.Schemes(map[string]keyset.Opener{"published": keyset.OpenPublished(jwe.OpenFile)})
	certified := func() string {
		block, _ := pem.Decode(certificatePEM(t, rsaKeys[0](), time.Now().AddDate(1, 0, 0)))
		k, err := jwe.ReadKey(bytes.NewReader(pem.EncodeToMemory(block)), keyset.Encryption)
		require.NoError(t, err)
		var b bytes.Buffer
		require.NoError(t, k.WritePublicJWK(&b))
		var members map[string]any
		require.NoError(t, json.Unmarshal(b.Bytes(), &members))
		members["x5c"], members["kid"] = [][]byte{block.Bytes}, "certified"
		raw, err := json.Marshal(members)
		require.NoError(t, err)
		return string(raw)
	}()
	entries := []string{rfcEC + `,"use":"sig","alg":"ES256","kid":"one"}`, rfcEd + `,"use":"sig","kid":"one"}`, certified}
	for _, alg := range []jwe.Algorithm{jwe.ECDHESA256KW, jwe.ES384, jwe.EdDSA} {
		k, err := jwe.GenerateKey(fmt.Sprint("kid ", alg), alg)
		require.NoError(t, err)
		var b strings.Builder
		require.NoError(t, k.WritePublicJWK(&b))
		entries = append(entries, b.String())
	}
	first, err := jwe.ReadKey(strings.NewReader(entries[0]), 0)
	require.NoError(t, err)
	ring := keyset.NewRing(setOf(t, keyset.Key{Material: first, State: keyset.Active, Source: "published:" + encoded(entries[0])}))

	keys, _, err := jwe.ReadKeys(strings.NewReader(`{"keys":[`+strings.Join(entries, ",")+`]}`), 0)
	require.NoError(t, err)
	o, err := keyset.TakePublished(t.Context(), ring, keyset.Publication[*jwe.Key]{Keys: keys, Write: (*jwe.Key).WritePublicJWK}, open,
		keyset.PublicationPolicy{Confirmed: []keyset.ID{keys[len(keys)-1].Info().ID}})
	require.NoError(t, err)
	assert.Empty(t, o.Refused, "%v", o)
	assert.Len(t, o.Added, len(entries)-1)

	var fresh keyset.Ring
	started, err := fresh.Reload(t.Context(), ring.Load().Manifest(), open)
	require.NoError(t, err)
	assert.Empty(t, started.Refused)
	for n, k := range keys {
		again, ok := fresh.Load().Lookup(k.Info().ID)
		require.True(t, ok, entries[n])
		assert.Equal(t, k.Info(), again.Material.Info(), entries[n])
		assert.Equal(t, k.Digest(), again.Material.(*jwe.Key).Digest(), entries[n])
	}
	o, err = keyset.TakePublished(t.Context(), &fresh, keyset.Publication[*jwe.Key]{Keys: keys, Write: (*jwe.Key).WritePublicJWK}, open, keyset.PublicationPolicy{})
	require.NoError(t, err)
	assert.False(t, o.Changed(), "%v", o)
}

func encoded(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
