package exchange

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
)

// A Call is one Seal or Open: the sets as they were when it began, and the
// account of what was done. It is used by one goroutine.
type Call struct {
	Own, Peer *keyset.Set
	AlsoTo    []*keyset.Set
	At        time.Time // when the call began, by the clock of the envelope

	x      *Exchange
	ctx    context.Context
	waived []envelope.Waiver
	sealed []sealedWith
	size   int64

	privateWork, verifyingWork Cost
	remoteOps                  int

	also       [][32]byte // what the message is remembered by beside its signatures
	remembered bool
}

type sealedWith struct {
	source keyset.Source
	use    envelope.KeyUse
}

// Context returns the context of the call.
func (c *Call) Context() context.Context { return c.ctx }

// MaxAge returns how old a signature may be; zero for any age.
func (c *Call) MaxAge() time.Duration { return c.x.c.MaxAge }

// Skew returns how far the clock of the partner may differ from ours.
func (c *Call) Skew() time.Duration { return c.x.c.Skew }

// Waive reports whether the waiver of that name is in force, and enters it
// into the account. Ask only when the message would be rejected otherwise.
func (c *Call) Waive(name string) bool {
	for _, w := range c.waived {
		if w.Name() == name {
			return true
		}
	}
	for _, w := range c.x.c.Waive {
		if w.Name() == name {
			c.waived = append(c.waived, w)
			return true
		}
	}
	return false
}

// WaiveFor is Waive for a waiver that names the keys that it is for.
func (c *Call) WaiveFor(name string, key keyset.ID) bool {
	for _, w := range c.x.c.Waive {
		if w.Name() == name && slices.Contains(w.Keys(), key) {
			return c.Waive(name)
		}
	}
	return false
}

func (x *Exchange) begin(ctx context.Context) (*Call, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	c := &Call{x: x, ctx: ctx}
	return c, c.Reload()
}

// Reload loads the sets and the time once more, for a call that takes long
// enough for keys to be revoked meanwhile.
func (c *Call) Reload() error {
	x := c.x
	c.At = x.c.Now()
	var err error
	if c.Own, err = load(x.c.Own, x.c.Format, true, "Own"); err != nil {
		return err
	}
	if c.Peer, err = load(x.c.Peer, x.c.Format, false, "Peer"); err != nil {
		return err
	}
	c.AlsoTo = nil
	for i, s := range x.c.AlsoTo {
		set, err := load(s, x.c.Format, false, fmt.Sprintf("AlsoTo[%d]", i))
		if err != nil {
			return err
		}
		c.AlsoTo = append(c.AlsoTo, set)
	}
	return nil
}

// loaded returns an error that wraps the given one if a source holds no keys yet. An
// empty ring is a fault of ours, and says nothing about a message.
func (c *Call) loaded(problem error) error {
	for i, s := range append([]*keyset.Set{c.Own, c.Peer}, c.AlsoTo...) {
		if s.Format() != "" {
			continue
		}
		name := fmt.Sprintf("AlsoTo[%d]", i-2)
		if i < 2 {
			name = [...]string{"Own", "Peer"}[i]
		}
		return fmt.Errorf("%w: %s holds no keys: its ring has read no manifest yet", problem, name)
	}
	return nil
}

// Sized enters the size of the sealed message, in bytes, into the account of a
// call that streams: it did not know the size when it began, and returns nothing.
func (c *Call) Sized(n int64) { c.size = n }
