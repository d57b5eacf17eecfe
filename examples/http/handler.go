// Package sealedhttp shows sealed requests and replies over net/http: what a
// handler, a client, and their keys need, and nothing else. Copy it.
//
// The README of the module and docs/server.md quote these files, and a test keeps them
// alike.
package sealedhttp

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"github.com/sealwax/sealwax/envelope"
)

// Handler opens each request, lets answer answer it, and seals the reply.
func Handler(env envelope.Envelope, answer func(context.Context, *envelope.Message) []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "cannot read the request", http.StatusBadRequest)
			return
		}
		if ready, ok := env.(envelope.Readier); ok { // could we reply? Asked before anything is done
			if _, err := ready.Ready(r.Context()); err != nil {
				slog.LogAttrs(r.Context(), slog.LevelError, "not ready", envelope.LogAttr(err))
				http.Error(w, "try again", http.StatusServiceUnavailable)
				return
			}
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
		reply, err := env.Seal(r.Context(), answer(r.Context(), request))
		if err != nil { // the request has been acted on: nobody is to try that again unasked
			slog.LogAttrs(r.Context(), slog.LevelError, "reply", envelope.LogAttr(err))
			http.Error(w, "no reply", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", env.ContentType())
		_, _ = w.Write(reply)
	}
}
