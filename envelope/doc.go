// Package envelope defines what it means to seal and to open a message,
// whatever its format.
//
// Sealing signs a payload with our keys and encrypts it to the keys of a
// partner. Opening decrypts a message with our keys and verifies it with the
// keys of the partner. Packages pgp and jwe implement [Envelope].
//
// # Errors
//
// Errors have two audiences. The partner, or whoever pretends to be the
// partner, learns only that a message was rejected: every such error is an
// [*OpenError], and every OpenError has the same text. The operator learns
// why: an OpenError logs its reason, its keys, and its cause through
// [slog.LogValuer].
//
//	msg, err := env.Open(ctx, body)
//	switch {
//	case errors.Is(err, envelope.ErrRejected):
//		log.LogAttrs(ctx, slog.LevelWarn, "message", envelope.LogAttr(err)) // says why
//		http.Error(w, envelope.ErrRejected.Error(), 400)                    // does not
//	case err != nil:
//		http.Error(w, "try again", 503)                                     // our side: key service, deadline
//	}
//
// # Replays
//
// Open accepts a recorded message again until it is too old, unless the Config of the
// format has [Replays]: then it is accepted once. A sender that is told to try again has
// to seal anew: the bytes that it sent may have been accepted. [NewMemory] makes the
// Replays of one process; package envelope/valkey has them for many.
package envelope
