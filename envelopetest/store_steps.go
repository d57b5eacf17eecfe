package envelopetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/sealwax/sealwax/keyset"
)

var stepPromises = []promise[keyset.Store]{
	{"Steps", "If somebody has, all of it is done again", stepsAtOnce},
	{"StepUnanswered", "After an error of the store other than [ErrConflict], nobody knows whether the step was stored. Step then reads the store again: it succeeds if the step is there", stepUnanswered},
	{"StepStale", "stores what the ring has become, if nobody else has stored anything meanwhile", stepStale},
}

// A between store lets something happen between a caller and the store.
type betweenStore struct {
	keyset.Store
	load func(ctx context.Context, known keyset.Version) ([]byte, keyset.Version, error)
	swap func(ctx context.Context, old keyset.Version, data []byte) (keyset.Version, error)
}

func (b betweenStore) Load(ctx context.Context, known keyset.Version) ([]byte, keyset.Version, error) {
	if b.load != nil {
		return b.load(ctx, known)
	}
	return b.Store.Load(ctx, known)
}

func (b betweenStore) Swap(ctx context.Context, old keyset.Version, data []byte) (keyset.Version, error) {
	if b.swap != nil {
		return b.swap(ctx, old, data)
	}
	return b.Store.Swap(ctx, old, data)
}

const operators = 64

// A mark is what the step of an operator leaves, in the evidence of one of the keys.
func mark(operator int) string { return fmt.Sprintf(" %02d", operator) }

func markedKey(operator int) keyset.ID { return keyset.ID(fmt.Sprintf("key-%02d", operator%16)) }

// begins stores a manifest with sixteen keys.
func (r *report) begins(s keyset.Store) {
	m := &keyset.Manifest{Version: 1, Revision: 1, Format: keyset.JOSE, Private: true}
	for n := range 16 {
		m.Keys = append(m.Keys, keyset.ManifestKey{ID: markedKey(n), Use: keyset.Signing.String(), State: keyset.Active,
			Source: fmt.Sprint("test:", n), Evidence: "marks:"})
	}
	ctx, cancel := soon()
	defer cancel()
	err := keyset.Create(ctx, s, m)
	r.add(err == nil, "Create: %v", err)
}

// errMarked is the error of a step that is made twice.
var errMarked = errors.New("the step has been made before")

// step makes the step of an operator, and says how often it was tried.
func step(s keyset.Store, operator int) (tried int, err error) {
	ctx, cancel := context.WithTimeout(bg, 4*patience)
	defer cancel()
	err = keyset.Step(ctx, s, func(ring *keyset.Ring) error {
		tried++
		k, ok := ring.Load().Lookup(markedKey(operator))
		if !ok {
			return keyset.ErrNotFound
		}
		if strings.Contains(k.Evidence, mark(operator)) {
			return errMarked
		}
		return ring.Acknowledge(k.ID(), k.Evidence+mark(operator))
	})
	return tried, err
}

// steps makes a step that must not fail.
func (r *report) steps(s keyset.Store, what string, operator int) (tried int) {
	tried, err := step(s, operator)
	r.add(err == nil, "Step, %s: %v", what, err)
	return tried
}

// stepped checks that the first operators have left their marks, each by one step.
func (r *report) stepped(s keyset.Store, first int) {
	is := look(s, "")
	m, err := keyset.ReadManifest(bytes.NewReader(is.data))
	if r.add(err == nil, "after the steps: %v", err); err != nil {
		return
	}
	r.add(m.Revision == uint64(1+first), "after %d steps the revision is %d", first, m.Revision)
	for operator := range operators {
		n := 0
		for _, k := range m.Keys {
			n += strings.Count(k.Evidence, mark(operator))
		}
		r.add(n == 1 || operator >= first, "of the step of operator %d there are %d marks", operator, n)
	}
}

// stepsAtOnce lets 64 operators make a step each.
func stepsAtOnce(s keyset.Store) []string {
	var r report
	r.begins(s)
	note := r.shared()
	handles := []keyset.Store{s, again(s)}
	var all sync.WaitGroup
	for operator := range operators {
		all.Go(func() {
			tried, err := step(handles[operator%2], operator)
			note(err == nil, "Step among %d, after %d tries: %v", operators, tried, err)
		})
	}
	all.Wait()
	r.stepped(s, operators)
	return r
}

// stepUnanswered loses the answer of a Swap: after it was stored, and before.
func stepUnanswered(s keyset.Store) []string {
	var r report
	r.begins(s)
	lost := errors.New("no answer")
	after := betweenStore{Store: s, swap: func(ctx context.Context, old keyset.Version, data []byte) (keyset.Version, error) {
		_, err := s.Swap(ctx, old, data)
		return "", errors.Join(lost, err)
	}}
	tried := r.steps(after, "stored, and the answer is lost", 0)
	r.add(tried == 1, "stored, and the answer is lost: the step ran %d times", tried)
	r.stepped(s, 1)

	first := true
	before := betweenStore{Store: s, swap: func(ctx context.Context, old keyset.Version, data []byte) (keyset.Version, error) {
		if first {
			first = false
			return "", lost
		}
		return s.Swap(ctx, old, data)
	}}
	r.steps(before, "not stored, and the answer is lost", 1)
	r.stepped(s, 2)

	// Stored, the answer is lost, and somebody else goes on before Step can look.
	first = true
	overtaken := betweenStore{Store: s, swap: func(ctx context.Context, old keyset.Version, data []byte) (keyset.Version, error) {
		version, err := s.Swap(ctx, old, data)
		if first {
			first = false
			r.steps(again(s), "in between", 3)
			return "", errors.Join(lost, err)
		}
		return version, err
	}}
	_, err := step(overtaken, 2)
	r.add(err == nil || errors.Is(err, lost), "Step that was stored, and overtaken: %v", err)
	r.stepped(s, 4)
	return r
}

// stepStale gives Step what was in force some time ago.
func stepStale(s keyset.Store) []string {
	var r report
	r.begins(s)
	old := look(s, "")
	r.steps(again(s), "by somebody else", 0)
	late := 3
	stale := betweenStore{Store: s, load: func(ctx context.Context, known keyset.Version) ([]byte, keyset.Version, error) {
		if late > 0 {
			late--
			return bytes.Clone(old.data), old.version, nil
		}
		return s.Load(ctx, known)
	}}
	tried := r.steps(stale, "with what was in force before", 1)
	r.add(tried == 4, "with what was in force before, three times: the step ran %d times", tried)
	r.stepped(s, 2)
	return r
}
