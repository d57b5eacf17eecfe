package pgp

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/internal/openpgp"
	"github.com/sealwax/sealwax/internal/openpgp/cert"
	"github.com/sealwax/sealwax/keyset"
)

// A judge says of the signatures of one message what [exchange.Judge] asks.
type judge struct {
	e       *Envelope
	c       *exchange.Call
	payload *openpgp.Hashes
	all     []*signature
	hashed  []openpgp.HashKind // what the message is worth to be hashed for
	none    bool               // the message is not signed
}

// A signature is one signature, and the keys that may have made it.
type signature struct {
	sig     *packet.Signature // nil if it cannot count, whoever made it
	refused *exchange.Refusal // why
	name    string            // how it names its key; empty if it names none
	signers []exchange.Signer[*cert.Component]
	counts  bool
}

// signatures looks at the signatures of a message.
func (e *Envelope) signatures(c *exchange.Call, in *openpgp.Inner) *judge {
	j := &judge{e: e, c: c, payload: in.Hashes, none: len(in.Signatures) == 0}
	salts := announcedSalts(in.OnePass)
	for i, p := range in.Signatures[:min(len(in.Signatures), exchange.MaxSignatures)] {
		one := readSignature(p)
		if one.sig != nil && one.sig.Version == 6 && i >= in.Before && len(in.OnePass) != 0 && !salts[string(one.sig.Salt())] {
			one.sig, one.refused = nil, &exchange.Refusal{Reason: envelope.BadSignature, Cause: errSalt}
		}
		if one.sig != nil {
			one.signers = e.signers(c, one)
		}
		j.all = append(j.all, one)
	}
	// Each kind of hash is a pass over the payload. Those of signatures that name a
	// key come first: what is left of the work may go to the others.
	size := max(1, in.Size)
	for _, byName := range []bool{true, false} {
		for _, one := range j.all {
			if one.sig == nil || len(one.signers) == 0 || (one.name != "") != byName {
				continue
			}
			kind := cert.HashKind(one.sig)
			if cert.StrongHash(kind.Hash) && !slices.Contains(j.hashed, kind) && hashLimit.Allows((int64(len(j.hashed))+1)*size, size) {
				j.hashed = append(j.hashed, kind)
			}
		}
	}
	return j
}

// readSignature reads a signature of a message.
func readSignature(p openpgp.Packet) *signature {
	info, damaged := cert.ReadSignatureInfo(p.Body)
	parsed, err := cert.Parse(p)
	sig, ok := parsed.(*packet.Signature)
	_, unsupported := errors.AsType[pgperrors.UnsupportedError](err)
	refuse := func(r envelope.Reason, cause error) *signature {
		return &signature{refused: &exchange.Refusal{Reason: r, Cause: cause}}
	}
	switch weak, known := cert.WeakHashes[info.Hash]; {
	case info.Bad != nil:
		return refuse(envelope.BadSignature, info.Bad)
	case err == nil && ok && damaged == nil:
		return &signature{sig: sig, name: info.Name()}
	case !unsupported:
		return refuse(envelope.BadSignature, cert.ErrSignature)
	case info.Version != 4 && info.Version != 6:
		return refuse(envelope.Forbidden, fmt.Errorf("a signature of version %d is not supported", info.Version))
	case known:
		return refuse(envelope.Forbidden, fmt.Errorf("the hash %s is not allowed", weak))
	}
	return refuse(envelope.Forbidden, fmt.Errorf(
		"a signature with public-key algorithm %d and hash %d, or with something critical in it, is not supported", info.Algorithm, info.Hash))
}

var errSalt = errors.New("the signature is not announced with its salt")

// announcedSalts lists the salts in one-pass signatures of version 6: each must be
// that of its signature (RFC 9580, Section 5.4).
func announcedSalts(onePass []openpgp.Packet) map[string]bool {
	var salts map[string]bool
	for _, p := range onePass {
		if len(p.Body) == 0 || p.Body[0] != 6 { // the version
			continue
		}
		if parsed, err := cert.Parse(p); err == nil {
			if o, ok := parsed.(*packet.OnePassSignature); ok && o.Version == 6 {
				if salts == nil {
					salts = map[string]bool{}
				}
				salts[string(o.Salt)] = true
			}
		}
	}
	return salts
}

// missing reports whether a hash is needed that was not computed.
func (j *judge) missing() bool {
	return slices.ContainsFunc(j.hashed, func(kind openpgp.HashKind) bool { return !j.payload.Has(kind) })
}

// signers returns the keys that a signature may be by: those it names or, if it
// names none, all that could have made it. Beside them stand our own and the revoked
// components that are the same key under another name: a key can be bound by two
// certificates, and under another date it has another fingerprint.
func (e *Envelope) signers(c *exchange.Call, one *signature) (found []exchange.Signer[*cert.Component]) {
	match := func(k *cert.Component) bool {
		return string(k.ID) == one.name || k.KeyName() == one.name
	}
	if one.name == "" {
		match = func(k *cert.Component) bool { return k.Sign && k.Public.PubKeyAlgo == one.sig.PubKeyAlgo }
	}
	// each calls f for every component of both sides, and with nil for a key of which only the
	// ID is left.
	each := func(f func(k keyset.Key, p *cert.Component, own bool)) {
		for i, set := range []*keyset.Set{c.Own, c.Peer} {
			for k := range set.All() {
				key, ok := k.Material.(*Key)
				if !ok {
					f(k, nil, i == 0)
					continue
				}
				for _, p := range e.table(key, i == 0) {
					f(k, p, i == 0)
				}
			}
		}
	}
	each(func(k keyset.Key, p *cert.Component, own bool) {
		switch {
		case p != nil && match(p):
			found = append(found, signerOf(k, p, own, one))
		case p == nil && one.name != "" && !own && strings.HasSuffix(string(k.ID()), one.name):
			found = append(found, exchange.Signer[*cert.Component]{Key: k, Revoked: true, Named: true})
		}
	})
	same := func(p *cert.Component) bool {
		return slices.ContainsFunc(found, func(s exchange.Signer[*cert.Component]) bool { return s.Material == p.Material })
	}
	each(func(k keyset.Key, p *cert.Component, own bool) {
		if p != nil && (own || revoked(k, p)) && !match(p) && same(p) {
			o := signerOf(k, p, own, one)
			o.Named = false
			found = append(found, o)
		}
	})
	return found
}

func revoked(k keyset.Key, p *cert.Component) bool { return k.State == keyset.Revoked || p.Revoked }

func signerOf(k keyset.Key, p *cert.Component, own bool, one *signature) exchange.Signer[*cert.Component] {
	s := exchange.Signer[*cert.Component]{
		Key: k, Part: p, Material: p.Material, Algorithm: p.Name + "/" + cert.HashName(one.sig.Hash), PostQuantum: p.PostQuantum(), Cost: exchange.Cost(p.Cost(keyset.Signing)),
		Own: own, Revoked: revoked(k, p), Named: one.name != "",
		Windows: []exchange.Window{{NotBefore: p.NotBefore, NotAfter: p.NotAfter}, {NotBefore: k.NotBefore, NotAfter: k.NotAfter}},
	}
	if !p.Primary {
		s.Subkey = p.ID
	}
	return s
}

// table returns the components of a key by the policy of e. Of our own keys
// all are known, so that nothing of ours passes for a stranger's. Without the
// waiver, a component that only SHA-1 makes valid is known too, and refused by
// keyPolicy.
func (e *Envelope) table(k *Key, own bool) []*cert.Component {
	if own || e.sha1Certificates {
		return k.lax
	}
	out := k.strict
	for _, c := range k.lax {
		known := false
		for _, d := range k.strict {
			known = known || c.ID == d.ID
		}
		if !known {
			out = append(out[:len(out):len(out)], c)
		}
	}
	return out
}

// notations returns the notations of a signature, but for the salt.
func notations(sig *packet.Signature) map[string]any {
	var out map[string]any
	for _, n := range sig.Notations {
		if n.Name == packet.SaltNotationName {
			continue
		}
		var value any = string(n.Value)
		if !n.IsHumanReadable || !utf8.Valid(n.Value) {
			value = base64.StdEncoding.EncodeToString(n.Value)
		}
		if out == nil {
			out = map[string]any{}
		}
		switch old := out[n.Name].(type) {
		case nil:
			out[n.Name] = value
		case []any:
			out[n.Name] = append(old, value)
		default:
			out[n.Name] = []any{old, value}
		}
	}
	return out
}
