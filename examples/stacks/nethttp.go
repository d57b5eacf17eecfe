package stacks

import (
	"errors"
	"io"
	"log/slog"
	"net/http"

	"github.com/sealwax/sealwax/envelope"
)

// NetHTTP returns the endpoint on net/http, at POST /echo.
func NetHTTP(env envelope.Envelope) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /echo", handler(env))
	return mux
}

func handler(env envelope.Envelope) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "cannot read the request", http.StatusBadRequest)
			return
		}
		request, err := env.Open(r.Context(), body)
		switch {
		case errors.Is(err, envelope.ErrRejected): // the message is at fault
			slog.LogAttrs(r.Context(), slog.LevelWarn, "request", envelope.LogAttr(err)) // says why
			http.Error(w, envelope.ErrRejected.Error(), http.StatusBadRequest)           // does not
			return
		case err != nil: // we are
			slog.LogAttrs(r.Context(), slog.LevelError, "request", envelope.LogAttr(err))
			http.Error(w, "try again", http.StatusServiceUnavailable)
			return
		}
		reply, err := env.Seal(r.Context(), request.Payload)
		if err != nil { // the request has been acted on: nobody is to try that again unasked
			slog.LogAttrs(r.Context(), slog.LevelError, "reply", envelope.LogAttr(err))
			http.Error(w, "no reply", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", env.ContentType())
		_, _ = w.Write(reply)
	}
}
