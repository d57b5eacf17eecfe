package envelopetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
)

// NewPair returns two parties whose envelopes are fakes that follow the states of
// the keys in their rings, for tests of what a program does while keys rotate:
// they seal with active keys, open with those that are not revoked, record every
// use, and reject as a real envelope does. Each party has two keys, one Active
// and one Pending, for signing and encryption, named after the party: "a-1" and
// "a-2", "b-1" and "b-2". The keys do nothing; they are good for rings alone.
func NewPair(t testing.TB) (a, b Party) {
	onlyInTests(t, "NewPair")
	t.Helper()
	var own [2]*keyset.Set
	for i, name := range []string{"a", "b"} {
		s, err := keyset.New(1,
			keyset.Key{Material: newFakeKey(name + "-1"), State: keyset.Active},
			keyset.Key{Material: newFakeKey(name + "-2"), State: keyset.Pending})
		if err != nil {
			t.Fatalf("envelopetest: %v", err)
		}
		own[i] = s
	}
	party := func(i int) Party {
		p := Party{Own: keyset.NewRing(own[i]), Peer: keyset.NewRing(own[1-i].Public())}
		p.Envelope = &Fake{test: t, own: p.Own, peer: p.Peer}
		return p
	}
	return party(0), party(1)
}

// A fakeKey is material without a key.
type fakeKey struct{ info keyset.Info }

func newFakeKey(name string) *fakeKey {
	return &fakeKey{keyset.Info{ID: keyset.ID(name), Name: name, Format: "fake", Private: true, Use: keyset.Signing | keyset.Encryption, Algorithm: "none"}}
}

func (k *fakeKey) Info() keyset.Info { return k.info }

func (k *fakeKey) Public() keyset.Material {
	public := k.info
	public.Private = false
	return &fakeKey{public}
}

func (k *fakeKey) SelfTest(context.Context) error {
	if !k.info.Private {
		return errors.ErrUnsupported
	}
	return nil
}

func keyUse(k keyset.Key, own bool, use keyset.Use) envelope.KeyUse {
	return envelope.KeyUse{ID: k.ID(), Own: own, Use: use, State: k.State, Algorithm: "none"}
}

// sealWithRings seals with every active key of the rings. f.mu is held.
func (f *Fake) sealWithRings(payload []byte) ([]byte, error) {
	now := time.Now()
	by, to, err := f.sealing(now)
	if err != nil {
		return nil, err
	}
	m := envelope.Message{Payload: payload, SealedAs: "fake"}
	var ids []keyset.ID
	for _, k := range by {
		u := keyUse(k, false, keyset.Signing)
		u.Time = now.UTC()
		m.Signers = append(m.Signers, u)
		f.own.RecordSealed(k.ID(), now)
	}
	for _, k := range to {
		ids = append(ids, k.ID())
		f.peer.RecordSealed(k.ID(), now)
	}
	f.payloads = append(f.payloads, string(payload))
	return f.write(wire{To: ids}, m), nil
}

// sealing are the keys with which a fake with rings seals.
func (f *Fake) sealing(now time.Time) (by, to []keyset.Key, err error) {
	by, to = slices.Collect(f.own.Load().Sealing(now)), slices.Collect(f.peer.Load().Sealing(now))
	if len(by) == 0 || len(to) == 0 {
		return nil, nil, fmt.Errorf("envelopetest: %w", envelope.ErrNoKey)
	}
	return by, to, nil
}

// Ready implements [envelope.Readier]. It fails where Seal would, whatever the reason.
func (f *Fake) Ready(ctx context.Context) ([]envelope.KeyUse, error) {
	f.check()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := errors.Join(f.fail, f.failSeal); err != nil {
		return nil, err
	}
	if f.own == nil {
		return []envelope.KeyUse{f.key(true, keyset.Signing), f.key(false, keyset.Encryption)}, nil
	}
	by, to, err := f.sealing(time.Now())
	var uses []envelope.KeyUse
	for _, k := range by {
		uses = append(uses, keyUse(k, true, keyset.Signing))
	}
	for _, k := range to {
		uses = append(uses, keyUse(k, false, keyset.Encryption))
	}
	return uses, err
}

// judge decides what a message for these keys comes to, by the rings of f.
func (f *Fake) judge(m *envelope.Message, to []keyset.ID) error {
	if len(to) == 0 {
		return nil // the test made it, and says what it opens to
	}
	own, peer := f.own.Load(), f.peer.Load()
	revoked, opens := false, false
	for _, id := range to {
		k, ok := own.Lookup(id)
		revoked = revoked || ok && k.State == keyset.Revoked
		if ok && k.State != keyset.Revoked && !opens {
			m.Decrypter, opens = keyUse(k, true, keyset.Encryption), true
		}
	}
	switch {
	case revoked && !opens:
		return envelope.Reject(envelope.RevokedRecipient, nil, to...)
	case !opens:
		return envelope.Reject(envelope.NotForUs, nil, to...)
	}
	signed := m.Signers
	m.Signers, m.Addressed = nil, to
	reason := envelope.UnknownSigner
	var ids []keyset.ID
	for _, u := range signed {
		ids = append(ids, u.ID)
		k, ok := peer.Lookup(u.ID)
		if _, ours := own.Lookup(u.ID); ours && !ok {
			reason = envelope.Misdirected
		}
		switch {
		case !ok:
			m.Unknown = append(m.Unknown, u.ID)
			continue
		case k.State == keyset.Revoked:
			reason = envelope.RevokedSigner
		}
		judged := keyUse(k, false, keyset.Signing)
		judged.Time, judged.Digest = u.Time, u.Digest
		if k.State == keyset.Revoked {
			m.Ignored = append(m.Ignored, judged)
		} else {
			m.Signers = append(m.Signers, judged)
		}
	}
	if len(m.Signers) == 0 {
		return envelope.Reject(reason, nil, ids...)
	}
	return nil
}

// record counts a message that is accepted.
func (f *Fake) record(m *envelope.Message, to []keyset.ID) {
	if f.own == nil || len(to) == 0 {
		return
	}
	now := time.Now()
	f.own.RecordOpened(m.Decrypter.ID, now)
	for _, u := range m.Signers {
		f.peer.RecordOpened(u.ID, now)
	}
}
