package jwe

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/base64url"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/keyset"
)

// openSigned takes the JWS that was decrypted. Errors quote nothing of it but
// the "kid" of a key that we do not have.
func (e *Envelope) openSigned(c *exchange.Call, m *envelope.Message, content []byte) error {
	payload, v, err := e.verify(c, content, envelope.Inner)
	if err != nil {
		return err
	}
	m.Payload = payload
	return v.Fill(m)
}

// verify returns the payload of a JWS, and what became of each of its signatures.
func (e *Envelope) verify(c *exchange.Call, jws []byte, layer envelope.Layer) ([]byte, *exchange.Verdicts, error) {
	t, err := e.parseSigned(jws, layer)
	if err != nil {
		return nil, nil, malformed(err)
	}
	most := e.c.MaxSize
	if layer == envelope.Outer {
		most = maxSealed(most)
	}
	if n := int64(decodedLen(t.payload)); n > most {
		return nil, nil, envelope.Reject(envelope.TooLarge, fmt.Errorf("payload of %d bytes: %w of %d", n, errTooLarge, most))
	}
	j := &judge{e: e, c: c, t: t, layer: layer}
	if j.payload, err = j.decodePayload(); err != nil {
		return nil, nil, malformed(fmt.Errorf("payload of the JWS: %w", err))
	}
	v, err := exchange.Judge(c, j.signatures())
	return j.payload, v, err
}

// A judge says of the signatures of one JWS what [exchange.Judge] asks.
type judge struct {
	e       *Envelope
	c       *exchange.Call
	t       *signedToken
	layer   envelope.Layer
	payload []byte
	hashed  int64  // bytes, by now
	place   []byte // for what EdDSA and ML-DSA sign, of one signature at a time, in JSON
}

// decodePayload returns the payload. The digest of a large one, which the first
// signature needs, is computed meanwhile.
func (j *judge) decodePayload() ([]byte, error) {
	t := j.t
	if len(t.payload) < base64url.Halves || len(t.signatures) == 0 {
		return decode(t.payload)
	}
	s := t.signatures[0]
	if j.refused(s) != nil || s.header.alg.hash() == 0 || j.hash(s) != nil {
		return decode(t.payload)
	}
	var wg sync.WaitGroup
	wg.Go(func() { s.digest = s.header.alg.digest(s.protected, dot, t.payload) })
	payload, err := decode(t.payload)
	wg.Wait()
	return payload, err
}

func (j *judge) signatures() []*exchange.Signature[*Key] {
	out := make([]*exchange.Signature[*Key], len(j.t.signatures))
	for i, s := range j.t.signatures {
		one := &exchange.Signature[*Key]{Refused: j.refused(s)}
		out[i] = one
		if one.Refused != nil {
			continue
		}
		one.Name, one.Signers = s.header.kid, j.signers(s)
		one.Verify = func(k *exchange.Signer[*Key]) (bool, error) {
			digest, err := j.digest(s)
			return err == nil && k.Part.verify(s.header.alg, digest, s.octets), err
		}
		one.Says = func() (exchange.Statement, *exchange.Refusal) { return j.says(s.header.all) }
		one.Count = func(k *exchange.Signer[*Key]) ([32]byte, map[string]any, error) {
			if s.header.carries() {
				j.c.Waive(waiveCarried)
			}
			return exchange.Digest(k.Material, j.signed(s)), s.header.message(), nil
		}
		if s.header.alg.pss() {
			one.Almost = func(k *exchange.Signer[*Key]) *exchange.Refusal { return j.otherSalt(s, k.Part) }
		}
	}
	return out
}

// refused says why a signature does not count whoever made it.
func (j *judge) refused(s *signature) *exchange.Refusal {
	if s.err != nil {
		return &exchange.Refusal{Reason: envelope.Malformed, Cause: fmt.Errorf("signature: %w", s.err)}
	}
	h := s.header
	if h.alg == "" {
		return &exchange.Refusal{Reason: envelope.Malformed, Cause: errors.New(`header of the JWS without "alg" where a signature protects it`)}
	}
	err := j.e.forbidden(h)
	if err == nil && h.zip {
		err = errors.New(`header parameter "zip"`)
	}
	if err != nil {
		return &exchange.Refusal{Reason: envelope.Forbidden, Cause: fmt.Errorf("JWS: %w", err)}
	}
	if err := h.alg.runs(); err != nil && h.alg.purpose() == forSignature {
		return &exchange.Refusal{Reason: envelope.Forbidden, Cause: fmt.Errorf("the algorithm of the signature, %s: %w", h.alg, err)}
	}
	if h.alg.purpose() != forSignature || !j.e.accept[h.alg] {
		return &exchange.Refusal{Reason: envelope.Forbidden, Cause: fmt.Errorf("the algorithm of the signature, %s, is not allowed", h.alg.known())}
	}
	return nil
}

// verifyingCost is about that of a signature under P-521 and P-384, as BenchmarkCosts of pgp
// measures them.
func verifyingCost(alg Algorithm) exchange.Cost {
	switch alg {
	case ES512:
		return 8
	case ES384:
		return 2
	}
	return 1
}

var errUnfit = errors.New("the key that the signature names is not for this use or algorithm")

// signers lists the keys that may have made a signature. The "kid" is only a hint, so
// that every key which fits is one of them, and those that it names alone besides.
func (j *judge) signers(s *signature) []exchange.Signer[*Key] {
	alg := s.header.alg
	var out []exchange.Signer[*Key]
	each := func(set *keyset.Set, own bool) {
		for entry := range set.All() {
			k := exchange.Signer[*Key]{Key: entry, Own: own, Revoked: entry.State == keyset.Revoked,
				Named: !own && s.header.names(entry), Algorithm: string(alg), PostQuantum: alg.mldsa()}
			key, whole := entry.Material.(*Key)
			switch {
			case whole && key.may(keyset.Signing, alg):
				k.Part, k.Material, k.Cost = key, string(key.info.ID), verifyingCost(alg)
				k.Windows = []exchange.Window{
					{NotBefore: entry.NotBefore, NotAfter: entry.NotAfter},
					{NotBefore: key.info.NotBefore, NotAfter: key.info.NotAfter, EndsWith: key.info.EndsWith},
				}
			case !k.Named:
				continue
			default:
				k.Refused = &exchange.Refusal{Reason: envelope.Forbidden, Cause: errUnfit}
			}
			out = append(out, k)
		}
	}
	each(j.c.Peer, false)
	each(j.c.Own, true)
	return out
}

// hash enters one more pass over the payload into the account.
func (j *judge) hash(s *signature) error {
	j.hashed += int64(len(s.protected) + len(j.t.payload))
	if !hashLimit.Allows(j.hashed, int64(len(j.t.payload))) {
		return envelope.Reject(envelope.TooLarge, hashLimit.Err())
	}
	return nil
}

// digest returns what a signature is made of, to verify it with one key: the hash of
// what is signed, once for all keys that are tried, or for EdDSA and ML-DSA, which hash it
// for each, all of it.
func (j *judge) digest(s *signature) ([]byte, error) {
	if s.digest != nil {
		return s.digest, nil
	}
	if err := j.hash(s); err != nil {
		return nil, err
	}
	if s.header.alg.hash() != 0 {
		s.digest = s.header.alg.digest(s.protected, dot, j.t.payload)
		return s.digest, nil
	}
	return j.input(s), nil
}

// signed returns what was verified.
func (j *judge) signed(s *signature) []byte {
	if s.digest != nil {
		return s.digest
	}
	return j.input(s)
}

// input returns all of what is signed, in a place that the next signature takes.
func (j *judge) input(s *signature) []byte {
	if j.t.compact != nil {
		return j.t.compact
	}
	const room = 4 * (maxHeader + 2) / 3 // of an encoded header
	if j.place == nil {
		j.place = bytes.Join([][]byte{make([]byte, room), j.t.payload}, dot)
	}
	from := room - len(s.protected)
	copy(j.place[from:], s.protected)
	return j.place[from:]
}

// otherSalt explains a signature of RSASSA-PSS whose salt is not as long as its hash.
func (j *judge) otherSalt(s *signature, k *Key) *exchange.Refusal {
	digest, err := j.digest(s)
	if err != nil || !k.verifyAnySalt(s.header.alg, digest, s.octets) {
		return nil
	}
	return &exchange.Refusal{Reason: envelope.Forbidden, Cause: fmt.Errorf(
		"the signature is good, but its salt is not as long as its hash: RFC 7518, Section 3.5, asks for %d bytes", s.header.alg.hash().Size())}
}
