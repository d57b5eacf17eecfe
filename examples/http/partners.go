package sealedhttp

import (
	"context"
	"net/http"

	"github.com/sealwax/sealwax/envelope"
)

// Partners serves each partner at a path of its own, with the envelope that holds its keys
// and ours for it. What names a partner is decided before a message is opened: the path, a
// client certificate, or the host. Trying the keys of all partners would let one sign in
// the name of another.
func Partners(all map[string]envelope.Envelope, answer func(ctx context.Context, partner string, m *envelope.Message) []byte) http.Handler {
	mux := http.NewServeMux()
	for name, env := range all {
		mux.Handle("POST /"+name+"/orders", Handler(env, func(ctx context.Context, m *envelope.Message) []byte {
			return answer(ctx, name, m)
		}))
	}
	return mux
}
