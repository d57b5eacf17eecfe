package keyset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A Publication is a set of a partner's keys that was fetched: a JWK Set, a keyring.
// Fetching and reading it is the caller's affair, and so is the trust in the place: who
// can write there decides which keys are accepted.
type Publication[K Material] struct {
	Keys []K // what could be read, in the order of the set

	// PassedOver says of the entries that could not be read which they are and why. One
	// of them may be a key that seems to have vanished.
	PassedOver []string

	// Write writes the public half of a key as the opener reads it:
	// (*jwe.Key).WritePublicJWK, (*pgp.Key).WriteCertificate.
	Write func(K, io.Writer) error
}

// A PublicationPolicy says what follows from a [Publication]. The zero value admits keys
// as pending, and leaves every other step to a person.
type PublicationPolicy struct {
	// Confirmed are keys of which a person has compared the ID with the partner. They
	// enter where others wait.
	Confirmed []ID

	// PublishedFor, if it is not zero, is how long a pending key must have been here to
	// be promoted. If it would seal, the keys that sealed before it must also be
	// published no longer: that is taken as evidence, and said in [Key.Evidence]. With
	// zero the evidence is an echo; see [Ring.Probe]. A day is longer than caches live.
	PublishedFor time.Duration

	// RetireVanished retires active keys that are published no longer, where another
	// one seals.
	RetireVanished bool
}

// A PublicationOutcome says what came of a [Publication]. It can be logged, and stored
// as JSON. The first four lists are what changed; the others hold for as long as they
// are repeated.
type PublicationOutcome struct {
	Added     []ID `json:"added,omitempty"`     // pending from now on
	Refreshed []ID `json:"refreshed,omitempty"` // a newer copy of a key that came by publication
	Promoted  []ID `json:"promoted,omitempty"`
	Retired   []ID `json:"retired,omitempty"`

	Vanished   []ID      `json:"vanished,omitempty"`    // used here, and published no longer
	Revoked    []ID      `json:"revoked,omitempty"`     // revoked here, which it stays, and published all the same
	Refused    []Refusal `json:"refused,omitempty"`     // what was not done, and why
	PassedOver []string  `json:"passed_over,omitempty"` // the entries that could not be read
}

// Changed reports whether the ring is another one than before, so that its manifest is
// to be written.
func (o PublicationOutcome) Changed() bool {
	return len(o.Added)+len(o.Refreshed)+len(o.Promoted)+len(o.Retired) != 0
}

// String returns the outcome as text, one line for each key.
func (o PublicationOutcome) String() string {
	var b strings.Builder
	if !o.Changed() {
		b.WriteString("published keys: nothing changes")
	} else {
		b.WriteString("published keys:")
	}
	for _, l := range []struct {
		ids  []ID
		what string
	}{{o.Added, "added as pending"}, {o.Refreshed, "refreshed"}, {o.Promoted, "promoted"}, {o.Retired, "retired"},
		{o.Vanished, "published no longer"}, {o.Revoked, "revoked here, and published all the same"}} {
		for _, id := range l.ids {
			fmt.Fprintf(&b, "\n%s: %s", l.what, id)
		}
	}
	for _, r := range o.Refused {
		fmt.Fprintf(&b, "\nrefused: %v", r)
	}
	for _, text := range o.PassedOver {
		fmt.Fprintf(&b, "\npassed over: %s", text)
	}
	return b.String()
}

// Bounds on what is published.
const (
	maxPublished        = 256     // keys of one set
	maxPublishedKey     = 1 << 16 // bytes of one key
	maxPublishedPending = 4       // keys that are pending by publication alone
)

// TakePublished brings the ring of a partner's keys up to what the partner publishes.
// Everything goes through the steps of the ring, and so through the table of rules. Call
// it with a ring that was opened from a manifest, and write the manifest if the outcome
// has changed something:
//
//   - A key that is not known enters as pending: what it signs is accepted, and nothing
//     is encrypted to it. Its public half is its source, so that a restart needs no
//     network; see [OpenPublished], which open must know.
//   - At most four keys are pending in this way. If the set has none of the keys that are
//     known here, no key of it enters. A key that does not enter waits for a person: it
//     is refused with [ErrUnconfirmed], and what it signs is rejected as by an unknown
//     signer.
//   - A key that is no longer published is reported. It is retired if the policy says so.
//     It is neither removed nor revoked for being absent.
//   - A key that came by publication is refreshed by a newer copy. For any other key, a
//     copy that differs from ours is refused with [ErrOtherCopy], for a person to look at.
//   - A key that is revoked stays so, and is reported.
//
// If a key was removed here and is still published, it enters again: to keep it out,
// revoke it.
//
// The error says that nothing was done: the ring holds private keys, or the set has no
// key that could be read ([ErrNothingPublished]) or more than 256.
func TakePublished[K Material](ctx context.Context, r *Ring, p Publication[K], open Opener, policy PublicationPolicy) (PublicationOutcome, error) {
	t := &taking{ctx: ctx, ring: r, open: open, policy: policy, there: map[ID]bool{}}
	for _, text := range p.PassedOver {
		if len(t.out.PassedOver) < maxPublished { // a stranger's text, perhaps
			t.out.PassedOver = append(t.out.PassedOver, fmt.Sprintf("%.512s", text))
		}
	}
	s := r.Load()
	switch {
	case open == nil || p.Write == nil:
		return t.out, errors.New("keyset: published keys need an opener, and a function that writes them")
	case policy.PublishedFor < 0:
		return t.out, fmt.Errorf("keyset: published keys: a policy of %v", policy.PublishedFor)
	case s.private:
		return t.out, errors.New("keyset: the ring holds private keys, and a partner publishes its own")
	case len(p.Keys) == 0:
		return t.out, fmt.Errorf("%w: %d entries were passed over", ErrNothingPublished, len(p.PassedOver))
	case len(p.Keys) > maxPublished:
		return t.out, fmt.Errorf("keyset: %d published keys, at most %d", len(p.Keys), maxPublished)
	}
	for _, id := range policy.Confirmed {
		t.confirmed = append(t.confirmed, normal(s.format, id))
	}
	t.write = func(m Material, w io.Writer) error {
		k, ok := m.(K)
		if !ok {
			return fmt.Errorf("it is a %T", m)
		}
		return p.Write(k, w)
	}
	var keys []Material
	for n, k := range p.Keys {
		if isNil(k) {
			return t.out, fmt.Errorf("keyset: published key number %d is nil", n+1)
		}
		if id := k.Info().ID; !t.there[id] {
			t.there[id] = true
			keys = append(keys, k)
		}
		old, err := s.entry(k.Info().ID)
		t.known = t.known || err == nil && old.State != Revoked
	}
	for _, k := range keys {
		if err := t.take(k); err != nil {
			t.out.Refused = append(t.out.Refused, Refusal{k.Info().ID, err})
		}
	}
	for _, e := range s.keys {
		if e.State != Revoked && !t.there[e.info.ID] {
			t.out.Vanished = append(t.out.Vanished, e.info.ID)
		}
	}
	// An entry that was passed over may be the key that seems to be gone.
	if t.known && len(p.PassedOver) == 0 {
		t.promote(keys)
		t.retire()
	}
	return t.out, nil
}

// A taking is one call of TakePublished.
type taking struct {
	ctx       context.Context
	ring      *Ring
	open      Opener
	write     func(Material, io.Writer) error
	policy    PublicationPolicy
	confirmed []ID
	there     map[ID]bool // what is published
	known     bool        // a key of the ring is among them
	out       PublicationOutcome
}

// take admits or refreshes one key.
func (t *taking) take(k Material) error {
	i := k.Info()
	if i.Private {
		return fmt.Errorf("keyset: key %s: its private half is published: tell the partner, and trust nothing that it signs", i.ID)
	}
	old, err := t.ring.Load().entry(i.ID)
	if err != nil {
		if err := t.admissible(i.ID); err != nil {
			return err
		}
		m, source, err := t.admitted(k)
		if err == nil {
			err = t.ring.Add(t.ctx, m, source)
		}
		if err == nil {
			t.out.Added = append(t.out.Added, i.ID)
		}
		return err
	}
	if old.State == Revoked {
		t.out.Revoked = append(t.out.Revoked, i.ID)
		return nil
	}
	merged, err := refreshed(old, k)
	switch {
	case err != nil:
		return err
	case sameCopy(old, merged.Material):
		return nil
	case !byPublication(old):
		return fmt.Errorf("%w: key %s: another copy of it is published than that of %s; refresh it, if that is meant", ErrOtherCopy, i.ID, shown(old.Source))
	}
	m, source, err := t.admitted(merged.Material)
	if err == nil {
		err = t.ring.Refresh(t.ctx, m, source)
	}
	if err == nil {
		t.out.Refreshed = append(t.out.Refreshed, i.ID)
	}
	return err
}

// admissible returns nil if an unknown key may enter, and else that it waits.
func (t *taking) admissible(id ID) error {
	pending := 0
	for _, e := range t.ring.Load().keys {
		if e.State == Pending && byPublication(e) {
			pending++
		}
	}
	why := ""
	switch {
	case slices.Contains(t.confirmed, id):
		return nil
	case !t.known:
		why = "no key that is known is published beside it"
	case pending >= maxPublishedPending:
		why = fmt.Sprintf("%d keys are pending already because they were published", pending)
	default:
		return nil
	}
	return fmt.Errorf("%w: key %s: %s; messages that it signs are rejected as unknown_signer until a person has compared its ID with the partner, and confirms it", ErrUnconfirmed, id, why)
}

// admitted returns the key as a restart will open it, and its source.
func (t *taking) admitted(k Material) (Material, string, error) {
	i := k.Info()
	var b bytes.Buffer
	if err := t.write(k, &b); err != nil {
		return nil, "", fmt.Errorf("keyset: key %s: %w", i.ID, err)
	}
	if b.Len() > maxPublishedKey {
		return nil, "", fmt.Errorf("keyset: key %s has %d bytes, at most %d can stand in a manifest", i.ID, b.Len(), maxPublishedKey)
	}
	s, err := New(1, Key{Material: k, State: Pending, Source: publishedSource(b.Bytes())})
	if err != nil {
		return nil, "", err
	}
	m := s.Manifest()
	opened, err := m.open(t.ctx, m.Keys[0], t.open)
	return opened, m.Keys[0].Source, err
}

// sameCopy reports whether m is the copy that e holds.
func sameCopy(e *entry, m Material) bool {
	i := m.Info()
	if d, ok := e.Material.(Digester); ok {
		n, ok := m.(Digester)
		return ok && d.Digest() == n.Digest() && (i.Name == e.info.Name || i.Name == "")
	}
	return i == *e.info
}

// promote promotes the pending keys that the policy takes as proven, so that the first
// one that is published is the most preferred.
func (t *taking) promote(keys []Material) {
	if t.policy.PublishedFor == 0 {
		return
	}
	now := clock()
	for _, k := range slices.Backward(keys) {
		s := t.ring.Load()
		e, err := s.entry(k.Info().ID)
		if err != nil || e.State != Pending || !byPublication(e) || now.Sub(e.Since) < t.policy.PublishedFor {
			continue
		}
		if e.info.Seals() && e.Evidence == "" {
			gone, ok := t.sealedBefore(s)
			if !ok {
				continue
			}
			err = t.ring.Acknowledge(e.info.ID, fmt.Sprintf("published since %s, and no longer key %s, at %s", stamp(e.Since), strings.Join(gone, ", "), stamp(now)))
		}
		if err == nil {
			err = t.ring.Promote(e.info.ID)
		}
		if err != nil {
			t.out.Refused = append(t.out.Refused, Refusal{e.info.ID, err})
			continue
		}
		t.out.Promoted = append(t.out.Promoted, e.info.ID)
	}
}

// sealedBefore returns the keys that sealed, or were to, before this call, and whether
// there are any and none of them is published.
func (t *taking) sealedBefore(s *Set) (ids []string, gone bool) {
	for _, e := range s.keys {
		sealed := e.info.Seals() || e.State == Revoked && e.info.Use == 0 // of which the manifest does not say it
		if e.State == Pending || !sealed || slices.Contains(t.out.Promoted, e.info.ID) {
			continue
		}
		if t.there[e.info.ID] {
			return nil, false
		}
		ids = append(ids, string(e.info.ID))
	}
	return ids, len(ids) != 0
}

// retire retires what has vanished, as far as the rules and the policy allow.
func (t *taking) retire() {
	if !t.policy.RetireVanished {
		return
	}
	for _, id := range t.out.Vanished {
		if e, err := t.ring.Load().entry(id); err != nil || e.State != Active {
			continue
		}
		if err := t.ring.Retire(id); err != nil {
			t.out.Refused = append(t.out.Refused, Refusal{id, err})
			continue
		}
		t.out.Retired = append(t.out.Retired, id)
	}
}
