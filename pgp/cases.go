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

// cases are the signatures of one message.
type cases struct {
	e       *Envelope
	c       *exchange.Call
	payload *openpgp.Hashes
	all     []*signatureCase
	hashed  []openpgp.HashKind // what the message is worth to be hashed for
	none    bool               // the message is not signed
}

// A signatureCase is one signature, and the keys that may have made it.
type signatureCase struct {
	sig     *packet.Signature // nil if it cannot count, whoever made it
	reason  envelope.Reason   // why
	cause   error
	name    string // how it names its key; empty if it names none
	signers []signer
}

// cases looks at the signatures of a message.
func (e *Envelope) cases(c *exchange.Call, in *openpgp.Inner) *cases {
	cs := &cases{e: e, c: c, payload: in.Hashes, none: len(in.Signatures) == 0}
	salts := announcedSalts(in.OnePass)
	for i, p := range in.Signatures[:min(len(in.Signatures), exchange.MaxSignatures)] {
		one := readSignature(p)
		if one.sig != nil && one.sig.Version == 6 && i >= in.Before && len(in.OnePass) != 0 && !salts[string(one.sig.Salt())] {
			one.sig, one.reason, one.cause = nil, envelope.BadSignature, errSalt
		}
		if one.sig != nil {
			one.signers = e.signers(c, one)
		}
		cs.all = append(cs.all, one)
	}
	// Each kind of hash is a pass over the payload. Those of signatures that name a
	// key come first: what is left of the work may go to the others.
	size := max(1, in.Size)
	for _, byName := range []bool{true, false} {
		for _, one := range cs.all {
			if one.sig == nil || len(one.signers) == 0 || (one.name != "") != byName {
				continue
			}
			kind := cert.HashKind(one.sig)
			if cert.StrongHash(kind.Hash) && !slices.Contains(cs.hashed, kind) && (int64(len(cs.hashed))+1)*size <= max(hashWork, hashTimes*size) {
				cs.hashed = append(cs.hashed, kind)
			}
		}
	}
	return cs
}

// readSignature reads a signature of a message.
func readSignature(p openpgp.Packet) *signatureCase {
	info, damaged := cert.ReadSignatureInfo(p.Body)
	parsed, err := cert.Parse(p)
	sig, ok := parsed.(*packet.Signature)
	_, unsupported := errors.AsType[pgperrors.UnsupportedError](err)
	switch weak, known := cert.WeakHashes[info.Hash]; {
	case info.Bad != nil:
		return &signatureCase{reason: envelope.BadSignature, cause: info.Bad}
	case err == nil && ok && damaged == nil:
		return &signatureCase{sig: sig, name: info.Name()}
	case !unsupported:
		return &signatureCase{reason: envelope.BadSignature, cause: cert.ErrSignature}
	case info.Version != 4 && info.Version != 6:
		return &signatureCase{reason: envelope.Forbidden, cause: fmt.Errorf("a signature of version %d is not supported", info.Version)}
	case known:
		return &signatureCase{reason: envelope.Forbidden, cause: fmt.Errorf("the hash %s is not allowed", weak)}
	}
	return &signatureCase{reason: envelope.Forbidden, cause: fmt.Errorf(
		"a signature with public-key algorithm %d and hash %d, or with something critical in it, is not supported", info.Algorithm, info.Hash)}
}

var errSalt = errors.New("the signature is not announced with its salt")

// announcedSalts lists the salts in one-pass signatures of version 6: each must be
// that of its signature (RFC 9580, Section 5.4).
func announcedSalts(onePass []openpgp.Packet) map[string]bool {
	salts := map[string]bool{}
	for _, p := range onePass {
		if parsed, err := cert.Parse(p); err == nil {
			if o, ok := parsed.(*packet.OnePassSignature); ok && o.Version == 6 {
				salts[string(o.Salt)] = true
			}
		}
	}
	return salts
}

// missing reports whether a hash is needed that was not computed.
func (cs *cases) missing() bool {
	return slices.ContainsFunc(cs.hashed, func(kind openpgp.HashKind) bool { return !cs.payload.Has(kind) })
}

// signers returns the keys that a signature may be by: those it names or, if it
// names none, all that could have made it.
func (e *Envelope) signers(c *exchange.Call, one *signatureCase) (found []signer) {
	match := func(k *cert.Component) bool {
		return string(k.ID) == one.name || k.KeyName() == one.name
	}
	if one.name == "" {
		match = func(k *cert.Component) bool { return k.Sign && k.Public.PubKeyAlgo == one.sig.PubKeyAlgo }
	}
	// A key can be bound by two certificates, and under another date it has
	// another fingerprint. If any of them is ours, or is revoked, the key is.
	tainted := map[string]signer{}
	each := func(s *keyset.Set, own bool) {
		for k := range s.All() {
			key, ok := k.Material.(*Key)
			if !ok {
				continue
			}
			for _, p := range e.table(key, own) {
				if _, known := tainted[p.Material]; !known && (own || k.State == keyset.Revoked) {
					tainted[p.Material] = signer{k, p, own}
				}
				if match(p) {
					found = append(found, signer{k, p, own})
				}
			}
		}
	}
	each(c.Own, true)
	each(c.Peer, false)
	for i, s := range found {
		if t, ok := tainted[s.part.Material]; ok {
			found[i] = t
		}
	}
	return found
}

// table returns the components of a key by the policy of e. Of our own keys
// all are known, so that nothing of ours passes for a stranger's. Without the
// waiver, a component that only SHA-1 makes valid is known too, and refused by
// certified.
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

// retired reports whether name is that of a revoked key of which only the ID is left.
func retired(s *keyset.Set, name string) bool {
	for k := range s.All() {
		if _, ok := k.Material.(*Key); !ok && strings.HasSuffix(string(k.ID()), name) {
			return true
		}
	}
	return false
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
