package envelopetest

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/sealwax/sealwax/keyset"
)

const (
	patience = 30 * time.Second // for what must come
	promptly = 5 * time.Second  // for what must come at once, on a machine that is busy
)

// soon is a context for a call that must not take long.
func soon() (context.Context, context.CancelFunc) { return context.WithTimeout(bg, patience) }

// shortly is a context that ends in the middle of a call: the later the higher i is. If
// i is 0 or 1, it has ended before.
func shortly(i int) (context.Context, context.CancelFunc) {
	return context.WithTimeout(bg, time.Duration(i-1)*500*time.Microsecond)
}

// again returns another handle on the store, if it has one.
func again(s keyset.Store) keyset.Store {
	if two, ok := s.(twoStores); ok {
		return two.again
	}
	return s
}

// A looked is what Load returned.
type looked struct {
	data    []byte
	version keyset.Version
	err     error
}

func (l looked) String() string {
	if l.err != nil {
		return fmt.Sprintf("the error %v", l.err)
	}
	return fmt.Sprintf("%s as version %q", excerpt(l.data), l.version)
}

// is reports whether data and version are what was loaded.
func (l looked) is(data []byte, version keyset.Version) bool {
	return l.err == nil && bytes.Equal(l.data, data) && l.version == version
}

func excerpt(data []byte) string {
	if len(data) > 40 {
		return fmt.Sprintf("%q… of %d bytes", data[:40], len(data))
	}
	return fmt.Sprintf("%q", data)
}

func look(s keyset.Loader, known keyset.Version) looked {
	ctx, cancel := soon()
	defer cancel()
	data, version, err := s.Load(ctx, known)
	return looked{data, version, err}
}

// maxAsked is how often a store may want to be asked again before it has something new.
const maxAsked = 300

// await asks until the store has another version than the known one.
func await(ctx context.Context, s keyset.Loader, known keyset.Version) looked {
	for range maxAsked {
		data, version, err := s.Load(ctx, known)
		if err != nil || version != known {
			return looked{data, version, err}
		}
	}
	return looked{err: fmt.Errorf("it wanted to be asked again %d times", maxAsked)}
}

func swap(s keyset.Store, old keyset.Version, data string) (keyset.Version, error) {
	ctx, cancel := soon()
	defer cancel()
	return s.Swap(ctx, old, []byte(data))
}

// put stores what must not conflict.
func (r *report) put(s keyset.Store, old keyset.Version, data string) keyset.Version {
	version, err := swap(s, old, data)
	r.add(err == nil, "Swap of %s from version %q: %v", excerpt([]byte(data)), old, err)
	r.add(err != nil || version != "", "Swap returns the zero Version")
	return version
}

// holds checks what is in force.
func (r *report) holds(s keyset.Store, what, data string, version keyset.Version) {
	is := look(s, "")
	r.add(is.is([]byte(data), version), "%s: Load returns %v, and not %s as version %q", what, is, excerpt([]byte(data)), version)
}
