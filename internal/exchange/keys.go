package exchange

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
)

// Use returns the account of one use of a key.
func Use(k keyset.Key, own bool, use keyset.Use, algorithm string) envelope.KeyUse {
	return envelope.KeyUse{ID: k.ID(), Own: own, Use: use, State: k.State, Algorithm: algorithm}
}

// SealingOwn returns the keys of ours that sign, the most preferred first, or
// an error that wraps [envelope.ErrNoKey].
func (c *Call) SealingOwn() ([]keyset.Key, error) {
	return sealing(c.Own, c, keyset.Signing, "no active, valid key of ours signs")
}

// SealingPeer returns the keys of the partner to encrypt to, the most
// preferred first, or an error that wraps [envelope.ErrNoKey].
func (c *Call) SealingPeer() ([]keyset.Key, error) {
	return sealing(c.Peer, c, keyset.Encryption, "no active, valid key of the partner to encrypt to")
}

// SealingAlso returns the keys of one further recipient.
func (c *Call) SealingAlso(i int) ([]keyset.Key, error) {
	return sealing(c.AlsoTo[i], c, keyset.Encryption, fmt.Sprintf("no active, valid key of AlsoTo[%d] to encrypt to", i))
}

func sealing(s *keyset.Set, c *Call, use keyset.Use, problem string) ([]keyset.Key, error) {
	keys := slices.Collect(s.Sealing(c.At))
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: %s among %s", envelope.ErrNoKey, problem, roster(s, use, c.At))
	}
	return keys, nil
}

// roster lists the keys of a set, and why each does not seal.
func roster(s *keyset.Set, use keyset.Use, at time.Time) string {
	var all []string
	for k := range s.All() {
		all = append(all, fmt.Sprintf("%s (%s)", k.ID(), whyNot(k, use, at)))
	}
	if len(all) == 0 {
		return "no keys at all"
	}
	return strings.Join(all, ", ")
}

func whyNot(k keyset.Key, use keyset.Use, at time.Time) string {
	from, to := k.Bounds()
	switch {
	case k.State != keyset.Active:
		return k.State.String()
	case at.Before(from):
		return "active, but not valid before " + stamp(from)
	case !to.IsZero() && at.After(to):
		why := "active, but ended on " + stamp(to)
		if i := k.Material.Info(); i.EndsWith != "" && to.Equal(i.NotAfter) {
			why += ", with " + i.EndsWith
		}
		return why
	}
	return fmt.Sprintf("active, but not for %v", use)
}

// SealedOwn enters a key of ours that signed into the account of a Seal.
func (c *Call) SealedOwn(u envelope.KeyUse) {
	c.sealed = append(c.sealed, sealedWith{c.x.c.Own, u})
}

// SealedPeer enters a key of the partner that was encrypted to.
func (c *Call) SealedPeer(u envelope.KeyUse) {
	c.sealed = append(c.sealed, sealedWith{c.x.c.Peer, u})
}

// SealedAlso enters a key of a further recipient.
func (c *Call) SealedAlso(i int, u envelope.KeyUse) {
	c.sealed = append(c.sealed, sealedWith{c.x.c.AlsoTo[i], u})
}

// IsOwn reports whether the ID is that of a key of ours, in whatever state. A
// signature by such a key is our own message come back.
func (c *Call) IsOwn(id keyset.ID) bool {
	_, ok := c.Own.Lookup(id)
	return ok
}

func (c *Call) recent() keyset.ID {
	if p := c.x.recent.Load(); p != nil {
		return keyset.ID(*p)
	}
	return ""
}

// OpenedLast reports whether the component is the one that opened last, so that it
// is worth trying before others.
func (c *Call) OpenedLast(component keyset.ID) bool { return component == c.recent() }

var errWork = errors.New("the message asks for more work than a message is worth")

// A Cost says what an operation costs: 1 is the operation of RSA-4096 that uses the same half
// of the key, or less. Zero counts as 1.
type Cost int

// PrivateOp is asked before each private-key operation of an Open, and
// returns an error once the message has had its share. The last operation may exceed it.
func (c *Call) PrivateOp(cost Cost) error {
	return spend(&c.privateWork, MaxPrivateWork, cost, "private-key operations")
}

// Verification is asked before each verification of an Open.
func (c *Call) Verification(cost Cost) error {
	return spend(&c.verifyingWork, MaxVerifyingWork, cost, "verifications")
}

func spend(spent *Cost, limit, cost Cost, on string) error {
	if *spent >= limit {
		return envelope.Reject(envelope.TooLarge, fmt.Errorf("%w: %s that cost as much as %d of RSA-4096", errWork, on, limit))
	}
	*spent += max(1, cost)
	return nil
}

// RemoteOp reports whether one more remote key may be asked to open the message.
func (c *Call) RemoteOp() bool {
	c.remoteOps++
	return c.remoteOps <= MaxRemoteOps
}
