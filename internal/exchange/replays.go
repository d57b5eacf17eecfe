package exchange

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/remote"
	"github.com/sealwax/sealwax/keyset"
)

func (x *Exchange) checkReplays() error {
	switch {
	case x.c.Replays == nil && x.c.Forgetful != "" && x.Waived(x.c.Forgetful):
		return errors.New("InsecureForgetfulStart without Replays: nothing is remembered")
	case x.c.Replays == nil:
		return nil
	case isNil(x.c.Replays):
		return fmt.Errorf("%s is a nil %T", "Replays", x.c.Replays)
	case x.c.MaxAge == 0:
		return errors.New("no MaxAge beside Replays: every message would have to be remembered for ever")
	case x.c.Unsigned != "" && x.Waived(x.c.Unsigned):
		return fmt.Errorf("%s beside Replays: a message without a signature has nothing to be remembered by", x.c.Unsigned)
	}
	return nil
}

// Admit has the last word on a message of which everything else holds: whoever writes a
// payload calls it before the first byte, and otherwise Open does. It returns a rejection if
// the message is worth less than is demanded, or was accepted before, and an error of ours if
// that is not known. It asks the memory once.
func (c *Call) Admit(m *envelope.Message) error {
	if err := c.judgeWorth(m); err != nil {
		return err
	}
	return c.remember(m)
}

// remember enters a message into the memory of those that were accepted.
func (c *Call) remember(m *envelope.Message) error {
	if c.x.c.Replays == nil || c.remembered {
		return nil
	}
	s, keys, err := sighting(m, c.x.c.MaxAge+c.Skew())
	if err != nil {
		return err
	}
	s.Digests = append(s.Digests, c.also...)
	err = Remember(c.ctx, c.x.c.Replays, s, keys...)
	if errors.Is(err, envelope.ErrForgotten) && c.Waive(c.x.c.Forgetful) {
		s.Made = time.Time{}
		err = Remember(c.ctx, c.x.c.Replays, s, keys...)
	}
	c.remembered = err == nil
	return err
}

// RememberBy has the message remembered by bytes that are signed as well. It is for what
// no other message has, such as a ciphertext: of several signatures around it, whoever
// carries it can send one today and another tomorrow.
func (c *Call) RememberBy(signed []byte) {
	if c.x.c.Replays != nil {
		c.also = append(c.also, Digest("", signed))
	}
}

// Remember asks a memory, and tells what it says as Open does: a message that is not
// fresh is rejected, and every error is an outage of ours.
func Remember(ctx context.Context, memory envelope.Replays, s envelope.Sighting, keys ...keyset.ID) error {
	var fresh bool
	err := remote.Guarded("the memory", func() (err error) {
		fresh, err = memory.Remember(ctx, s)
		return err
	})
	switch {
	case err != nil:
		return remote.Unavailable(ctx, "replays", err)
	case !fresh:
		return envelope.Reject(envelope.Replayed, errors.New("a signature of the message counted before"), keys...)
	}
	return nil
}

// sighting says what is to be remembered of a message: the digests of all signatures
// that count, the earliest of their dates, and, after the latest, the window. A message
// is accepted until it is MaxAge old, and a clock may be behind by Skew, be it that of
// another process of ours. Where a message is signed in two layers, only those inside
// have a date that is judged, and outside a signature can be made again.
func sighting(m *envelope.Message, window time.Duration) (s envelope.Sighting, keys []keyset.ID, err error) {
	dated := envelope.Outer
	for _, u := range m.Signers {
		dated = min(dated, u.Layer)
	}
	for _, u := range m.Signers {
		if u.Digest == [32]byte{} {
			return s, nil, fmt.Errorf("the signature by %s counts and has no digest", u.ID)
		}
		s.Digests = append(s.Digests, u.Digest)
		keys = append(keys, u.ID)
		if u.Layer != dated {
			continue
		}
		if u.Time.IsZero() {
			return s, nil, fmt.Errorf("the signature by %s counts and has no date", u.ID)
		}
		if s.Made.IsZero() || u.Time.Before(s.Made) {
			s.Made = u.Time
		}
		if until := u.Time.Add(window); until.After(s.Until) {
			s.Until = until
		}
	}
	if len(s.Digests) == 0 {
		return s, nil, errors.New("a message without a signature cannot be remembered")
	}
	return s, keys, nil
}
