package jwe

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/keyset"
)

// A trial is a key of ours that may unwrap the content key of a recipient.
type trial struct {
	entry keyset.Key
	key   *Key
	to    *recipient
}

func (t trial) KeyID() keyset.ID     { return t.key.info.ID }
func (t trial) Component() keyset.ID { return t.key.info.ID }
func (t trial) Named() bool          { return t.to.header.names(t.entry) }
func (t trial) Remote() bool         { return t.key.remote() != nil }
func (t trial) Cost() exchange.Cost  { return 1 } // RSA keys have 4096 bits at most

// fits reports whether a key of ours may open the way to the content.
func (e *Envelope) fits(k *Key, r *recipient) bool {
	return r.fits(k) && e.waived.permits(k, r.header.alg)
}

// trials lists what to try, in order.
func (e *Envelope) trials(c *exchange.Call, ways []*recipient) []trial {
	var all []trial
	for _, r := range ways {
		for entry := range c.Own.Opening() {
			if k, ok := entry.Material.(*Key); ok && e.fits(k, r) {
				all = append(all, trial{entry, k, r})
			}
		}
	}
	exchange.Sort(c, all)
	return all
}

// groups are the candidates that reach the content. RSA-OAEP and AES key wrap show by
// themselves whether a key is the right one, and ECDH-ES without a wrapped key does
// not, so that each trial is a group. For RSA1_5 there are two: the first trial, and
// all the others together. One ciphertext cannot be made to conform under two moduli.
func groups(alg Algorithm, all []trial) []exchange.Group[trial, []byte] {
	var out []exchange.Group[trial, []byte]
	if alg != RSA1_5 {
		for i := range all {
			out = append(out, exchange.Group[trial, []byte]{Trials: all[i : i+1]})
		}
		return out
	}
	choose := func(conforms int, key, found []byte) { subtle.ConstantTimeCopy(conforms, key, found) }
	for _, g := range [][]trial{all[:min(1, len(all))], all[min(1, len(all)):]} {
		if len(g) != 0 {
			out = append(out, exchange.Group[trial, []byte]{Trials: g, Implicit: true, Select: choose})
		}
	}
	return out
}

// decrypt finds the key and returns the content, which may lie in body. Whatever
// goes wrong looks the same from outside; the reasons are for the operator.
//
// Unwrapping is apart from the content, which is decrypted once, but for ECDH-ES
// without a wrapped key, which costs one pass over the content for each key that fits,
// and RSA1_5, which costs two at most.
func (e *Envelope) decrypt(c *exchange.Call, m *envelope.Message, t *sealedToken, ways []*recipient, body []byte) ([]byte, error) {
	all := e.trials(c, ways)
	alg := ways[0].header.alg
	search := exchange.NewSearch(c, func(ctx context.Context, one trial) ([]byte, int, error) {
		return one.to.unwrap(ctx, one.key, t.header.enc)
	})
	var content []byte
	by, err := search.Run(groups(alg, all), func(one exchange.Candidate[trial, []byte]) (bool, error) {
		sure := alg != RSA1_5 && one.Trial.to.header.alg != ECDHES
		var err error
		content, err = t.open(one.Key, body, sure || one.Last)
		if err != nil && sure {
			return false, envelope.Reject(envelope.Corrupt, errors.New("the key decrypts, the content does not"), one.Trial.KeyID())
		}
		return err == nil, nil
	})
	switch {
	case err != nil:
		return nil, err
	case by != nil:
		if alg == RSA1_5 {
			c.Waive(waiveRSA15)
		}
		_ = permitted(c, by.key) // which enters the waiver
		m.Decrypter = exchange.Use(by.entry, true, keyset.Encryption, string(by.to.header.alg))
		m.Addressed = addressed(c, t, by.KeyID())
		return content, nil
	case search.Outage != nil:
		return nil, search.Outage
	}
	return nil, e.undecrypted(c, t, ways, all, search)
}

// undecrypted says why no key of ours opened the message, as far as can be
// told without using a revoked one.
func (e *Envelope) undecrypted(c *exchange.Call, t *sealedToken, ways []*recipient, all []trial, search *exchange.Search[trial, []byte]) error {
	for _, k := range all {
		if alg := k.to.header.alg; (alg == ECDHES || alg == RSA1_5) && k.Named() {
			return envelope.Reject(envelope.Corrupt, errors.New("the content does not decrypt under the key that the message names"), k.KeyID())
		}
	}
	var named, fitting []keyset.ID
	for entry := range c.Own.All() {
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
		return envelope.Reject(envelope.NotForUs, fmt.Errorf("no key of ours fits %s and the size or curve of the message%s", ways[0].header.alg, unpermitted(c, ways[0])), addressed(c, t, "")...)
	}
	cause := errors.New("decrypts under no key of ours")
	for _, k := range all {
		if alg := k.to.header.alg; k.Named() && (alg == RSAOAEP || alg == RSAOAEP256) {
			cause = fmt.Errorf("the message names our key %s, which does not decrypt it: "+
				"it was encrypted to another key under that name, or with another hash than %s has, for OAEP itself or for MGF1, where SHA-1 is the default of Java",
				k.KeyID(), alg)
			break
		}
	}
	return search.NotForUs(cause, addressed(c, t, ""))
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
