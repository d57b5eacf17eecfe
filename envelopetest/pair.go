package envelopetest

import (
	"context"
	"errors"
	"fmt"
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
	m := envelope.Message{Payload: payload, SealedAs: "fake"}
	var to []keyset.ID
	for k := range f.own.Load().Sealing(now) {
		u := keyUse(k, false, keyset.Signing)
		u.Time = now.UTC()
		m.Signers = append(m.Signers, u)
	}
	for k := range f.peer.Load().Sealing(now) {
		to = append(to, k.ID())
	}
	if len(m.Signers) == 0 || len(to) == 0 {
		return nil, fmt.Errorf("envelopetest: %w", envelope.ErrNoKey)
	}
	for _, u := range m.Signers {
		f.own.RecordSealed(u.ID, now)
	}
	for _, id := range to {
		f.peer.RecordSealed(id, now)
	}
	f.payloads = append(f.payloads, string(payload))
	return f.write(wire{To: to}, m), nil
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
