package jwe

import (
	"fmt"
	"slices"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/internal/secret"
	"github.com/sealwax/sealwax/keyset"
)

// An addressee is a key of the partner, with the content key for it.
type addressee struct {
	entry keyset.Key
	key   *Key
	alg   Algorithm
	wrapped
}

// addressees chooses the algorithm of each key of the partner.
func (e *Envelope) addressees(c *exchange.Call, to []keyset.Key) ([]addressee, error) {
	var out []addressee
	for _, entry := range to {
		k, err := materialOf(entry)
		if err != nil {
			return nil, err
		}
		alg, err := choose(k, keyset.Encryption, e.c.Seal.Key)
		switch {
		case err != nil:
			return nil, unusable(err)
		case alg == RSA1_5 && !e.waived.rsa15:
			return nil, unusable(fmt.Errorf("key %s is bound to RSA1_5, which is not allowed without InsecureRSA1_5", k.info.ID))
		case (alg == RSA1_5 || alg == ECDHES) && len(to) > 1:
			return nil, fmt.Errorf("key %s: %s is for messages to one recipient, and this one has %d", k.info.ID, alg, len(to))
		case alg == RSA1_5:
			c.Waive(waiveRSA15)
		}
		out = append(out, addressee{entry: entry, key: k, alg: alg})
	}
	return out, nil
}

// wrapFor wraps one content key for all of them.
func wrapFor(to []addressee, enc Algorithm) ([]addressee, error) {
	content := secret.Key(enc.sizes().key)
	out := slices.Clone(to)
	for i, a := range to {
		w, err := a.key.wrap(a.alg, enc, content)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", a.key.info.ID, err)
		}
		out[i].wrapped = w
	}
	return out, nil
}

// use is the account of the recipient.
func (a addressee) use() envelope.KeyUse {
	return exchange.Use(a.entry, false, keyset.Encryption, string(a.alg))
}

// address writes what the recipient needs to unwrap its key.
func (a addressee) address(h *writer) {
	h.text("kid", a.key.kid(keyset.Encryption))
	if a.ephemeral != nil {
		h.value("epk", publicJWK(a.ephemeral))
	}
}

func commonAlgorithm(all []addressee) (Algorithm, bool) {
	for _, a := range all {
		if a.alg != all[0].alg {
			return "", false
		}
	}
	return all[0].alg, true
}
