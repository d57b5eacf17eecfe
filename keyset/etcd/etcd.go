// Package etcd keeps a manifest of package keyset, and the reports of the replicas that
// follow it, in etcd.
//
//	store, reports := etcd.Store(client, "sealwax/bank/own"), etcd.Reports(client, "sealwax/bank/own")
//	follower, err := keyset.Follow(ctx, ring, store, open, keyset.ReportTo(reports, "web-0", time.Minute))
//
// The client, its TLS and its credentials are the caller's: nothing here closes it. One
// client serves any number of stores, and all that wait share one stream to the server.
// Configure it as the example does: by gRPC's defaults it tries to reconnect every two
// minutes after a longer outage, and revocations wait for so long.
//
// Every read is linearizable, so that it sees what was stored before it began. A member
// that has lost its leader, or does not answer for ten seconds, is an error: followers
// keep their keys, and ask again. The page README.md beside this file has the roles and
// permissions, the costs, and what happens in a partition.
package etcd

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/sealwax/sealwax/keyset"
)

// answerTime is how long etcd has to answer. Without it a member that hangs would look
// like a manifest that does not change.
const answerTime = 10 * time.Second

// call asks etcd, for at most answerTime, what only a member with a leader answers.
func call[R any](ctx context.Context, what string, do func(context.Context) (R, error)) (R, error) {
	asked, cancel := context.WithTimeout(clientv3.WithRequireLeader(ctx), answerTime)
	defer cancel()
	r, err := do(asked)
	if err != nil {
		err = explain(ctx, asked, what, err)
	}
	return r, err
}

// explain says whose affair an error is.
func explain(ctx, asked context.Context, what string, err error) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("etcd: %s: %w", what, context.Cause(ctx))
	case asked.Err() != nil:
		// Not wrapped: the caller's ctx has not ended, and nobody shall think so.
		return fmt.Errorf("etcd: %s: no answer in %v: %v", what, answerTime, err)
	case errors.Is(err, rpctypes.ErrRequestTooLarge):
		return fmt.Errorf("etcd: %s: larger than the server takes (--max-request-bytes): %w", what, err)
	}
	return fmt.Errorf("etcd: %s: %w", what, err)
}

// written is explain for what stores: a role that must not is a store that is read-only.
func written(err error) error {
	if errors.Is(err, rpctypes.ErrPermissionDenied) {
		return fmt.Errorf("%w: %w", keyset.ErrReadOnly, err)
	}
	return err
}

// versionOf is the revision of etcd that has last changed a key. It grows with every
// change of anything, so that no version of a key comes back after the key was deleted.
func versionOf(revision int64) keyset.Version {
	return keyset.Version(strconv.FormatInt(revision, 10))
}

// unchanged compares a key with a version: that is 0 where there is no key. It reports
// false if no key has such a version ever.
func unchanged(key string, version keyset.Version) (clientv3.Cmp, bool) {
	revision, err := strconv.ParseInt(string(version), 10, 64)
	ok := err == nil && revision > 0 && versionOf(revision) == version
	if version == "" {
		revision, ok = 0, true
	}
	return clientv3.Compare(clientv3.ModRevision(key), "=", revision), ok
}

func conflict(what string) error {
	return fmt.Errorf("etcd: %s: %w", what, keyset.ErrConflict)
}
