package envelope_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
)

func TestWaiver(t *testing.T) {
	w := envelope.NewWaiver("pgp.InsecureUnsigned", "their gateway cannot sign before May")
	assert.Equal(t, "pgp.InsecureUnsigned", w.Name())
	assert.Equal(t, "their gateway cannot sign before May", w.Reason())
	assert.Equal(t, "pgp.InsecureUnsigned: their gateway cannot sign before May", fmt.Sprint(w))
	text, err := json.Marshal([]envelope.Waiver{w})
	require.NoError(t, err)
	assert.Equal(t, `["pgp.InsecureUnsigned: their gateway cannot sign before May"]`, string(text))

	for _, c := range []struct{ name, reason, message string }{
		{"pgp.Unsigned", "a reason", `envelope: waiver "pgp.Unsigned" is not named Insecure`},
		{"", "a reason", `envelope: waiver "" is not named Insecure`},
		{"pgp.insecureUnsigned", "a reason", `envelope: waiver "pgp.insecureUnsigned" is not named Insecure`},
		{"pgp.InsecureUnsigned", "", `envelope: waiver pgp.InsecureUnsigned without a reason`},
		{"pgp.InsecureUnsigned", " \t\n", `envelope: waiver pgp.InsecureUnsigned without a reason`},
	} {
		assert.PanicsWithValue(t, c.message, func() { envelope.NewWaiver(c.name, c.reason) })
	}
}

// A configuration file cannot make one.
func TestWaiverIsNotRead(t *testing.T) {
	for _, file := range []string{
		`{"waive": ["pgp.InsecureUnsigned: because"]}`,
		`{"waive": [{"name": "pgp.InsecureUnsigned", "reason": "because"}]}`,
	} {
		var config struct{ Waive []envelope.Waiver }
		_ = json.Unmarshal([]byte(file), &config)
		for _, w := range config.Waive {
			assert.Zero(t, w)
		}
	}
}

func TestKeyWaiver(t *testing.T) {
	w := envelope.NewKeyWaiver("jwe.InsecureRSA1_5", "older profile", "a", "b")
	assert.Equal(t, []keyset.ID{"a", "b"}, w.Keys())
	assert.Equal(t, "jwe.InsecureRSA1_5: older profile", w.String())
	assert.True(t, w == envelope.NewKeyWaiver("jwe.InsecureRSA1_5", "older profile", "a", "b"))
	assert.False(t, w == envelope.NewKeyWaiver("jwe.InsecureRSA1_5", "older profile", "a"))
	assert.Empty(t, envelope.NewKeyWaiver("jwe.InsecureRSA1_5", "older profile").Keys())
	assert.Panics(t, func() { envelope.NewKeyWaiver("jwe.InsecureRSA1_5", "", "a") })
	assert.Panics(t, func() { envelope.NewKeyWaiver("jwe.InsecureRSA1_5", "older profile", "") })
	w.Keys()[0] = "c"
	assert.Equal(t, keyset.ID("a"), w.Keys()[0])
}
