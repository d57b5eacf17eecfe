package jwe

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/keyset"
)

// A candidate is a key that may be the right one.
type candidate struct {
	entry keyset.Key
	key   *Key
}

func (c candidate) id() keyset.ID { return c.key.info.ID }

func (h *header) namesOf(c candidate) bool { return h.names(c.entry) }

// candidates returns those of the entries that are keys of this package and
// pass the test.
func candidates(entries func(func(keyset.Key) bool), pass func(*Key) bool) []candidate {
	var out []candidate
	for entry := range entries {
		if k, ok := entry.Material.(*Key); ok && pass(k) {
			out = append(out, candidate{entry, k})
		}
	}
	return out
}

// A trial is a key of ours that may unwrap the content key of a recipient.
type trial struct {
	candidate
	to *recipient
}

func (t trial) named() bool { return t.to.header.names(t.entry) }

// fits reports whether a key of ours may open the way to the content.
func (e *Envelope) fits(k *Key, r *recipient) bool {
	return r.fits(k) && e.waived.permits(k, r.header.alg)
}

// trials lists what to try, in order: keys that the message names, the one that
// opened last, the others; remote keys that it does not name after all local
// ones.
func (e *Envelope) trials(c *exchange.Call, ways []*recipient) []trial {
	var all []trial
	for _, r := range ways {
		for _, k := range candidates(c.Own.Opening(), func(k *Key) bool { return e.fits(k, r) }) {
			all = append(all, trial{k, r})
		}
	}
	exchange.Order(c, all, trial.id, trial.named)
	far := func(t trial) int {
		if t.key.remote() != nil && !t.named() {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(all, func(a, b trial) int { return far(a) - far(b) })
	return all
}

// decrypt finds the key and returns the content, which may lie in body. Whatever
// goes wrong looks the same from outside; the reasons are for the operator.
//
// Unwrapping is apart from the content, which is decrypted once: RSA-OAEP and AES
// key wrap show by themselves whether a key is the right one. ECDH-ES without a
// wrapped key does not, and costs one pass over the content for each key that
// fits. For RSA1_5, see [Envelope.decryptRSA15].
func (e *Envelope) decrypt(c *exchange.Call, m *envelope.Message, t *sealedToken, ways []*recipient, body []byte) ([]byte, error) {
	a := &attempt{c: c, t: t, body: body}
	all := e.trials(c, ways)
	var by *trial
	var content []byte
	var err error
	if ways[0].header.alg == RSA1_5 {
		by, content, err = e.decryptRSA15(a, all)
	} else {
		by, content, err = a.decrypt(all)
	}
	switch {
	case err != nil:
		return nil, err
	case by != nil:
		_ = permitted(c, by.key) // which enters the waiver
		m.Decrypter = exchange.Use(by.entry, true, keyset.Encryption, string(by.to.header.alg))
		m.Addressed = addressed(c, t, by.id())
		return content, nil
	case a.outage != nil:
		return nil, a.outage
	}
	return nil, e.undecrypted(a, ways, all)
}

// An attempt is the account of the search for one key.
type attempt struct {
	c      *exchange.Call
	t      *sealedToken
	body   []byte
	tried  []keyset.ID
	outage error // of a remote key; another key may open the message all the same
}

// may reports whether the budget of the message has room for the trial. An error
// is its end.
func (a *attempt) may(t trial) (bool, error) {
	if t.key.remote() != nil && !a.c.RemoteOp() {
		return false, nil
	}
	if err := a.c.PrivateOp(); err != nil {
		return false, err
	}
	if !slices.Contains(a.tried, t.id()) {
		a.tried = append(a.tried, t.id())
	}
	return true, nil
}

// An unwrapped is what a trial came to.
type unwrapped struct {
	trial
	cek []byte // the content encryption key
	ok  bool
	err error
}

// decrypt tries the first key alone if it is named or opened last, and others as
// many at once as there are cores: nothing tells them apart.
func (a *attempt) decrypt(all []trial) (*trial, []byte, error) {
	width := runtime.GOMAXPROCS(0)
	if len(all) != 0 && (all[0].named() || a.c.OpenedLast(all[0].id())) {
		width = 1
	}
	for ; len(all) != 0; width = runtime.GOMAXPROCS(0) {
		batch, rest, ended := a.next(all, width)
		a.unwrap(batch)
		for i, u := range batch {
			if u.err != nil {
				a.outage = u.err
			}
			if !u.ok {
				continue
			}
			direct := u.to.header.alg == ECDHES
			content, err := a.t.open(u.cek, a.body, !direct || len(rest) == 0 && i == len(batch)-1)
			if err == nil {
				return &u.trial, content, nil
			}
			if !direct {
				return nil, nil, envelope.Reject(envelope.Corrupt, errors.New("the key decrypts, the content does not"), u.id())
			}
		}
		if ended != nil {
			return nil, nil, cmp.Or(a.outage, ended)
		}
		all = rest
	}
	return nil, nil, nil
}

// next takes trials off the list: a remote key alone, or up to width local ones.
// An error is the end of what the message is worth.
func (a *attempt) next(all []trial, width int) (batch []unwrapped, rest []trial, ended error) {
	for len(all) != 0 && len(batch) < width {
		t := all[0]
		far := t.key.remote() != nil
		if far && len(batch) != 0 {
			break
		}
		ok, err := a.may(t)
		if err != nil {
			return batch, all, err
		}
		all = all[1:]
		if ok {
			batch = append(batch, unwrapped{trial: t})
		}
		if far {
			break
		}
	}
	return batch, all, nil
}

// unwrap unwraps the content key with each of the trials at once.
func (a *attempt) unwrap(batch []unwrapped) {
	one := func(u *unwrapped) {
		u.cek, u.ok, u.err = u.to.unwrap(a.c.Context(), u.key, a.t.header.enc)
	}
	if len(batch) == 1 {
		one(&batch[0])
		return
	}
	var wg sync.WaitGroup
	for i := range batch {
		wg.Go(func() { one(&batch[i]) })
	}
	wg.Wait()
}

// undecrypted says why no key of ours opened the message, as far as can be
// told without using a revoked one.
func (e *Envelope) undecrypted(a *attempt, ways []*recipient, all []trial) error {
	t := a.t
	for _, k := range all {
		if alg := k.to.header.alg; (alg == ECDHES || alg == RSA1_5) && k.named() {
			return envelope.Reject(envelope.Corrupt, errors.New("the content does not decrypt under the key that the message names"), k.id())
		}
	}
	var named, fitting []keyset.ID
	for entry := range a.c.Own.All() {
		info := entry.Material.Info()
		if entry.State != keyset.Revoked || info.Use&keyset.Encryption == 0 {
			continue
		}
		k, whole := entry.Material.(*Key)
		switch {
		case t.names(entry):
			named = append(named, info.ID)
		case !whole || slices.ContainsFunc(ways, func(r *recipient) bool { return e.fits(k, r) }): // of a tombstone nobody knows what fits
			fitting = append(fitting, info.ID)
		}
	}
	switch {
	case len(named) > 0:
		return envelope.Reject(envelope.RevokedRecipient, errors.New("the message names a revoked key"), named...)
	case len(all) == 0 && len(fitting) > 0:
		return envelope.Reject(envelope.RevokedRecipient, errors.New("only revoked keys fit the message"), fitting...)
	case len(all) == 0:
		return envelope.Reject(envelope.NotForUs, fmt.Errorf("no key of ours fits %s and the size or curve of the message%s", ways[0].header.alg, unpermitted(a.c, ways[0])), addressed(a.c, t, "")...)
	}
	tried := a.tried
	for _, id := range addressed(a.c, t, "") {
		if !slices.Contains(tried, id) {
			tried = append(tried, id)
		}
	}
	return envelope.Reject(envelope.NotForUs, errors.New("decrypts under no key of ours"), tried...)
}

// addressed returns what the message names: our ID where we know the key. The
// one that opened it goes before others of the same name.
func addressed(c *exchange.Call, t *sealedToken, opener keyset.ID) []keyset.ID {
	var out []keyset.ID
	for _, r := range t.recipients {
		h := r.header
		if h.kid == "" {
			continue
		}
		id := keyset.ID(cut(h.kid))
		known := false
		for entry := range c.Own.All() {
			if h.names(entry) && (!known || entry.ID() == opener) {
				id, known = entry.ID(), true
			}
		}
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}
