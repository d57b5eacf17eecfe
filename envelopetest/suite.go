package envelopetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
)

// A Party is one side of a conversation under test.
type Party struct {
	Envelope envelope.Envelope
	Own      *keyset.Ring // its private keys
	Peer     *keyset.Ring // the public keys of the other party
}

// TestEnvelope runs subtests for every promise of [envelope.Envelope], and of
// [envelope.Readier] and [envelope.Streamer] if the envelopes implement them: round trips, each row of
// the state table of package keyset, the rejections that every format has,
// uniform errors, replacement of keys under load, cancellation. A failure quotes
// the promise.
//
// newPair is called for each subtest and returns two parties that trust each
// other, with two keys each for each role: one Active, one Pending.
func TestEnvelope(t *testing.T, newPair func(t *testing.T) (a, b Party)) {
	hold(t, promises, func(t *testing.T) parties {
		a, b := newPair(t)
		return parties{a, b}
	})
}

// The parties trust each other.
type parties struct{ a, b Party }

// between is a check of two parties.
func between(check func(a, b Party) []string) func(parties) []string {
	return func(p parties) []string { return check(p.a, p.b) }
}

var promises = []promise[parties]{
	{"RoundTrip", "Seal returns payload, signed and encrypted. Open returns the message in sealed.", between(roundTrip)},
	{"Ownership", "They do not retain payload or sealed, and do not modify them.", between(ownership)},
	{"ContentType", "ContentType returns the media type of what Seal returns.", between(contentType)},
	{"States", "Seal uses the active keys, Open accepts every key that is not revoked.", between(stateTable)},
	{"NoKey", "It returns an error wrapping ErrNoKey if there are none.", between(noKey)},
	{"Rejections", "It returns an *OpenError if the message is at fault. The returned Message is nil unless the error is nil.", between(rejections)},
	{"Uniform", "Every OpenError has the same text.", between(uniform)},
	{"Reflection", "A signature by a key of our own never counts.", between(reflection)},
	{"Cancellation", "It returns any other error if we are at fault: a context that is done.", between(cancellation)},
	{"Usage", "RecordSealed and RecordOpened count one successful use of a key.", between(usage)},
	{"Concurrency", "Implementations are safe for concurrent use; a replacement of keys never takes effect in the middle of a message.", between(concurrency)},
	{"Ready", "Ready returns the keys with which Seal would sign and encrypt now, or the error that it would return. It is no use of a key.", between(ready)},
	{"Streaming", "SealTo and OpenTo do what Seal and Open do; nothing reaches dst that was not decrypted, intact, and signed.", between(streaming)},
}

var bg = context.Background()

func roundTrip(a, b Party) []string {
	var r report
	for _, payload := range [][]byte{nil, {}, {0}, []byte("{}"), bytes.Repeat([]byte("0123456789abcde\n"), 5000), {0xff, 0xfe, 0}} {
		for _, way := range [][2]Party{{a, b}, {b, a}} {
			sealed, err := way[0].Envelope.Seal(bg, payload)
			if r.add(err == nil, "Seal of %d bytes: %v", len(payload), err); err != nil {
				continue
			}
			r.add(len(payload) < 4 || !bytes.Contains(sealed, payload), "the payload can be read in the message")
			m, err := way[1].Envelope.Open(bg, sealed)
			if r.add(err == nil, "Open of %d bytes: %v", len(payload), reason(err)); err != nil {
				continue
			}
			r.add(bytes.Equal(m.Payload, payload), "another payload of %d bytes", len(m.Payload))
			r.add(len(m.Signers) > 0, "no signers")
			r.add(m.Decrypter.ID != "" && m.Decrypter.Own, "no decrypter of ours: %v", m.Decrypter)
			_, known := way[1].Own.Load().Lookup(m.Decrypter.ID)
			r.add(known, "the decrypter is none of our keys")
			for _, u := range m.Signers {
				k, ok := way[1].Peer.Load().Lookup(u.ID)
				r.add(ok && !u.Own && u.State == k.State, "the signer is none of the partner's keys: %v", u)
				r.add(m.SignedBy(u.ID), "SignedBy denies a signer")
			}
			r.add(m.SealedAs == way[0].Own.Load().Format(), "SealedAs is %q", m.SealedAs)
			r.add(!m.Opened.IsZero(), "no time of opening")
		}
	}
	one, err1 := a.Envelope.Seal(bg, []byte("same"))
	two, err2 := a.Envelope.Seal(bg, []byte("same"))
	r.add(err1 == nil && err2 == nil && !bytes.Equal(one, two), "one payload makes one message")
	return r
}

func ownership(a, b Party) []string {
	var r report
	payload := []byte("the payload of the caller")
	before := bytes.Clone(payload)
	sealed, err := a.Envelope.Seal(bg, payload)
	if r.add(err == nil, "Seal: %v", err); err != nil {
		return r
	}
	r.add(bytes.Equal(before, payload), "Seal wrote to the payload")
	copied := bytes.Clone(sealed)
	m, err := b.Envelope.Open(bg, sealed)
	if r.add(err == nil, "Open: %v", reason(err)); err != nil {
		return r
	}
	r.add(bytes.Equal(copied, sealed), "Open wrote to the message")
	clear(sealed)
	clear(payload)
	r.add(bytes.Equal(m.Payload, before), "the payload shares memory with the message")
	_, err = b.Envelope.Open(bg, copied)
	r.add(err == nil, "what was sealed shares memory with the payload: %v", reason(err))
	return r
}

func contentType(a, b Party) []string {
	var r report
	r.add(a.Envelope.ContentType() != "" && a.Envelope.ContentType() == b.Envelope.ContentType(),
		"content types %q and %q", a.Envelope.ContentType(), b.Envelope.ContentType())
	return r
}

// keys returns the IDs of the keys of a ring in a state.
func keys(ring *keyset.Ring, state keyset.State) (ids []keyset.ID) {
	for k := range ring.Load().All() {
		if k.State == state {
			ids = append(ids, k.ID())
		}
	}
	return ids
}

// stateTable sends each way while the keys of one ring of the receiver, which
// the sender uses, go through every state.
func stateTable(a, b Party) []string {
	var r report
	message, err := a.Envelope.Seal(bg, []byte("{}"))
	if r.add(err == nil, "Seal: %v", err); err != nil {
		return r
	}
	opens := func(what string) {
		_, err := b.Envelope.Open(bg, message)
		r.add(err == nil, "%s: %v", what, reason(err))
	}
	opens("active")
	// The pending keys take over, and the active ones retire: the message that
	// is under way still opens.
	for _, ring := range []*keyset.Ring{b.Own, b.Peer} {
		old, next := keys(ring, keyset.Active), keys(ring, keyset.Pending)
		r.add(len(old) > 0 && len(next) > 0, "newPair gave no active or no pending key")
		for _, id := range next {
			_ = ring.Acknowledge(id, "test")
			r.add(ring.Promote(id) == nil, "Promote")
		}
		for _, id := range old {
			r.add(ring.Retire(id) == nil, "Retire")
		}
	}
	opens("retiring")
	// What is sealed by a pending key that the sender promotes opens at once.
	for _, ring := range []*keyset.Ring{a.Own, a.Peer} {
		for _, id := range keys(ring, keyset.Pending) {
			_ = ring.Acknowledge(id, "test")
			r.add(ring.Promote(id) == nil, "Promote")
		}
	}
	next, err := a.Envelope.Seal(bg, []byte("next"))
	r.add(err == nil, "Seal: %v", err)
	_, err = b.Envelope.Open(bg, next)
	r.add(err == nil, "sealed with the next keys: %v", reason(err))

	// Revoked, they open nothing, on either side.
	for _, id := range keys(b.Peer, keyset.Retiring) {
		_ = b.Peer.Revoke(id)
	}
	r.rejects(b, message, "signed by a revoked key", envelope.RevokedSigner)
	for _, id := range keys(b.Own, keyset.Retiring) {
		_ = b.Own.Revoke(id)
	}
	r.rejects(b, message, "to a revoked key", envelope.RevokedRecipient)
	return r
}

func noKey(a, _ Party) []string {
	var r report
	for _, id := range keys(a.Peer, keyset.Active) {
		_ = a.Peer.Revoke(id)
	}
	sealed, err := a.Envelope.Seal(bg, []byte("{}"))
	r.add(sealed == nil && errors.Is(err, envelope.ErrNoKey), "no active key of the partner: %v", err)
	r.add(!errors.Is(err, envelope.ErrRejected), "ErrNoKey is a rejection")
	return r
}

func cancellation(a, b Party) []string {
	var r report
	sealed, err := a.Envelope.Seal(bg, []byte("{}"))
	r.add(err == nil, "Seal: %v", err)
	cause := errors.New("the caller has gone")
	ctx, cancel := context.WithCancelCause(bg)
	cancel(cause)
	out, err := a.Envelope.Seal(ctx, []byte("{}"))
	r.add(out == nil && (errors.Is(err, context.Canceled) || errors.Is(err, cause)), "Seal: %v", err)
	m, err := b.Envelope.Open(ctx, sealed)
	r.add(m == nil && (errors.Is(err, context.Canceled) || errors.Is(err, cause)), "Open: %v", err)
	r.add(!errors.Is(err, envelope.ErrRejected), "a context that is done is a rejection")
	return r
}

func usage(a, b Party) []string {
	var r report
	total := func(ring *keyset.Ring) (sealed, opened uint64) {
		for k := range ring.Load().All() {
			u, _ := ring.Usage(k.ID())
			sealed, opened = sealed+u.Sealed, opened+u.Opened
		}
		return sealed, opened
	}
	sealed, err := a.Envelope.Seal(bg, []byte("{}"))
	r.add(err == nil, "Seal: %v", err)
	for name, ring := range map[string]*keyset.Ring{"own": a.Own, "peer": a.Peer} {
		s, o := total(ring)
		r.add(s == 1 && o == 0, "after Seal the %s ring counts %d sealed, %d opened", name, s, o)
	}
	_, err = b.Envelope.Open(bg, sealed)
	r.add(err == nil, "Open: %v", reason(err))
	_, err = b.Envelope.Open(bg, sealed[:len(sealed)/2])
	r.add(err != nil, "half a message opens")
	for name, ring := range map[string]*keyset.Ring{"own": b.Own, "peer": b.Peer} {
		s, o := total(ring)
		r.add(s == 0 && o == 1, "after Open the %s ring counts %d sealed, %d opened", name, s, o)
	}
	return r
}

// concurrency seals and opens while both sides promote and retire.
func concurrency(a, b Party) []string {
	var r report
	note := r.shared()
	var rotating []*keyset.Ring
	for _, ring := range []*keyset.Ring{a.Own, a.Peer, b.Own, b.Peer} {
		for _, id := range keys(ring, keyset.Pending) {
			_ = ring.Acknowledge(id, "test")
			note(ring.Promote(id) == nil, "Promote")
		}
		rotating = append(rotating, ring)
	}
	stop := make(chan struct{})
	var rotators, workers sync.WaitGroup
	for _, ring := range rotating {
		rotators.Go(func() {
			for {
				for _, id := range keys(ring, keyset.Active) {
					select {
					case <-stop:
						return
					default:
					}
					if ring.Retire(id) == nil {
						_ = ring.Promote(id)
					}
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	for w := range 8 {
		workers.Go(func() {
			from, to := a, b
			if w%2 == 1 {
				from, to = b, a
			}
			for n := range 10 {
				payload := fmt.Appendf(nil, "worker %d message %d", w, n)
				sealed, err := from.Envelope.Seal(bg, payload)
				if err != nil {
					note(false, "Seal while keys rotate: %v", err)
					return
				}
				m, err := to.Envelope.Open(bg, sealed)
				if err != nil {
					note(false, "Open while keys rotate: %v", reason(err))
					return
				}
				note(bytes.Equal(m.Payload, payload), "another payload")
			}
		})
	}
	workers.Wait()
	close(stop)
	rotators.Wait()
	return r
}

func ready(a, b Party) []string {
	var r report
	from, ok := a.Envelope.(envelope.Readier)
	if !ok {
		return nil
	}
	uses, err := from.Ready(bg)
	if r.add(err == nil, "Ready: %v", err); err != nil {
		return r
	}
	for name, ring := range map[string]*keyset.Ring{"own": a.Own, "peer": a.Peer} {
		for k := range ring.Load().All() {
			u, _ := ring.Usage(k.ID())
			r.add(u.Sealed == 0, "Ready is counted as a use of %s key %s", name, k.ID())
		}
	}
	sealed, err := from.Seal(bg, []byte("{}"))
	r.add(err == nil, "Seal: %v", err)
	m, err := b.Envelope.Open(bg, sealed)
	if r.add(err == nil, "Open: %v", reason(err)); err != nil {
		return r
	}
	encrypts := 0
	for _, u := range uses {
		switch u.Use {
		case keyset.Signing:
			r.add(u.Own && m.SignedBy(u.ID), "Ready names %s, which has not signed", u.ID)
		case keyset.Encryption:
			encrypts++
			usage, known := a.Peer.Usage(u.ID)
			r.add(!u.Own && known && usage.Sealed == 1, "Ready names %s, to which nothing was encrypted", u.ID)
		}
	}
	r.add(encrypts > 0 && len(uses)-encrypts >= len(m.Signers), "Ready names %v, and %d keys have signed", uses, len(m.Signers))
	for _, id := range keys(a.Peer, keyset.Active) {
		_ = a.Peer.Revoke(id)
	}
	uses, err = from.Ready(bg)
	r.add(uses == nil && errors.Is(err, envelope.ErrNoKey), "Ready without an active key of the partner: %v", err)
	return r
}

func streaming(a, b Party) []string {
	var r report
	from, ok := a.Envelope.(envelope.Streamer)
	to, ok2 := b.Envelope.(envelope.Streamer)
	if !ok || !ok2 {
		return nil
	}
	payload := bytes.Repeat([]byte("0123456789abcdef"), 20_000)
	var sealed, out bytes.Buffer
	err := from.SealTo(bg, &sealed, bytes.NewReader(payload))
	if r.add(err == nil, "SealTo: %v", err); err != nil {
		return r
	}
	m, err := to.Open(bg, sealed.Bytes())
	r.add(err == nil && bytes.Equal(m.Payload, payload), "Open of what SealTo made: %v", reason(err))
	whole, err := from.Seal(bg, payload)
	r.add(err == nil, "Seal: %v", err)
	m, err = to.OpenTo(bg, &out, bytes.NewReader(whole))
	r.add(err == nil && bytes.Equal(out.Bytes(), payload), "OpenTo of what Seal made: %v", reason(err))
	if m != nil {
		r.add(m.Payload == nil && len(m.Signers) > 0, "the Message of OpenTo: %v", m)
	}
	for i := 1; i < 10; i++ {
		tampered := bytes.Clone(whole)
		tampered[i*len(whole)/10] ^= 0x01
		out.Reset()
		m, err = to.OpenTo(bg, &out, bytes.NewReader(tampered))
		r.add(err == nil && bytes.Equal(out.Bytes(), payload) || err != nil && m == nil && out.Len() == 0,
			"byte %d changed: %d bytes reached dst, error %v", i*len(whole)/10, out.Len(), reason(err))
	}
	out.Reset()
	_, err = to.OpenTo(bg, &out, bytes.NewReader(whole[:len(whole)-10]))
	r.add(errors.Is(err, envelope.ErrRejected) && out.Len() == 0, "a message without its end: %d bytes reached dst, error %v", out.Len(), err)
	return r
}
