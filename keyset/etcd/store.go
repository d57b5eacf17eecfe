package etcd

import (
	"context"
	"fmt"
	"io/fs"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/sealwax/sealwax/keyset"
)

// Store returns the store of one manifest, which is the value of prefix + "/manifest".
// Its version is the revision of etcd that has stored it. It is safe for concurrent use.
//
// Load waits by a watch that begins where its read ended, so that it misses nothing, and
// reads again every thirty seconds: a connection that has died unnoticed, a restored
// backup, and a compaction hold up nobody for longer. Swap is one transaction. Its error
// wraps [keyset.ErrReadOnly] if the role of the client may not write.
func Store(client *clientv3.Client, prefix string) keyset.Store {
	return &store{client, prefix + "/manifest"}
}

type store struct {
	client *clientv3.Client
	key    string
}

// readAgain is how long a watch is trusted.
const readAgain = 30 * time.Second

func (s *store) Load(ctx context.Context, known keyset.Version) ([]byte, keyset.Version, error) {
	for {
		r, err := call(ctx, s.key, func(ctx context.Context) (*clientv3.GetResponse, error) {
			return s.client.Get(ctx, s.key)
		})
		if err != nil {
			return nil, "", err
		}
		if len(r.Kvs) == 0 {
			return nil, "", fmt.Errorf("etcd: %s: %w", s.key, fs.ErrNotExist)
		}
		if version := versionOf(r.Kvs[0].ModRevision); version != known {
			return r.Kvs[0].Value, version, nil
		}
		if err := s.wait(ctx, r.Header.Revision+1); err != nil {
			return nil, "", err
		}
	}
}

// wait returns when something happens to the key from a revision on, or it is time to
// read again. It does not say what has happened: what is in force, a read says.
func (s *store) wait(ctx context.Context, from int64) error {
	waits, cancel := context.WithTimeout(clientv3.WithRequireLeader(ctx), readAgain)
	defer cancel()
	for r := range s.client.Watch(waits, s.key, clientv3.WithRev(from)) {
		switch {
		case r.CompactRevision != 0 || len(r.Events) != 0:
			return nil
		case ctx.Err() != nil || waits.Err() != nil: // below
		case r.Err() != nil:
			return explain(ctx, waits, s.key, r.Err())
		}
	}
	if ctx.Err() != nil {
		return fmt.Errorf("etcd: %s: %w", s.key, context.Cause(ctx))
	}
	if waits.Err() == nil {
		return fmt.Errorf("etcd: %s: the watch was closed", s.key)
	}
	return nil
}

func (s *store) Swap(ctx context.Context, old keyset.Version, data []byte) (keyset.Version, error) {
	same, ok := unchanged(s.key, old)
	if !ok {
		return "", conflict(s.key)
	}
	r, err := call(ctx, s.key, func(ctx context.Context) (*clientv3.TxnResponse, error) {
		return s.client.Txn(ctx).If(same).Then(clientv3.OpPut(s.key, string(data))).Commit()
	})
	if err != nil {
		return "", written(err)
	}
	if !r.Succeeded {
		return "", conflict(s.key)
	}
	return versionOf(r.Header.Revision), nil
}
