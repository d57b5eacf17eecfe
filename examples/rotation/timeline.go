package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
)

// A timeline prints what happens, and when.
type timeline struct {
	mu    sync.Mutex
	w     io.Writer
	start time.Time
}

// step prints the name of a step, and what it is good for.
func (t *timeline) step(name, why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.w, "\n%8.3fs  %s: %s\n", time.Since(t.start).Seconds(), strings.ToUpper(name), why)
}

func (t *timeline) say(line string, a ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.w, "%8.3fs    %s\n", time.Since(t.start).Seconds(), fmt.Sprintf(line, a...))
}

// An account is what the envelopes of both parties did, as their observers saw
// it, since it was last cleared.
type account struct {
	mu       sync.Mutex
	labels   map[keyset.ID]string
	opened   map[*party]map[string]int // how often with which keys
	rejected map[*party]string         // why, the last time
}

func newAccount() *account {
	a := &account{labels: map[keyset.ID]string{}}
	a.clear()
	return a
}

func (a *account) clear() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.opened, a.rejected = map[*party]map[string]int{}, map[*party]string{}
}

// name says what a key is called from now on.
func (a *account) name(m keyset.Material) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.labels[m.Info().ID] = label(m)
}

func (a *account) label(id keyset.ID) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.labels[id]
}

// observer counts what p opens. A program would count in its metrics, and log
// with envelope.LogTo.
func (a *account) observer(p *party) envelope.Observer {
	return func(_ context.Context, e envelope.Event) {
		if e.Op != "open" {
			return
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		if rejection, ok := errors.AsType[*envelope.OpenError](e.Err); ok {
			a.rejected[p] = string(rejection.Reason)
		}
		if e.Err != nil {
			return
		}
		var signers []string
		decrypter := ""
		for _, use := range e.Keys {
			if use.Own {
				decrypter = a.labels[use.ID]
			} else {
				signers = append(signers, a.labels[use.ID])
			}
		}
		slices.Sort(signers)
		if a.opened[p] == nil {
			a.opened[p] = map[string]int{}
		}
		a.opened[p]["signed by "+strings.Join(signers, " and ")+", decrypted by "+decrypter]++
	}
}

// keys returns with which keys p has opened messages, and how many.
func (a *account) keys(p *party) (with string, messages int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, n := range a.opened[p] {
		messages += n
	}
	return strings.Join(slices.Sorted(maps.Keys(a.opened[p])), ", or "), messages
}

// rejection returns why p last rejected a message.
func (a *account) rejection(p *party) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.rejected[p]
}
