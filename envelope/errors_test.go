package envelope_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"text/template"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
)

// What the sender of a message must not learn.
var innards = []string{"bad_signature", "BadSignature", "KEY-c0ffee", "CAUSE-d4f1"}

func rejection() *envelope.OpenError {
	err := envelope.Reject(envelope.BadSignature, errors.New("CAUSE-d4f1"), "KEY-c0ffee")
	return err.(*envelope.OpenError)
}

func assertUniform(t *testing.T, text string) {
	t.Helper()
	for _, s := range innards {
		assert.NotContains(t, text, s)
	}
}

// every calls f with every letter as a verb of package fmt, with and without
// flags. Two are left out, and go vet refuses both: for %w outside of Errorf and
// for %p of what is no pointer, fmt asks no method of its operand and prints its
// fields.
func every(f func(format string)) { verbs("abcdefghijklmnoqrstuvxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", f) }

// textual calls f with the verbs that print an error.
func textual(f func(format string)) { verbs("vsqxX", f) }

func verbs(letters string, f func(format string)) {
	for _, verb := range letters {
		for _, flags := range []string{"", "+", "#", "-", " ", "0", "60", "-60", ".3", "+#60.3"} {
			f("%" + flags + string(verb))
		}
	}
}

func TestEveryVerbPrintsTheSame(t *testing.T) {
	err := rejection()
	for name, v := range map[string]any{
		"error":              err,
		"copy":               *err,
		"pointer to pointer": &err,
	} {
		t.Run(name, func(t *testing.T) {
			every(func(format string) {
				text := fmt.Sprintf(format, v)
				assertUniform(t, text)
				if verb := format[len(format)-1]; verb != 'T' && name != "pointer to pointer" {
					assert.Equal(t, envelope.ErrRejected.Error(), text, format)
				}
			})
		})
	}
	assertUniform(t, fmt.Sprintf("%p", err))
	assertUniform(t, fmt.Sprint(err, *err))
	assert.Equal(t, envelope.ErrRejected.Error(), err.Error())
	assert.Equal(t, envelope.ErrRejected.Error(), err.GoString())
	assert.Equal(t, envelope.ErrRejected.Error(), (*err).GoString())
}

func TestEveryVerbInsideOfOthers(t *testing.T) {
	err := rejection()
	type answer struct {
		Err   error
		Value envelope.OpenError
		List  []error
		Map   map[string]error
		Any   any
	}
	every(func(format string) {
		for _, v := range []any{
			answer{err, *err, []error{err}, map[string]error{"x": err}, *err},
			&answer{err, *err, []error{err}, map[string]error{"x": err}, err},
			[]any{err, *err}, []error{err}, map[string]any{"a": *err}, [1]envelope.OpenError{*err},
		} {
			assertUniform(t, fmt.Sprintf(format, v))
		}
	})
}

func TestWrappingRevealsNothing(t *testing.T) {
	err := rejection()
	// Of an error that formats no verb by itself, fmt looks for the text only
	// with these: with another one, which go vet refuses, it prints the fields.
	for name, wrapped := range map[string]error{
		"Errorf":         fmt.Errorf("order 7: %w", err),
		"Errorf twice":   fmt.Errorf("http: %w", fmt.Errorf("order 7: %w", err)),
		"Errorf of two":  fmt.Errorf("%w and %w", err, io.ErrUnexpectedEOF),
		"Join":           errors.Join(err, io.ErrUnexpectedEOF),
		"Join of Errorf": errors.Join(io.EOF, fmt.Errorf("order 7: %w", err)),
	} {
		t.Run(name, func(t *testing.T) {
			assert.ErrorIs(t, wrapped, envelope.ErrRejected)
			found, ok := errors.AsType[*envelope.OpenError](wrapped)
			require.True(t, ok)
			assert.Same(t, err, found)
			assert.Contains(t, wrapped.Error(), envelope.ErrRejected.Error())
			textual(func(format string) { assertUniform(t, fmt.Sprintf(format, wrapped)) })
			every(func(format string) { assert.NotContains(t, fmt.Sprintf(format, wrapped), "CAUSE") })
			for e := wrapped; e != nil; e = errors.Unwrap(e) {
				assertUniform(t, e.Error())
			}
		})
	}
}

func TestErrorsIsAndAs(t *testing.T) {
	cause := fmt.Errorf("parsing: %w", io.ErrUnexpectedEOF)
	err := envelope.Reject(envelope.Malformed, cause, "A", "B")
	assert.ErrorIs(t, err, envelope.ErrRejected)
	assert.NotErrorIs(t, err, io.ErrUnexpectedEOF, "the chain leads to the cause")
	assert.Equal(t, envelope.ErrRejected, errors.Unwrap(err))

	var oe *envelope.OpenError
	require.ErrorAs(t, err, &oe)
	assert.Equal(t, envelope.Malformed, oe.Reason)
	assert.Equal(t, []keyset.ID{"A", "B"}, oe.Keys)
	assert.Equal(t, cause, oe.Cause())
	assert.ErrorIs(t, oe.Cause(), io.ErrUnexpectedEOF)

	require.ErrorAs(t, envelope.Reject(envelope.Unsigned, nil), &oe)
	assert.NoError(t, oe.Cause())
	assert.Empty(t, oe.Keys)
	assert.NotErrorIs(t, envelope.ErrNoKey, envelope.ErrRejected)
}

func TestDocumentsShowTheSame(t *testing.T) {
	err := rejection()
	want := `"` + envelope.ErrRejected.Error() + `"`
	for name, v := range map[string]any{
		"error":            err,
		"copy":             *err,
		"pointer and copy": struct{ Err any }{*err},
		"field":            struct{ Err error }{err},
		"field of value":   struct{ Err envelope.OpenError }{*err},
		"slice":            []any{err, *err},
		"map":              map[string]any{"err": *err},
	} {
		t.Run(name, func(t *testing.T) {
			text, failed := json.Marshal(v)
			require.NoError(t, failed)
			assert.Contains(t, string(text), want)
			assertUniform(t, string(text))
		})
	}
	for _, v := range []any{err, *err} {
		text, failed := xml.Marshal(v)
		require.NoError(t, failed)
		assert.Contains(t, string(text), envelope.ErrRejected.Error())
		assertUniform(t, string(text))

		var page strings.Builder
		require.NoError(t, template.Must(template.New("").Parse(`{{.}} {{printf "%+v" .}}`)).Execute(&page, v))
		assert.Equal(t, envelope.ErrRejected.Error()+" "+envelope.ErrRejected.Error(), page.String())
	}
}

// logged returns what both handlers of package slog make of an attribute.
func logged(attrs ...slog.Attr) (text, json string) {
	var t, j bytes.Buffer
	options := &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: withoutTime}
	slog.New(slog.NewTextHandler(&t, options)).LogAttrs(context.Background(), slog.LevelInfo, "m", attrs...)
	slog.New(slog.NewJSONHandler(&j, options)).LogAttrs(context.Background(), slog.LevelInfo, "m", attrs...)
	return strings.TrimSpace(t.String()), strings.TrimSpace(j.String())
}

func TestOperatorLearnsWhy(t *testing.T) {
	err := rejection()
	const (
		wantText = `level=INFO msg=m err.reason=bad_signature err.keys=[KEY-c0ffee] err.cause=CAUSE-d4f1`
		wantJSON = `{"level":"INFO","msg":"m","err":{"reason":"bad_signature","keys":["KEY-c0ffee"],"cause":"CAUSE-d4f1"}}`
	)
	for name, attr := range map[string]slog.Attr{
		"LogValue":           slog.Any("err", err),
		"LogAttr":            envelope.LogAttr(err),
		"LogAttr of Errorf":  envelope.LogAttr(fmt.Errorf("order 7: %w", err)),
		"LogAttr of a Join":  envelope.LogAttr(errors.Join(io.EOF, err)),
		"LogAttr of a chain": envelope.LogAttr(fmt.Errorf("a: %w", errors.Join(fmt.Errorf("b: %w", err), io.EOF))),
	} {
		t.Run(name, func(t *testing.T) {
			text, json := logged(attr)
			assert.Equal(t, wantText, text)
			assert.Equal(t, wantJSON, json)
		})
	}

	t.Run("wrapped and logged as it is", func(t *testing.T) {
		text, json := logged(slog.Any("err", fmt.Errorf("order 7: %w", err)))
		assertUniform(t, text)
		assertUniform(t, json)
	})
	t.Run("without keys and cause", func(t *testing.T) {
		text, json := logged(envelope.LogAttr(envelope.Reject(envelope.Unsigned, nil)))
		assert.Equal(t, `level=INFO msg=m err.reason=unsigned`, text)
		assert.Equal(t, `{"level":"INFO","msg":"m","err":{"reason":"unsigned"}}`, json)
	})
	t.Run("another error", func(t *testing.T) {
		text, json := logged(envelope.LogAttr(io.ErrUnexpectedEOF))
		assert.Equal(t, `level=INFO msg=m err="unexpected EOF"`, text)
		assert.Equal(t, `{"level":"INFO","msg":"m","err":"unexpected EOF"}`, json)
	})
	t.Run("no error", func(t *testing.T) {
		assert.True(t, envelope.LogAttr(nil).Equal(slog.Attr{}))
		text, json := logged(envelope.LogAttr(nil))
		assert.Equal(t, `level=INFO msg=m`, text)
		assert.Equal(t, `{"level":"INFO","msg":"m"}`, json)
	})
}

func TestRejectCuts(t *testing.T) {
	t.Run("cause", func(t *testing.T) {
		for name, c := range map[string]struct{ cause, want string }{
			"short":            {"unknown packet 59", "unknown packet 59"},
			"just fits":        {strings.Repeat("a", 512), strings.Repeat("a", 512)},
			"too long":         {strings.Repeat("a", 513), strings.Repeat("a", 509) + "…"},
			"much too long":    {strings.Repeat("a", 1<<20), strings.Repeat("a", 509) + "…"},
			"between two":      {strings.Repeat("é", 300), strings.Repeat("é", 254) + "…"},
			"line end":         {"kid\nlevel=ERROR msg=forged", `kid\nlevel=ERROR msg=forged`},
			"terminal escape":  {"kid \x1b[2J\x1b]0;title\a", `kid \x1b[2J\x1b]0;title\a`},
			"not UTF-8":        {"kid \xff\xfe", `kid \xff\xfe`},
			"right to left":    {"kid \u202egnp.exe", `kid \u202egnp.exe`},
			"not print, long":  {strings.Repeat("\x00", 512), strings.Repeat(`\x00`, 127) + `\` + "…"},
			"other characters": {"Schlüssel 鍵", "Schlüssel 鍵"},
		} {
			t.Run(name, func(t *testing.T) {
				cause := errors.New(c.cause)
				var oe *envelope.OpenError
				require.ErrorAs(t, envelope.Reject(envelope.Malformed, cause), &oe)
				got := oe.Cause().Error()
				assert.LessOrEqual(t, len(got), 512)
				assert.True(t, utf8.ValidString(got))
				assert.ErrorIs(t, oe.Cause(), cause, "what the cause wraps is lost")
				assert.Equal(t, c.want, got)
			})
		}
	})

	t.Run("keys", func(t *testing.T) {
		keys := []keyset.ID{
			keyset.ID(strings.Repeat("K", 128)),
			keyset.ID(strings.Repeat("K", 129)),
			"kid\x1b[2J",
			"kid\nlevel=ERROR",
		}
		var oe *envelope.OpenError
		require.ErrorAs(t, envelope.Reject(envelope.NotForUs, nil, keys...), &oe)
		assert.Equal(t, []keyset.ID{
			keyset.ID(strings.Repeat("K", 128)),
			keyset.ID(strings.Repeat("K", 125) + "…"),
			`kid\x1b[2J`,
			`kid\nlevel=ERROR`,
		}, oe.Keys)
	})

	t.Run("number of keys", func(t *testing.T) {
		for _, n := range []int{0, 1, 31, 32, 33, 1000} {
			keys := make([]keyset.ID, n)
			for i := range keys {
				keys[i] = keyset.ID(fmt.Sprint("key ", i))
			}
			var oe *envelope.OpenError
			require.ErrorAs(t, envelope.Reject(envelope.UnknownSigner, nil, keys...), &oe)
			require.Len(t, oe.Keys, min(n, 32))
			if n > 0 {
				assert.Equal(t, keyset.ID("key 0"), oe.Keys[0])
				keys[0] = "changed by the caller"
				assert.Equal(t, keyset.ID("key 0"), oe.Keys[0])
			}
		}
	})
}

// The texts are labels of metrics in other people's programs.
func TestReasonsAreStable(t *testing.T) {
	assert.Equal(t, []envelope.Reason{"malformed", "too_large", "forbidden", "not_for_us", "corrupt", "unsigned",
		"unknown_signer", "revoked_signer", "revoked_recipient", "bad_signature", "out_of_time", "misdirected"},
		[]envelope.Reason{envelope.Malformed, envelope.TooLarge, envelope.Forbidden, envelope.NotForUs, envelope.Corrupt, envelope.Unsigned,
			envelope.UnknownSigner, envelope.RevokedSigner, envelope.RevokedRecipient, envelope.BadSignature, envelope.OutOfTime, envelope.Misdirected})
	assert.Equal(t, "envelope: message rejected", envelope.ErrRejected.Error())
}
