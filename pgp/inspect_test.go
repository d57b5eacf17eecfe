package pgp_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

func TestInspect(t *testing.T) {
	ours := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: active(t, public(partner()), public(partRSA())), Encoding: pgp.Armor})
	o, err := pgp.Inspect(seal(t, ours, body))
	require.NoError(t, err)
	assert.Equal(t, keyset.OpenPGP, o.Format)
	assert.Equal(t, "armor", o.Encoding)
	assert.Equal(t, []string{"ECDH", "RSA"}, o.Algorithms)
	require.Len(t, o.Recipients, 2)
	assert.Len(t, o.Recipients[0], 16)
	f := newForger(t, bank())
	f.hidden = true
	o, err = pgp.Inspect(f.message(literalPacket(body)))
	require.NoError(t, err)
	assert.Equal(t, []keyset.ID{""}, o.Recipients)
	_, err = pgp.Inspect([]byte("nothing"))
	var oe *envelope.OpenError
	assert.True(t, errors.As(err, &oe))
}
