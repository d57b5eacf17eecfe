package command

import (
	"bytes"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

// A payload that is larger than what is held in memory by default is sealed whole if
// -max-size says so, and refused if not.
func TestNeverLessThanAll(t *testing.T) {
	t.Chdir(t.TempDir())
	bank, shop := keygens(t, keyset.JOSE, "bank"), keygens(t, keyset.JOSE, "shop")
	const size = maxInput + 12345
	payload := bytes.Repeat([]byte("p"), size)
	require.NoError(t, os.WriteFile("big", payload, 0o600))
	seals := append(flags("-own", bank...), "-peer", handOut(t, shop...), "-o", "sealed", "big")
	for _, limit := range []string{"1000", "67108864", "67108865"} {
		var errs bytes.Buffer
		assert.Equal(t, failed, Run(t.Context(), Files, append([]string{"seal", "-max-size", limit}, seals...), nil, io.Discard, &errs), limit)
		require.NoFileExists(t, "sealed")
	}
	if testing.Short() {
		t.Skip("64 MiB are sealed and opened")
	}
	sealctl(t, append([]string{"seal", "-max-size", "100000000"}, seals...)...)
	opens := append(flags("-own", shop...), "-peer", handOut(t, bank...), "-o", "opened", "sealed")
	var errs bytes.Buffer
	assert.NotEqual(t, done, Run(t.Context(), Files, append([]string{"open"}, opens...), nil, io.Discard, &errs))
	sealctl(t, append([]string{"open", "-max-size", "100000000"}, opens...)...)
	opened, err := os.ReadFile("opened")
	require.NoError(t, err)
	assert.True(t, bytes.Equal(payload, opened))
}
