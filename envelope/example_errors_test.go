package envelope_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
)

// respond tells the sender that the message was rejected, and not why. The log
// says why. What is wrong on our side is another status, so that the sender
// tries again.
func respond(ctx context.Context, w http.ResponseWriter, log *slog.Logger, err error) {
	switch {
	case errors.Is(err, envelope.ErrRejected):
		log.LogAttrs(ctx, slog.LevelWarn, "message", envelope.LogAttr(err)) // says why
		http.Error(w, envelope.ErrRejected.Error(), http.StatusBadRequest)  // does not
	case err != nil:
		log.LogAttrs(ctx, slog.LevelError, "message", envelope.LogAttr(err))
		http.Error(w, "try again", http.StatusServiceUnavailable) // our side: key service, deadline
	}
}

func Example_errors() {
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
	for _, err := range []error{ // as Open returns them
		envelope.Reject(envelope.UnknownSigner, nil, "8A1C2F0D5E6B7A89"),
		fmt.Errorf("order 7: %w", envelope.Reject(envelope.Corrupt, errors.New("decrypts, but not to the end"))),
		fmt.Errorf("pgp: %w: no answer within 2s", keyset.ErrUnavailable),
	} {
		w := httptest.NewRecorder()
		respond(context.Background(), w, log, err)
		fmt.Print(w.Code, " ", w.Body)
	}
	// Output:
	// level=WARN msg=message err.reason=unknown_signer err.keys=[8A1C2F0D5E6B7A89]
	// 400 envelope: message rejected
	// level=WARN msg=message err.reason=corrupt err.cause="decrypts, but not to the end"
	// 400 envelope: message rejected
	// level=ERROR msg=message err="pgp: keyset: key service unavailable: no answer within 2s"
	// 503 try again
}

// withoutTime makes log lines that are the same every time.
func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}
