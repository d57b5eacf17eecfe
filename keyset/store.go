package keyset

import "context"

// A Version names a state of a store. It is compared for equality and nothing else.
// The zero Version is that of nothing.
type Version string

// A Loader is the reading half of a store that keeps one manifest. It deals in bytes:
// what they mean, and what is wrong with them, [Follow] decides. It is safe for
// concurrent use.
type Loader interface {
	// Load returns the bytes in force and their version. If that is known, it
	// waits for another one, until ctx ends or the store wants to be asked again,
	// and may then return the known version once more. The error wraps
	// [fs.ErrNotExist] if there is nothing yet, and is that of ctx if ctx ends. The
	// bytes are the caller's.
	Load(ctx context.Context, known Version) ([]byte, Version, error)
}

// A Store keeps one manifest where several processes read and replace it, as a file, a
// key of etcd, or a document does. It deals in bytes: what they mean, and what is wrong
// with them, [Step] and [Follow] decide. It is safe for concurrent use.
type Store interface {
	Loader

	// Swap stores data if the given version is in force, the zero Version meaning
	// that there is nothing yet. It returns the version of data. The error wraps
	// [ErrConflict], and nothing was stored, if another version is in force; and
	// [ErrReadOnly] if the store cannot be written. Any other error means that data
	// may or may not have been stored; so does the error of a ctx that ends. What Load
	// returns afterwards is what was stored, or something newer. Data of 1 byte to
	// 1 MiB is stored as it is. Swap does not keep data.
	Swap(ctx context.Context, old Version, data []byte) (Version, error)
}
