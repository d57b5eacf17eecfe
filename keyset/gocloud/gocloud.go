// Package gocloud follows manifests of package keyset from where gocloud.dev reads, and
// keeps them where it stores documents.
//
// [Loader] follows a runtimevar.Variable: a blob in S3, GCS or Azure, a parameter of AWS,
// a secret of a secret manager, a URL, a file. It reads, and nothing else.
//
// [Store] and [Reports] keep a manifest and the reports of its replicas in a docstore
// collection: DynamoDB, Firestore, MongoDB. Blobs have no Store: gocloud.dev can create
// an object only if there is none, but not replace one only if nobody else has.
//
// Which driver it is, how it is opened, and with which credentials, is the affair of the
// program; this module has none. The page README.md beside this file says what each
// driver needs.
package gocloud

import (
	"context"
	"fmt"
	"io/fs"
	"time"

	"gocloud.dev/gcerrors"

	"github.com/sealwax/sealwax/keyset"
)

// answerTime is how long a service has to answer a request, its client's repetitions
// included. Without it a service that hangs would look like a manifest that does not
// change.
const answerTime = 30 * time.Second

// explain says whose affair an error is. asked is the context of the request.
func explain(ctx, asked context.Context, what string, err error) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("gocloud: %s: %w", what, context.Cause(ctx))
	case asked.Err() != nil:
		// Not wrapped: the caller's ctx has not ended, and nobody shall think so.
		return fmt.Errorf("gocloud: %s: no answer in %v: %v", what, answerTime, err)
	case gcerrors.Code(err) == gcerrors.NotFound:
		return fmt.Errorf("gocloud: %s: %w: %w", what, fs.ErrNotExist, err)
	}
	return fmt.Errorf("gocloud: %s: %w", what, err)
}

// written is explain for what stores: whoever must not has a store that is read-only.
func written(err error) error {
	if gcerrors.Code(err) == gcerrors.PermissionDenied {
		return fmt.Errorf("%w: %w", keyset.ErrReadOnly, err)
	}
	return err
}
