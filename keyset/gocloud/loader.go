package gocloud

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"gocloud.dev/runtimevar"

	"github.com/sealwax/sealwax/keyset"
)

// Loader returns the reading half of a store: the manifest that v holds. v must decode
// with [runtimevar.BytesDecoder] or [runtimevar.StringDecoder], and nobody else may call
// its Watch. The caller closes v when nobody loads any more. The version is a digest of
// the content. A Loader is safe for concurrent use: any number of followers share it.
//
// How soon a change is seen is an option of the driver, WaitDuration, which is thirty
// seconds in most of them: a revocation waits for so long. An error of the service is
// returned for as long as v has no newer value.
func Loader(v *runtimevar.Variable) keyset.Loader {
	return &loader{v: v, turn: make(chan struct{}, 1), changed: make(chan struct{})}
}

type loader struct {
	v    *runtimevar.Variable
	turn chan struct{} // held by who calls Watch: only one may

	mu      sync.Mutex
	last    state
	changed chan struct{} // closed when last changes
}

// A state is what Watch has returned. The zero state is that of none yet.
type state struct {
	data    []byte
	version keyset.Version
	err     error
}

// answers reports whether the state answers a Load.
func (s state) answers(known keyset.Version) bool {
	return s.err != nil || s.version != "" && s.version != known
}

func (s state) result() ([]byte, keyset.Version, error) { return bytes.Clone(s.data), s.version, s.err }

// glance is how long Watch has to return what has changed already.
const glance = 10 * time.Millisecond

func (l *loader) Load(ctx context.Context, known keyset.Version) ([]byte, keyset.Version, error) {
	for {
		last, changed := l.current()
		if last.answers(known) {
			select {
			case l.turn <- struct{}{}:
			default:
				return last.result() // somebody watches, so that it is the newest
			}
		} else {
			select {
			case l.turn <- struct{}{}:
			case <-changed:
				continue
			case <-ctx.Done():
				return nil, "", fmt.Errorf("gocloud: %w", context.Cause(ctx))
			}
		}
		last, err := l.watch(ctx, known)
		<-l.turn
		if err != nil {
			return nil, "", err
		}
		if last.answers(known) {
			return last.result()
		}
	}
}

func (l *loader) current() (state, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last, l.changed
}

// watch waits for another state, but only for a glance if there is one that answers.
func (l *loader) watch(ctx context.Context, known keyset.Version) (state, error) {
	last, _ := l.current()
	wait, cancel := context.WithCancel(ctx)
	if last.answers(known) {
		wait, cancel = context.WithTimeout(ctx, glance)
	}
	defer cancel()
	snapshot, err := l.v.Watch(wait)
	switch {
	case ctx.Err() != nil && err != nil:
		return state{}, fmt.Errorf("gocloud: %w", context.Cause(ctx))
	case wait.Err() != nil && errors.Is(err, wait.Err()):
		return last, nil
	case err != nil:
		return l.set(state{err: explain(ctx, wait, "variable", err)}), nil
	}
	var data []byte
	switch value := snapshot.Value.(type) {
	case []byte:
		data = bytes.Clone(value)
	case string:
		data = []byte(value)
	default:
		return l.set(state{err: fmt.Errorf("gocloud: variable: its value is %T: open it with runtimevar.BytesDecoder", value)}), nil
	}
	sum := sha256.Sum256(data)
	return l.set(state{data: data, version: keyset.Version(hex.EncodeToString(sum[:]))}), nil
}

func (l *loader) set(s state) state {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = s
	close(l.changed)
	l.changed = make(chan struct{})
	return s
}
