package pgp_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// A message without a signature makes a key busy. It is evidence only where the
// transport says who the partner is.
func TestUnsignedEvidence(t *testing.T) {
	unsigned, evidence := pgp.InsecureUnsigned("test"), pgp.InsecureUnsignedEvidence("mutual TLS ends here")
	for name, tt := range map[string]struct {
		waive            []envelope.Waiver
		opened, unsigned uint64
	}{
		"a stranger could have made it":   {[]envelope.Waiver{unsigned}, 0, 1},
		"the transport knows the partner": {[]envelope.Waiver{unsigned, evidence}, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			own := keyset.NewRing(active(t, bank()))
			e := newEnvelope(t, pgp.Config{Own: own, Peer: active(t, public(partner())), Waive: tt.waive})
			m, err := e.Open(t.Context(), newForger(t, bank()).message(literalPacket(body)))
			require.NoError(t, err)
			assert.Len(t, m.Waived, len(tt.waive))
			u, _ := own.Usage(bank().Info().ID)
			assert.Equal(t, tt.opened, u.Opened)
			assert.Equal(t, tt.unsigned, u.Unsigned)
		})
	}
	_, err := pgp.New(pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner())), Waive: []envelope.Waiver{evidence}})
	assert.ErrorContains(t, err, "InsecureUnsignedEvidence without InsecureUnsigned")
}
