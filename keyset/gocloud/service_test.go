package gocloud_test

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gocloud.dev/docstore"
	"gocloud.dev/docstore/driver"
	"gocloud.dev/gcerrors"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/keyset/gocloud"
)

// A service answers everything with an error, of the given code; or not at all.
type service struct {
	driver.Collection
	code  gcerrors.ErrorCode
	hangs bool
}

var errService = errors.New("the service says no")

func (s service) Key(driver.Document) (any, error)      { return "key", nil }
func (s service) RevisionField() string                 { return docstore.DefaultRevisionField }
func (s service) BytesToRevision(b []byte) (any, error) { return string(b), nil }
func (s service) ErrorCode(error) gcerrors.ErrorCode    { return s.code }
func (s service) ErrorAs(error, any) bool               { return false }
func (s service) Close() error                          { return nil }
func (s service) answer(ctx context.Context) error {
	if s.hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	return errService
}

func (s service) RunActions(ctx context.Context, _ []*driver.Action, _ *driver.RunActionsOptions) driver.ActionListError {
	return driver.ActionListError{{Err: s.answer(ctx)}}
}

func (s service) RunGetQuery(ctx context.Context, _ *driver.Query) (driver.DocumentIterator, error) {
	return nil, s.answer(ctx)
}

func calls(s service) map[string]func(context.Context) error {
	c := docstore.NewCollection(s)
	store, reports := gocloud.Store(c, "bank/own", time.Second), gocloud.Reports(c, "bank/own")
	return map[string]func(context.Context) error{
		"Load":   func(ctx context.Context) error { _, _, err := store.Load(ctx, ""); return err },
		"Create": func(ctx context.Context) error { _, err := store.Swap(ctx, "", []byte("{}")); return err },
		"Swap":   func(ctx context.Context) error { _, err := store.Swap(ctx, "MQ", []byte("{}")); return err },
		"Put":    func(ctx context.Context) error { _, err := reports.Put(ctx, "a", "", nil, time.Hour); return err },
		"All":    func(ctx context.Context) error { _, err := reports.All(ctx); return err },
		"Forget": func(ctx context.Context) error { return reports.Forget(ctx, "a") },
	}
}

// Only what a service says is a conflict is one, and nothing but a denied write makes a
// store read-only.
func TestServiceErrors(t *testing.T) {
	conflicts := map[gcerrors.ErrorCode][]string{gcerrors.NotFound: {"Swap"}} // it was there, and is gone; a Create misses the collection
	denied := map[gcerrors.ErrorCode][]string{gcerrors.PermissionDenied: {"Create", "Swap", "Put", "Forget"}}
	for _, code := range []gcerrors.ErrorCode{
		gcerrors.Unknown, gcerrors.NotFound, gcerrors.InvalidArgument, gcerrors.Internal, gcerrors.Unimplemented,
		gcerrors.PermissionDenied, gcerrors.ResourceExhausted, gcerrors.Canceled, gcerrors.DeadlineExceeded,
		gcerrors.AlreadyExists, gcerrors.FailedPrecondition, // without a document that would explain it
	} {
		for name, call := range calls(service{code: code}) {
			err := call(t.Context())
			require.Error(t, err, "%v: %s", code, name)
			assert.Equal(t, slices.Contains(conflicts[code], name), errors.Is(err, keyset.ErrConflict), "%v: %s: %v", code, name, err)
			assert.Equal(t, slices.Contains(denied[code], name), errors.Is(err, keyset.ErrReadOnly), "%v: %s: %v", code, name, err)
			assert.Equal(t, code == gcerrors.NotFound && !slices.Contains(conflicts[code], name), errors.Is(err, fs.ErrNotExist), "%v: %s: %v", code, name, err)
		}
	}
}

// A service that does not answer is an error, although ctx has no end.
func TestServiceHangs(t *testing.T) {
	for name, call := range calls(service{hangs: true}) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			err := call(t.Context())
			require.ErrorContains(t, err, "no answer in 30s", name)
			assert.NotErrorIs(t, err, context.DeadlineExceeded, name)
			assert.Equal(t, 30*time.Second, time.Since(began), name)

			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			require.ErrorIs(t, call(ctx), context.DeadlineExceeded, name)
		})
	}
}
