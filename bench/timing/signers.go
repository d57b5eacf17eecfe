package main

import (
	"bytes"
	"context"
	"time"

	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/timing"
	"github.com/sealwax/sealwax/jwe"
)

// signers are messages that a stranger signed, and messages that name a key that is trusted
// and do not verify under it.
func signers(ctx context.Context) ([]timing.Pair, error) {
	inJWE, err := joseSigners(ctx)
	if err != nil {
		return nil, err
	}
	inPGP, err := pgpSigners()
	return []timing.Pair{inJWE, inPGP}, err
}

func signerPair(name string, opens envelope.Envelope) timing.Pair {
	return timing.Pair{Name: name + " Open, a signature that does not count", Kinds: [2]timing.Kind{
		{Name: "by a stranger", Want: timing.Rejected(envelope.UnknownSigner)},
		{Name: "not by the key it names", Want: timing.Rejected(envelope.BadSignature)}}, Do: timing.Open(opens)}
}

func joseSigners(ctx context.Context) (p timing.Pair, err error) {
	read, err := jwe.GenerateKey("read", jwe.ECDHESA256KW)
	if err != nil {
		return p, err
	}
	trusted, err := jwe.GenerateKey("sign", jwe.ES256)
	if err != nil {
		return p, err
	}
	_, opens, err := timing.Sides(trusted, read, jweEnvelope)
	if err != nil {
		return p, err
	}
	p = signerPair("jwe", opens)
	for i, kid := range []string{"stranger", "sign"} {
		other, err := jwe.GenerateKey(kid, jwe.ES256)
		if err != nil {
			return p, err
		}
		seals, _, err := timing.Sides(other, read, jweEnvelope)
		if err != nil {
			return p, err
		}
		for range timing.Each {
			sealed, err := seals.Seal(ctx, make([]byte, 1<<10))
			if err != nil {
				return p, err
			}
			p.Kinds[i].Messages = append(p.Kinds[i].Messages, sealed)
		}
	}
	return p, nil
}

// pgpSigners are made by go-crypto, which does not check what it has signed.
func pgpSigners() (p timing.Pair, err error) {
	c := configs()["SEIPDv1"]
	c.Time = func() time.Time { return time.Now().Truncate(time.Second) }
	var e [3]*openpgp.Entity // reader, trusted, stranger
	for i := range e {
		if e[i], err = openpgp.NewEntity("Bank", "", "keys@bank.example", c); err != nil {
			return p, err
		}
	}
	read, err := ourKey(e[0])
	if err != nil {
		return p, err
	}
	trusted, err := ourKey(e[1])
	if err != nil {
		return p, err
	}
	_, opens, err := timing.Sides(trusted, read, pgpEnvelope)
	if err != nil {
		return p, err
	}
	forged, private := *e[1], *e[1].PrivateKey
	private.PrivateKey, forged.PrivateKey = e[2].PrivateKey.PrivateKey, &private
	p = signerPair("pgp", opens)
	for i, by := range []*openpgp.Entity{e[2], &forged} {
		for range timing.Each {
			var out bytes.Buffer
			w, err := openpgp.Encrypt(&out, e[:1], nil, []*openpgp.Entity{by}, nil, c)
			if err != nil {
				return p, err
			}
			if _, err := w.Write(make([]byte, 1<<10)); err != nil {
				return p, err
			}
			if err := w.Close(); err != nil {
				return p, err
			}
			p.Kinds[i].Messages = append(p.Kinds[i].Messages, out.Bytes())
		}
	}
	return p, nil
}
