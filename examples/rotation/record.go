package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
)

// A capture is a message that was accepted when it was made.
type capture struct {
	what     string
	from, to *party

	recipients []keyset.ID // keys of to that it may be encrypted to
	sealed     []byte
	after      envelope.Reason // why it is to be rejected
}

// capture keeps a message that only the old key signed, and one that only the
// old key decrypts. Both are good in every other way, then and later.
func (s *story) capture(ctx context.Context, r *rotation) error {
	for _, p := range r.places() {
		if !p.seals(r.old) {
			continue
		}
		e, err := s.probe(p, r.old)
		if err != nil {
			return err
		}
		c := &capture{what: "signed by ", from: p.party, to: r.partner, after: r.after}
		if !p.own {
			c.what, c.to, c.after = "encrypted to ", r.owner, r.afterDecrypt
		}
		c.what += s.account.label(r.old)
		for k := range c.to.own.Load().All() {
			if k.State == keyset.Active && k.Material.Info().Use&keyset.Encryption != 0 {
				c.recipients = append(c.recipients, k.ID())
			}
		}
		err = s.traffic.count(p.party, func(number uint64) error {
			var err error
			if c.sealed, err = p.party.request(ctx, e, number); err != nil {
				return err
			}
			return p.party.send(ctx, e, c.sealed, number)
		})
		if err != nil {
			return err
		}
		s.captured = append(s.captured, c)
		s.say("somebody records a message from %s, %s alone", p.party.name, c.what)
	}
	return nil
}

// replay sends what was recorded once more. All of it must be rejected, for the reason that
// what happened to its key gives.
func (s *story) replay(ctx context.Context, captured []*capture) error {
	var errs []error
	for _, c := range captured {
		reason, err := s.rejected(ctx, c)
		if err == nil && reason != c.after {
			err = fmt.Errorf("%s rejected the message %s as %s, want %s", c.to.name, c.what, reason, c.after)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s.say("%s rejects the message %s: %s", c.to.name, c.what, reason)
	}
	return errors.Join(errs...)
}

// again replays everything at the end. The reason of each message is the same as before,
// except where the key that opened it was revoked meanwhile: then nothing is decrypted, so that
// nobody sees any more who signed it.
func (s *story) again(ctx context.Context) error {
	var errs []error
	for _, c := range s.captured {
		reason, err := s.rejected(ctx, c)
		gone := c.revoked()
		switch {
		case err != nil:
			errs = append(errs, err)
		case reason == c.after:
			s.say("%s rejects the message %s: %s, as before", c.to.name, c.what, reason)
		case reason == envelope.RevokedRecipient && gone != "":
			s.say("%s rejects the message %s: %s before; now %s, for %s, which opened it then, is revoked",
				c.to.name, c.what, c.after, reason, s.account.label(gone))
		default:
			errs = append(errs, fmt.Errorf("%s rejected the message %s as %s, want %s", c.to.name, c.what, reason, c.after))
		}
	}
	return errors.Join(errs...)
}

// revoked returns a key that the message is encrypted to and that is revoked by now.
func (c *capture) revoked() keyset.ID {
	for _, id := range c.recipients {
		if k, ok := c.to.own.Load().Lookup(id); ok && k.State == keyset.Revoked {
			return id
		}
	}
	return ""
}

// rejected sends a message, and returns why it is rejected.
func (s *story) rejected(ctx context.Context, c *capture) (envelope.Reason, error) {
	status, body, err := c.from.post(ctx, c.sealed, c.from.asClient.ContentType())
	if err != nil {
		return "", err
	}
	if status != http.StatusBadRequest || strings.TrimSpace(string(body)) != envelope.ErrRejected.Error() {
		return "", fmt.Errorf("%s still accepts the message %s: status %d", c.to.name, c.what, status)
	}
	return envelope.Reason(s.account.rejection(c.to)), nil
}
