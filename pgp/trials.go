package pgp

import (
	"runtime"
	"slices"
	"sync"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/internal/openpgp/cert"
	"github.com/sealwax/sealwax/keyset"
)

// A trial is a key of ours that may decrypt a session key packet.
type trial struct {
	session *cert.SessionPacket
	id      keyset.ID // of the key
	part    *cert.Component
}

// An unwrapped is a candidate, and the trial that it comes from.
type unwrapped struct {
	trial
	sk       cert.SessionKey
	conforms bool
	err      error
}

// nextGroups takes the trials of the next packet off the list or, of packets
// that only one local key may open, up to width at once.
func nextGroups(trials []trial, width int) (groups [][]trial, rest []trial) {
	for len(trials) != 0 && len(groups) < width {
		n := 1
		for n < len(trials) && trials[n].session == trials[0].session && trials[n].remote() == trials[0].remote() {
			n++
		}
		alone := n > 1 || trials[0].remote()
		if alone && len(groups) != 0 {
			break
		}
		groups, trials = append(groups, trials[:n]), trials[n:]
		if alone {
			break
		}
	}
	return groups, trials
}

// unwrapGroups unwraps the session keys of several packets in parallel.
func unwrapGroups(c *exchange.Call, groups [][]trial) []unwrapped {
	out := make([]unwrapped, len(groups))
	if len(groups) == 1 {
		u := &out[0]
		u.trial, u.sk, u.conforms, u.err = unwrapFirst(c, groups[0])
		return out
	}
	var wg sync.WaitGroup
	for i, g := range groups {
		u := &out[i]
		u.trial = g[0]
		if u.err = c.PrivateOp(); u.err == nil {
			wg.Go(func() { u.sk, u.conforms, u.err = u.session.Unwrap(c.Context(), u.part) })
		}
	}
	wg.Wait()
	return out
}

// unwrapFirst unwraps one session key with the first of its trials for which
// that succeeds. The first is tried alone if it is named or opened last; others in
// parallel, because nothing tells them apart. If none succeeds, it returns a
// random session key with the first of them.
func unwrapFirst(c *exchange.Call, group []trial) (trial, cert.SessionKey, bool, error) {
	first := group[0]
	alone := len(group) == 1 || first.session.Names(first.part) || c.OpenedLast(first.part.ID)
	if first.remote() || alone {
		if err := c.PrivateOp(); err != nil {
			return trial{}, cert.SessionKey{}, false, err
		}
	}
	if first.remote() {
		return unwrapRemotes(c, group)
	}
	rest, substitute := group, cert.SessionKey{}
	if alone {
		sk, ok, err := first.session.Unwrap(c.Context(), first.part)
		if ok || err != nil || len(group) == 1 {
			return first, sk, ok, err
		}
		rest, substitute = group[1:], sk
	}
	keys, oks := make([]cert.SessionKey, len(rest)), make([]bool, len(rest))
	width := runtime.GOMAXPROCS(0)
	for at := 0; at < len(rest); at += width {
		batch := rest[at:min(at+width, len(rest))]
		var wg sync.WaitGroup
		for i, t := range batch {
			if err := c.PrivateOp(); err != nil {
				wg.Wait()
				return trial{}, cert.SessionKey{}, false, err
			}
			wg.Go(func() { keys[at+i], oks[at+i], _ = t.session.Unwrap(c.Context(), t.part) })
		}
		wg.Wait()
		for i, t := range batch {
			if oks[at+i] {
				return t, keys[at+i], true, nil
			}
		}
	}
	if !alone {
		substitute = keys[0]
	}
	return first, substitute, false, nil
}

// unwrapRemotes is unwrapFirst for remote keys, one after another: each costs a
// call of a service. The first has been counted as a private-key operation.
func unwrapRemotes(c *exchange.Call, group []trial) (trial, cert.SessionKey, bool, error) {
	var outage error
	sk := cert.RandomSessionKey(group[0].session.Version)
	for i, t := range group {
		if !c.RemoteOp() {
			break
		}
		if i > 0 {
			if err := c.PrivateOp(); err != nil {
				return trial{}, cert.SessionKey{}, false, err
			}
		}
		candidate, ok, err := t.session.Unwrap(c.Context(), t.part)
		if ok {
			return t, candidate, true, nil
		}
		if err != nil {
			outage = err
		}
	}
	return group[0], sk, false, outage
}

// remote reports whether the key of a trial is elsewhere.
func (t trial) remote() bool { return t.part.Remote != nil }

// revokedMaterial is what the components of revoked keys are, under every name.
func revokedMaterial(s *keyset.Set) map[string]bool {
	var revoked map[string]bool
	for k := range s.All() {
		if key, ok := k.Material.(*Key); ok && k.State == keyset.Revoked {
			if revoked == nil {
				revoked = map[string]bool{}
			}
			for _, p := range key.lax {
				revoked[p.Material] = true
			}
		}
	}
	return revoked
}

// trials lists what to try, in order, the trials of one packet together.
func (e *Envelope) trials(c *exchange.Call, o *outer) ([]trial, error) {
	revoked := revokedMaterial(c.Own)
	var all []trial
	var refused error
	for _, s := range o.sessions {
		if s.Version != o.sessionVersion() {
			continue
		}
		if s.Hidden() {
			all = slices.Grow(all, keyset.MaxKeys)
		}
		for k := range c.Own.Opening() {
			key, ok := k.Material.(*Key)
			if !ok {
				continue
			}
			// Validity is not asked: a message under way still opens. SHA-1
			// in self-signatures of our own key harms nobody here.
			for _, p := range key.lax {
				if !p.HasPrivate() || !p.Encrypt || revoked[p.Material] || !s.Fits(p) {
					continue
				}
				if err := allowed(p, keyset.Encryption, key.info.ID, c); err != nil {
					refused = envelope.Reject(envelope.Forbidden, err, key.info.ID)
					continue
				}
				all = append(all, trial{s, key.info.ID, p})
			}
		}
	}
	if len(all) == 0 && refused != nil {
		return nil, refused
	}
	exchange.Order(c, all,
		func(t trial) keyset.ID { return t.part.ID },
		func(t trial) bool { return t.session.Names(t.part) })
	// The order of packets: authenticated ones first, then by their best key;
	// remote keys that the message does not name after all others.
	type group struct {
		session *cert.SessionPacket
		last    bool
	}
	of := func(t trial) group { return group{t.session, t.remote() && !t.session.Names(t.part)} }
	place := map[group]int{}
	for i, t := range all {
		if _, ok := place[of(t)]; !ok {
			place[of(t)] = i
			if t.session.IsRSA() {
				place[of(t)] += len(all)
			}
			if of(t).last {
				place[of(t)] += 2 * len(all)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b trial) int { return place[of(a)] - place[of(b)] })
	return all, nil
}
