package gocloud

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"gocloud.dev/docstore"

	"github.com/sealwax/sealwax/keyset"
)

// Reports returns the reports of the replicas that follow the manifest of [Store] with
// the same name: one document for each replica, in the same collection or in another one
// that was opened alike. It is safe for concurrent use if the driver is.
//
// All is a query for what has the name as "keyset". With a partition key it reads that
// partition; without one, a service may want an index of that field.
//
// These services tell nobody their time: whether a report has expired is judged by the
// clocks of the machines that write and read it, which must agree within a small part of
// the ttl. A report that seems to have expired holds back a step, and loses nothing.
func Reports(collection *docstore.Collection, name string) keyset.Reports {
	return &reports{documents{collection, name}}
}

type reports struct{ documents }

// maxName is the length of the name of a replica in bytes.
const maxName = 256

// of is the ID of the report of a replica; that of no replica is how all of them begin.
func (s *reports) of(replica string) string { return s.id("report:" + url.QueryEscape(replica)) }

func (s *reports) Put(ctx context.Context, replica string, old keyset.Version, data []byte, ttl time.Duration) (keyset.Version, error) {
	if replica == "" || len(replica) > maxName {
		return "", fmt.Errorf("gocloud: the name of a replica has %d bytes, and not 1 to %d", len(replica), maxName)
	}
	if ttl <= 0 {
		return "", fmt.Errorf("gocloud: report of replica %q: a ttl of %v", replica, ttl)
	}
	expires := time.Now().Add(ttl + time.Millisecond) // rounded up
	return s.swap(ctx, old, &document{Keyset: s.keyset, ID: s.of(replica), Data: data, Expires: expires.UnixMilli()})
}

func (s *reports) All(ctx context.Context) (map[string]keyset.StoredReport, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	asked, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	all := map[string]keyset.StoredReport{}
	found := s.collection.Query().Where("keyset", "=", s.keyset).Get(asked)
	defer found.Stop()
	for {
		var doc document
		err := found.Next(asked, &doc)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, explain(ctx, asked, "reports", err)
		}
		name, ok := strings.CutPrefix(doc.ID, s.of(""))
		if !ok {
			continue // the manifest
		}
		replica, err := url.QueryUnescape(name)
		if err != nil || s.of(replica) != doc.ID || replica == "" {
			return nil, fmt.Errorf("gocloud: reports: the document %q is none; a replica may stand behind it, so look what it is", doc.ID)
		}
		version, err := s.version(&doc)
		if err != nil {
			return nil, err
		}
		all[replica] = keyset.StoredReport{Data: bytes.Clone(doc.Data), Version: version, Expired: time.Now().UnixMilli() >= doc.Expires}
	}
}

func (s *reports) Forget(ctx context.Context, replica string) error {
	if err := s.check(); err != nil {
		return err
	}
	asked, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	if err := s.collection.Delete(asked, &document{Keyset: s.keyset, ID: s.of(replica)}); err != nil {
		return written(explain(ctx, asked, fmt.Sprintf("report of replica %q", replica), err))
	}
	return nil
}
