package envelopetest_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/envelopetest"
	"github.com/sealwax/sealwax/keyset"
)

func TestFakeKeepsItsPromises(t *testing.T) {
	envelopetest.TestEnvelope(t, func(t *testing.T) (a, b envelopetest.Party) { return envelopetest.NewPair(t) })
}

// A fake of a pair also does what a fake is asked to do.
func TestPair(t *testing.T) {
	a, b := envelopetest.NewPair(t)
	sealed, err := a.Envelope.Seal(t.Context(), []byte("order"))
	require.NoError(t, err)
	assert.Contains(t, string(sealed), "neither signed nor encrypted")
	m, err := b.Envelope.Open(t.Context(), sealed)
	require.NoError(t, err)
	assert.True(t, m.SignedBy("a-1"))
	assert.Equal(t, keyset.ID("b-1"), m.Decrypter.ID)
	assert.Equal(t, []string{"order"}, a.Envelope.(*envelopetest.Fake).Payloads())

	c, _ := envelopetest.NewPair(t)
	_, err = c.Envelope.Open(t.Context(), sealed)
	assert.ErrorIs(t, err, envelope.ErrRejected, "its own message")

	fake := b.Envelope.(*envelopetest.Fake)
	scripted, err := fake.Open(t.Context(), fake.Message("scripted", envelope.KeyUse{ID: "anyone"}))
	require.NoError(t, err)
	assert.True(t, scripted.SignedBy("anyone"))
	fake.Reject(envelope.OutOfTime)
	_, err = fake.Open(t.Context(), sealed)
	oe, ok := errors.AsType[*envelope.OpenError](err)
	require.True(t, ok)
	assert.Equal(t, envelope.OutOfTime, oe.Reason)

	assert.Panics(t, func() { envelopetest.NewPair(nil) })
	for k := range a.Own.Load().All() {
		require.NoError(t, k.Material.SelfTest(t.Context()))
		assert.ErrorIs(t, k.Material.Public().SelfTest(t.Context()), errors.ErrUnsupported)
	}
}
