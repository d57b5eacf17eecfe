package stacks

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/sealwax/sealwax/envelope"
)

// Chi returns the endpoint on chi, at POST /echo. The handlers of chi are those
// of net/http: ours stays as it is.
func Chi(env envelope.Envelope) http.Handler {
	router := chi.NewRouter()
	router.Post("/echo", handler(env))
	return router
}
