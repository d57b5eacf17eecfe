package envelope

import (
	"context"
	"log/slog"
	"time"

	"github.com/sealwax/sealwax/keyset"
)

// An Observer is told about every Seal and every Open, successful or not,
// before the call returns. It must be safe for concurrent use and should be
// quick.
type Observer func(ctx context.Context, e Event)

// An Event describes one call. It contains no payload and no secret.
type Event struct {
	Op      string // "seal" or "open"
	Format  keyset.Format
	Keys    []KeyUse // used with success
	Size    int64    // of the sealed message, in bytes
	Elapsed time.Duration
	Waived  []Waiver

	// PostQuantum is that of the Message. Of a message that was sealed it has Encryption if
	// every recipient is post-quantum.
	PostQuantum keyset.Use

	Err error // nil on success; perhaps an [*OpenError]
}

// LogValue implements [slog.LogValuer]. An OpenError in Err is logged with its
// reason, even if it was wrapped.
func (e Event) LogValue() slog.Value { return slog.GroupValue(e.attrs()...) }

func (e Event) attrs() []slog.Attr {
	attrs := []slog.Attr{
		slog.String("op", e.Op),
		slog.String("format", string(e.Format)),
		group("keys", e.Keys),
		slog.Int64("size", e.Size),
		slog.Duration("elapsed", e.Elapsed),
	}
	if e.PostQuantum != 0 {
		attrs = append(attrs, slog.String("post_quantum", e.PostQuantum.String()))
	}
	if len(e.Waived) != 0 {
		attrs = append(attrs, slog.Any("waived", e.Waived))
	}
	if e.Err != nil {
		attrs = append(attrs, LogAttr(e.Err))
	}
	return attrs
}

// LogTo returns an observer that logs to l: failures and waived messages as
// warnings, everything else at debug level. The logger must not be nil.
func LogTo(l *slog.Logger) Observer {
	if l == nil {
		panic("envelope: LogTo of a nil logger")
	}
	return func(ctx context.Context, e Event) {
		level := slog.LevelDebug
		if e.Err != nil || len(e.Waived) != 0 {
			level = slog.LevelWarn
		}
		if l.Enabled(ctx, level) {
			l.LogAttrs(ctx, level, "envelope "+e.Op, e.attrs()...)
		}
	}
}

// Observers returns an observer that calls each of list in turn. Nil entries
// are skipped.
func Observers(list ...Observer) Observer {
	var all []Observer
	for _, o := range list {
		if o != nil {
			all = append(all, o)
		}
	}
	return func(ctx context.Context, e Event) {
		for _, o := range all {
			o(ctx, e)
		}
	}
}
