package rehearsal_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/examples/standardpayments"
	"github.com/sealwax/sealwax/internal/rehearsal"
)

// What a rehearsal demands of JSON is what a strict reader does: it refuses every text that
// is to be rejected, and reads the same from those that are only unusual. A reply is read
// without a panic, and as encoding/json has it.
func FuzzOddities(f *testing.F) {
	f.Add("rehearsal-1", "hello", `{"responseHeader":{"responseTimestamp":"1"},"clientMessage":"hello"}`)
	f.Add(`a","b":"`, "clientMessage", `{"responseHeader":{"responseTimestamp":1e3},"errorResponseCode":"x"}`)
	f.Add("\\u00e9", `"requestId"`, `{"responseHeader":null}`)
	f.Fuzz(func(t *testing.T, id, message, reply string) {
		type echo struct {
			standardpayments.Request
			Message string `json:"clientMessage"`
		}
		text := rehearsal.RequestText(id, message)
		var want echo
		if standardpayments.Decode([]byte(text), &want, standardpayments.RefuseUnknown) == nil {
			for name, odd := range rehearsal.Lax(text) {
				if odd != text {
					require.Error(t, standardpayments.Decode([]byte(odd), new(echo), standardpayments.IgnoreUnknown), "%s: %s", name, odd)
				}
			}
			for name, odd := range rehearsal.Unusual(text) {
				var got echo
				require.NoError(t, standardpayments.Decode([]byte(odd), &got, standardpayments.IgnoreUnknown), "%s: %s", name, odd)
				require.Equal(t, want, got, name)
			}
		}
		if err := rehearsal.ReadReply([]byte(reply)); err == nil {
			require.True(t, json.Valid([]byte(reply)))
		}
	})
}
