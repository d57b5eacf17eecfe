package keyset

import (
	"context"
	"time"
)

// Reports keeps the last report of every replica that follows one manifest. It deals in
// bytes, as a [Store] does, and is safe for concurrent use. A replica counts until it is
// forgotten by name, however long it has been silent.
type Reports interface {
	// Put stores the report of a replica if the given version of it is in force, the
	// zero Version meaning that there is none. It returns the version of data. The
	// error wraps [ErrConflict], and nothing was stored, if another version is in
	// force, or none: of two processes under one name, and of a write that arrives
	// late, the second one loses. It wraps [ErrReadOnly] if the store cannot be
	// written. Any other error means that data may or may not have been stored; so
	// does the error of a ctx that ends.
	//
	// The report counts as expired if it is not replaced within ttl, by the clock of
	// the store, which may round ttl up and be some seconds late. A ttl that is not
	// positive is an error. Any name of 1 to 256 bytes is a replica. Data of 1 byte to
	// 1 MiB is stored as it is. Put does not keep data.
	Put(ctx context.Context, replica string, old Version, data []byte, ttl time.Duration) (Version, error)

	// All returns the last report of every replica, expired or not, by its name. The
	// map and the bytes are the caller's.
	All(ctx context.Context) (map[string]StoredReport, error)

	// Forget deletes the report of a replica. It returns nil if there is none. A
	// replica that lives reports again.
	Forget(ctx context.Context, replica string) error
}

// A StoredReport is the last report of a replica, as a store keeps it.
type StoredReport struct {
	Data    []byte // what [ReadReport] reads
	Version Version
	Expired bool // it was not replaced in time; the replica may live all the same
}
