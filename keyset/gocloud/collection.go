package gocloud

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"

	"gocloud.dev/docstore"
	"gocloud.dev/gcerrors"

	"github.com/sealwax/sealwax/keyset"
)

// A document is a manifest, or a report. Its fields are the same for both, so that one
// collection holds them.
type document struct {
	Keyset           string `docstore:"keyset"` // what belongs together
	ID               string `docstore:"id"`     // unique in the collection
	Data             []byte `docstore:"data"`
	Expires          int64  `docstore:"expires"` // of a report, in milliseconds since 1970
	DocstoreRevision any    // docstore.DefaultRevisionField
}

// maxKeyset is the length of the name of a keyset in bytes. Escaped, and together with
// the name of a replica, it fits into the keys of every service.
const maxKeyset = 64

// documents are those of one keyset in a collection.
type documents struct {
	collection *docstore.Collection
	keyset     string
}

// id is unique: what is escaped has no colon.
func (d documents) id(kind string) string { return url.QueryEscape(d.keyset) + ":" + kind }

func (d documents) check() error {
	if d.keyset == "" || len(d.keyset) > maxKeyset {
		return fmt.Errorf("gocloud: the name of a keyset has %d bytes, and not 1 to %d", len(d.keyset), maxKeyset)
	}
	return nil
}

func (d documents) get(ctx context.Context, id string) (*document, keyset.Version, error) {
	if err := d.check(); err != nil {
		return nil, "", err
	}
	asked, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	doc := &document{Keyset: d.keyset, ID: id}
	if err := d.collection.Get(asked, doc); err != nil {
		return nil, "", explain(ctx, asked, id, err)
	}
	version, err := d.version(doc)
	return doc, version, err
}

// version is the revision of a document as text.
func (d documents) version(doc *document) (keyset.Version, error) {
	if doc.DocstoreRevision == nil {
		return "", fmt.Errorf("gocloud: %s: it has no revision: open the collection without another RevisionField", doc.ID)
	}
	s, err := d.collection.RevisionToString(doc.DocstoreRevision)
	if err != nil {
		return "", fmt.Errorf("gocloud: %s: %w", doc.ID, err)
	}
	return keyset.Version(s), nil
}

// swap stores a document if the given version of it is in force.
func (d documents) swap(ctx context.Context, old keyset.Version, doc *document) (keyset.Version, error) {
	if err := d.check(); err != nil {
		return "", err
	}
	if ctx.Err() != nil {
		return "", fmt.Errorf("gocloud: %s: %w", doc.ID, context.Cause(ctx))
	}
	conflict := fmt.Errorf("gocloud: %s: %w", doc.ID, keyset.ErrConflict)
	write := d.collection.Create
	if old != "" {
		write = d.collection.Replace
		var err error
		if doc.DocstoreRevision, err = d.collection.StringToRevision(string(old)); err != nil {
			return "", conflict // no document has such a revision
		}
	}
	data := doc.Data
	doc.Data = bytes.Clone(data)
	asked, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	err := write(asked, doc)
	switch code := gcerrors.Code(err); {
	case code == gcerrors.OK:
		return d.version(doc)
	case code == gcerrors.NotFound && old == "":
		// The collection itself is not there.
	case code == gcerrors.AlreadyExists, code == gcerrors.FailedPrecondition, code == gcerrors.NotFound:
		// The clients of services repeat a request that had no answer. If it was
		// stored at first, it conflicts with itself then.
		is, version, err := d.get(ctx, doc.ID)
		switch {
		case err == nil && bytes.Equal(is.Data, data) && is.Expires == doc.Expires:
			return version, nil
		case err == nil && version != old, errors.Is(err, fs.ErrNotExist):
			return "", conflict
		case err != nil:
			return "", err
		}
		return "", fmt.Errorf("gocloud: %s: it is unchanged, and the service does not replace it", doc.ID)
	}
	return "", written(explain(ctx, asked, doc.ID, err))
}
