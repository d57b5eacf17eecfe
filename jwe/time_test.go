package jwe_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

func TestTime(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	header := func(at time.Time) string { return fmt.Sprintf(`{"alg":"ES256","iat":%d}`, at.Unix()) }
	payload := func(at time.Time) string { return fmt.Sprintf(`{"x":{"iat":1},"iat":%d}`, at.Unix()) }
	const undated = `{"alg":"ES256"}`
	for _, tt := range []struct {
		name                string
		header, payload     string
		maxAge              time.Duration
		notBefore, notAfter time.Time // of the entry
		dated               time.Time
		reason              envelope.Reason
	}{
		{name: "undated", header: undated, payload: "{}"},
		{name: "dated now", header: header(now), payload: "{}", dated: now},
		{name: "dated by the payload", header: undated, payload: payload(now), dated: now},
		{name: "the header goes before the payload", header: header(now), payload: payload(now.Add(-day)), dated: now, maxAge: time.Hour},
		{name: "payload dated with text", header: undated, payload: `{"iat":"now"}`},
		{name: "payload dated twice", header: undated, payload: `{"iat":1,"iat":2}`},
		{name: "payload dated in milliseconds", header: undated, payload: `{"iat":1780000000000}`, reason: envelope.OutOfTime},
		{name: "payload that is no object", header: undated, payload: `[{"iat":1}]`},
		{name: "payload that is not JSON", header: undated, payload: `{"iat":1`},
		{name: "fraction of a second", header: `{"alg":"ES256","iat":1780315200.5}`, payload: "{}", dated: time.Unix(1780315200, 5e8)},
		{name: "a little ahead", header: header(now.Add(5 * time.Minute)), payload: "{}", dated: now.Add(5 * time.Minute)},
		{name: "too far ahead", header: header(now.Add(5*time.Minute + time.Second)), payload: "{}", reason: envelope.OutOfTime},
		{name: "old, without a limit", header: header(now.Add(-1000 * day)), payload: "{}", dated: now.Add(-1000 * day)},
		{name: "at the limit", header: header(now.Add(-time.Hour)), payload: "{}", maxAge: time.Hour, dated: now.Add(-time.Hour)},
		{name: "beyond the limit", header: header(now.Add(-time.Hour - time.Second)), payload: "{}", maxAge: time.Hour, reason: envelope.OutOfTime},
		{name: "beyond the limit, by the payload", header: undated, payload: payload(now.Add(-2 * time.Hour)), maxAge: time.Hour, reason: envelope.OutOfTime},
		{name: "undated, with a limit", header: undated, payload: "{}", maxAge: time.Hour, reason: envelope.OutOfTime},
		{name: "undated, key not yet valid", header: undated, payload: "{}", notBefore: now.Add(time.Hour), reason: envelope.OutOfTime},
		{name: "undated, key ended", header: undated, payload: "{}", notAfter: now.Add(-time.Second), reason: envelope.OutOfTime},
		{name: "dated in time, key ended since", header: header(now.Add(-2 * time.Hour)), payload: "{}", notAfter: now.Add(-time.Hour), dated: now.Add(-2 * time.Hour)},
		{name: "back-dated, key ended long ago", header: header(now.Add(-3 * day)), payload: "{}", notAfter: now.Add(-2 * day), reason: envelope.OutOfTime},
		{name: "dated after the key ended", header: header(now), payload: "{}", notAfter: now.Add(-time.Hour), reason: envelope.OutOfTime},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			signKey := newEC(t, curve256)
			signer := signing(t, "sig", signKey).Public()
			us := newEnvelope(t, jwe.Config{
				Own: set(t, encryption(t, "dec", rsaKeys[1]()), w.ourSign),
				Peer: setOf(t, keyset.Key{Material: signer, State: keyset.Active, NotBefore: tt.notBefore, NotAfter: tt.notAfter},
					keyset.Key{Material: w.theirDecrypt.Public(), State: keyset.Active}),
				MaxAge: tt.maxAge, Now: clock(now),
			})
			// The date of the JWE is anybody's, and in any unit.
			token := []byte(encryptTo(t, &rsaKeys[1]().PublicKey, fmt.Sprintf(`{"alg":"RSA-OAEP-256","enc":"A256GCM","iat":%d}`, now.UnixMilli()),
				signES256(t, signKey, tt.header, tt.payload)))
			if tt.reason != "" {
				oe := rejects(t, us, token, tt.reason)
				assert.Equal(t, []keyset.ID{signer.Info().ID}, oe.Keys)
				return
			}
			m := open(t, us, token)
			assert.True(t, m.Signers[0].Time.Equal(tt.dated), m.Signers[0].Time)
			assert.Equal(t, now, m.Opened)
		})
	}
}

// A certificate bounds its key like an entry of the set does.
func TestTimeOfCertificate(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	w := newWorld(t)
	signKey := newEC(t, curve256)
	ended, err := jwe.ReadKey(certificate(t, signKey, now.Add(-48*time.Hour), now.Add(-time.Hour), 0), keyset.Signing)
	require.NoError(t, err)
	us := newEnvelope(t, jwe.Config{Own: set(t, encryption(t, "dec", rsaKeys[1]()), w.ourSign), Peer: set(t, ended), Now: clock(now)})
	token := func(header string) []byte {
		return []byte(encryptTo(t, &rsaKeys[1]().PublicKey, goodJWE, signES256(t, signKey, header, "{}")))
	}
	rejects(t, us, token(`{"alg":"ES256"}`), envelope.OutOfTime)
	open(t, us, token(fmt.Sprintf(`{"alg":"ES256","iat":%d}`, now.Add(-2*time.Hour).Unix())))
	rejects(t, us, token(fmt.Sprintf(`{"alg":"ES256","iat":%d}`, now.Unix())), envelope.OutOfTime)

	them := newEnvelope(t, jwe.Config{Own: set(t, w.ourSign), Peer: set(t, mustKey(jwe.ReadKey(
		certificate(t, newEC(t, curve256), now.Add(-48*time.Hour), now.Add(-time.Hour), 0), keyset.Encryption))), Now: clock(now)})
	_, err = them.Seal(t.Context(), nil)
	assert.ErrorIs(t, err, envelope.ErrNoKey)
}
