package etcd

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/sealwax/sealwax/keyset"
)

// Reports returns the reports of the replicas that follow the manifest of [Store] with
// the same prefix. It is safe for concurrent use.
//
// The report of a replica is the value of prefix + "/report:" and its name, escaped as
// [url.PathEscape] does it, and stays until the replica is forgotten. Beside it,
// prefix + "/alive:" and the name belongs to a lease of ttl, in whole seconds: when the
// lease ends, the report has expired. Both are written in one transaction. Every report
// has a lease of its own, and revokes that of the report before; one that a crash leaves
// behind ends by itself.
func Reports(client *clientv3.Client, prefix string) keyset.Reports {
	return &reports{client, prefix + "/report:", prefix + "/alive:"}
}

type reports struct {
	client          *clientv3.Client
	reported, alive string // what keys begin with
}

// maxName is the length of the name of a replica in bytes.
const maxName = 256

func (s *reports) Put(ctx context.Context, replica string, old keyset.Version, data []byte, ttl time.Duration) (keyset.Version, error) {
	if replica == "" || len(replica) > maxName {
		return "", fmt.Errorf("etcd: the name of a replica has %d bytes, and not 1 to %d", len(replica), maxName)
	}
	what := fmt.Sprintf("report of replica %q", replica)
	if ttl <= 0 {
		return "", fmt.Errorf("etcd: %s: a ttl of %v", what, ttl)
	}
	name := url.PathEscape(replica)
	same, ok := unchanged(s.reported+name, old)
	if !ok {
		return "", conflict(what)
	}
	lease, err := call(ctx, what, func(ctx context.Context) (*clientv3.LeaseGrantResponse, error) {
		return s.client.Grant(ctx, int64(math.Ceil(ttl.Seconds())))
	})
	if err != nil {
		return "", written(err)
	}
	r, err := call(ctx, what, func(ctx context.Context) (*clientv3.TxnResponse, error) {
		return s.client.Txn(ctx).If(same).Then(
			clientv3.OpPut(s.reported+name, string(data)),
			clientv3.OpPut(s.alive+name, "", clientv3.WithLease(lease.ID), clientv3.WithPrevKV()),
		).Commit()
	})
	err = written(err)
	switch {
	case errors.Is(err, keyset.ErrReadOnly):
		s.revoke(ctx, lease.ID)
		return "", err
	case err != nil:
		return "", err // the lease may be in use
	case !r.Succeeded:
		s.revoke(ctx, lease.ID)
		return "", conflict(what)
	}
	if was := r.Responses[1].GetResponsePut().GetPrevKv(); was != nil {
		s.revoke(ctx, clientv3.LeaseID(was.Lease))
	}
	return versionOf(r.Header.Revision), nil
}

// revoke ends a lease that no key belongs to any more. If it fails, the lease ends later
// by itself.
func (s *reports) revoke(ctx context.Context, lease clientv3.LeaseID) {
	if lease != clientv3.NoLease {
		_, _ = call(ctx, "lease", func(ctx context.Context) (*clientv3.LeaseRevokeResponse, error) {
			return s.client.Revoke(ctx, lease)
		})
	}
}

func (s *reports) All(ctx context.Context) (map[string]keyset.StoredReport, error) {
	const what = "reports"
	// Both at one revision: between two reads a report could seem to have expired.
	r, err := call(ctx, what, func(ctx context.Context) (*clientv3.TxnResponse, error) {
		return s.client.Txn(ctx).Then(
			clientv3.OpGet(s.reported, clientv3.WithPrefix()),
			clientv3.OpGet(s.alive, clientv3.WithPrefix(), clientv3.WithKeysOnly()),
		).Commit()
	})
	if err != nil {
		return nil, err
	}
	alive := map[string]bool{}
	for _, kv := range r.Responses[1].GetResponseRange().Kvs {
		alive[strings.TrimPrefix(string(kv.Key), s.alive)] = true
	}
	all := map[string]keyset.StoredReport{}
	for _, kv := range r.Responses[0].GetResponseRange().Kvs {
		name := strings.TrimPrefix(string(kv.Key), s.reported)
		if strings.Contains(name, "/") {
			continue // of a longer prefix: an escaped name has no slash
		}
		replica, err := url.PathUnescape(name)
		if err != nil || url.PathEscape(replica) != name || replica == "" {
			return nil, fmt.Errorf("etcd: %s: the key %q is none that a report has; a replica may stand behind it, so look what it is", what, kv.Key)
		}
		all[replica] = keyset.StoredReport{Data: kv.Value, Version: versionOf(kv.ModRevision), Expired: !alive[name]}
	}
	return all, nil
}

func (s *reports) Forget(ctx context.Context, replica string) error {
	what, name := fmt.Sprintf("report of replica %q", replica), url.PathEscape(replica)
	r, err := call(ctx, what, func(ctx context.Context) (*clientv3.TxnResponse, error) {
		return s.client.Txn(ctx).Then(
			clientv3.OpDelete(s.reported+name),
			clientv3.OpDelete(s.alive+name, clientv3.WithPrevKV()),
		).Commit()
	})
	if err != nil {
		return written(err)
	}
	for _, was := range r.Responses[1].GetResponseDeleteRange().PrevKvs {
		s.revoke(ctx, clientv3.LeaseID(was.Lease))
	}
	return nil
}
