package command

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// accepting makes an endpoint accept the signatures of keys that must not sign.
func accepting(is func(keyset.Key) bool) func(*endpoint) error {
	return func(e *endpoint) error {
		if e.own.Load().Format() == keyset.JOSE {
			lenient, err := e.s.over(e.own, picked{e.peer, func(keys []keyset.Key) []keyset.Key { return e.forgiven(keys, is) }})
			if err == nil {
				e.otherwise(lenient.Open)
			}
			return err
		}
		e.otherwise(func(_ context.Context, sealed []byte) (*envelope.Message, error) {
			payload, signers, err := e.naive(sealed)
			if err == nil && !slices.ContainsFunc(signers, func(s signer) bool { return s.known && is(s.key) }) {
				err = errors.New("no such signature")
			}
			return &envelope.Message{Payload: payload}, err
		})
		return nil
	}
}

// firstSignature looks at the packets in their order: the first signature is that by the
// last of the signers that the message announces.
func (e *endpoint) firstSignature() error {
	right := e.open
	e.open = opener{right, func(ctx context.Context, sealed []byte) (*envelope.Message, error) {
		m, err := right.Open(ctx, sealed)
		if err != nil {
			return nil, err
		}
		_, signers, err := e.naive(sealed)
		if err != nil || len(signers) == 0 || !m.SignedBy(signers[0].key.ID()) {
			return nil, envelope.Reject(envelope.BadSignature, errors.New("the first signature does not count"))
		}
		return m, nil
	}}
	return nil
}

// A signer is who made a signature that verifies, whatever became of the key.
type signer struct {
	key   keyset.Key
	known bool // false if no key of the partner verifies the signature
}

// naive opens an OpenPGP message as a program does that asks of a signature nothing but
// that it verifies. The signers are those of all signatures, in the order of the message.
func (e *endpoint) naive(sealed []byte) (payload []byte, signers []signer, err error) {
	var ring openpgp.EntityList
	for k := range e.own.Load().Opening() {
		ring = append(ring, entities(k.Material, (*pgp.Key).WriteInsecurePrivateKey)...)
	}
	m, err := openpgp.ReadMessage(binary(sealed), ring, nil, nil)
	if err != nil {
		return nil, nil, err
	}
	if payload, err = io.ReadAll(m.UnverifiedBody); err != nil {
		return nil, nil, err
	}
	for _, c := range m.SignatureCandidates {
		s := signer{}
		for k := range e.peer.Load().All() {
			k.Material = e.material(k)
			if c.CorrespondingSig != nil && verifies(k, c.CorrespondingSig, payload) {
				s = signer{k, true}
			}
		}
		signers = append(signers, s)
	}
	return payload, signers, nil
}

func verifies(k keyset.Key, sig *packet.Signature, payload []byte) bool {
	for _, e := range entities(k.Material, (*pgp.Key).WriteCertificate) {
		public := []*packet.PublicKey{e.PrimaryKey}
		for _, sub := range e.Subkeys {
			public = append(public, sub.PublicKey)
		}
		for _, p := range public {
			if sig.IssuerKeyId == nil || p.KeyId != *sig.IssuerKeyId {
				continue
			}
			hash, err := sig.PrepareVerify()
			if err != nil {
				return false
			}
			hash.Write(payload)
			if p.VerifySignature(hash, sig) == nil {
				return true
			}
		}
	}
	return false
}

// entities returns an OpenPGP key as go-crypto reads it, and nothing for any other.
func entities(m keyset.Material, write func(*pgp.Key, io.Writer) error) openpgp.EntityList {
	key, ok := m.(*pgp.Key)
	if !ok {
		return nil
	}
	var b bytes.Buffer
	if write(key, &b) != nil {
		return nil
	}
	list, err := openpgp.ReadArmoredKeyRing(&b)
	if err != nil {
		return nil
	}
	return list
}

// binary undoes the encoding of a message.
func binary(sealed []byte) io.Reader {
	if block, err := armor.Decode(bytes.NewReader(sealed)); err == nil {
		return block.Body
	}
	raw := make([]byte, base64.RawURLEncoding.DecodedLen(len(sealed)))
	if n, err := base64.RawURLEncoding.Decode(raw, bytes.TrimRight(sealed, "=\r\n")); err == nil {
		return bytes.NewReader(raw[:n])
	}
	return bytes.NewReader(sealed)
}
