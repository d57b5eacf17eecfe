package envelope_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
)

var waiver = envelope.NewWaiver("jwe.InsecureEncryptOnly", "mutual TLS ends here")

func event(err error, waived ...envelope.Waiver) envelope.Event {
	return envelope.Event{
		Op: "open", Format: keyset.JOSE, Keys: []envelope.KeyUse{decrypter, signer},
		Size: 1234, Elapsed: 5 * time.Millisecond, Waived: waived, Err: err,
	}
}

func TestEventLogs(t *testing.T) {
	text, _ := logged(slog.Any("call", event(nil)))
	for _, s := range []string{"call.op=open", "call.format=jose", "call.keys.0.id=OURS", "call.keys.1.id=THEIRS", "call.size=1234", "call.elapsed=5ms"} {
		assert.Contains(t, text, s)
	}
	assert.NotContains(t, text, "err")
	assert.NotContains(t, text, "waived")

	text, _ = logged(slog.Any("call", event(fmt.Errorf("order 7: %w", rejection()), waiver)))
	for _, s := range []string{"call.err.reason=bad_signature", "call.err.keys=[KEY-c0ffee]", "call.err.cause=CAUSE-d4f1", "jwe.InsecureEncryptOnly: mutual TLS ends here"} {
		assert.Contains(t, text, s)
	}
}

func TestLogToLevels(t *testing.T) {
	for name, c := range map[string]struct {
		event envelope.Event
		want  slog.Level
	}{
		"success":         {event(nil), slog.LevelDebug},
		"rejected":        {event(rejection()), slog.LevelWarn},
		"our own failure": {event(io.ErrUnexpectedEOF), slog.LevelWarn},
		"waived":          {event(nil, waiver), slog.LevelWarn},
		"waived, failed":  {event(rejection(), waiver), slog.LevelWarn},
		"seal":            {envelope.Event{Op: "seal"}, slog.LevelDebug},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			at := new(slog.LevelVar)
			at.Set(slog.LevelDebug)
			observe := envelope.LogTo(slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: at})))
			observe(t.Context(), c.event)
			var line struct {
				Level slog.Level
				Msg   string
				Op    string
			}
			require.NoError(t, json.Unmarshal(out.Bytes(), &line), out.String())
			assert.Equal(t, c.want, line.Level)
			assert.Equal(t, "envelope "+c.event.Op, line.Msg)
			assert.Equal(t, c.event.Op, line.Op)

			out.Reset()
			at.Set(slog.LevelInfo)
			observe(t.Context(), c.event)
			assert.Equal(t, c.want >= slog.LevelInfo, out.Len() != 0)
		})
	}
	assert.PanicsWithValue(t, "envelope: LogTo of a nil logger", func() { envelope.LogTo(nil) })
}

func TestLogToHandsOnTheContext(t *testing.T) {
	type traceKey struct{}
	h := &contextHandler{Handler: slog.DiscardHandler, key: traceKey{}}
	ctx := context.WithValue(t.Context(), traceKey{}, "trace 7")
	envelope.LogTo(slog.New(h))(ctx, event(rejection()))
	assert.Equal(t, []any{"trace 7"}, h.seen)
}

type contextHandler struct {
	slog.Handler
	key  any
	seen []any
}

func (h *contextHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h *contextHandler) Handle(ctx context.Context, _ slog.Record) error {
	h.seen = append(h.seen, ctx.Value(h.key))
	return nil
}

func TestObservers(t *testing.T) {
	var calls []string
	record := func(name string) envelope.Observer {
		return func(_ context.Context, e envelope.Event) { calls = append(calls, name+" "+e.Op) }
	}
	list := []envelope.Observer{record("first"), nil, record("second"), nil}
	all := envelope.Observers(list...)
	list[0] = record("put there later")
	all(t.Context(), envelope.Event{Op: "seal"})
	assert.Equal(t, []string{"first seal", "second seal"}, calls)

	assert.NotPanics(t, func() {
		envelope.Observers()(t.Context(), envelope.Event{})
		envelope.Observers(nil, nil)(t.Context(), envelope.Event{})
	})
}
