package pgp

import (
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/internal/openpgp"
	"github.com/sealwax/sealwax/internal/openpgp/cert"
	"github.com/sealwax/sealwax/keyset"
)

// keyUse is the account of one use of k, a component of the key in entry.
func keyUse(k *cert.Component, entry keyset.Key, own bool, use keyset.Use, algorithm string) envelope.KeyUse {
	u := exchange.Use(entry, own, use, algorithm)
	if !k.Primary {
		u.Subkey = k.ID
	}
	return u
}

func signatureUse(k keyset.Key, c *cert.Component, own bool, sig *packet.Signature) envelope.KeyUse {
	u := keyUse(c, k, own, keyset.Signing, c.Name+"/"+cert.HashName(sig.Hash))
	u.Time = sig.CreationTime
	return u
}

// A signer is a key that a signature may be by.
type signer struct {
	key  keyset.Key
	part *cert.Component
	own  bool
}

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

// judge decides what becomes of each signature, and enters it into m. The error
// is a rejection, or a fault of ours.
func (cs *cases) judge(m *envelope.Message) error {
	if cs.none {
		if !cs.c.Waive(waiveUnsigned) {
			return envelope.Reject(envelope.Unsigned, nil)
		}
		return nil
	}
	var v exchange.Verdicts
	text := true
	for _, one := range cs.all {
		counts, err := cs.judgeOne(&v, one)
		if err != nil {
			return err
		}
		text = text && (!counts || one.sig.SigType == packet.SigTypeText)
	}
	if err := v.Fill(m); err != nil {
		return err
	}
	m.Text = text
	return nil
}

// judgeOne decides what becomes of one signature, by itself: what it lacks, no
// other signature lends. The error is that of a message which asks for too
// much work, or a fault of ours; every other outcome goes into v.
func (cs *cases) judgeOne(v *exchange.Verdicts, one *signatureCase) (counts bool, err error) {
	sig := one.sig
	if sig == nil {
		v.Unusable(one.reason, one.cause)
		return false, nil
	}
	if len(one.signers) == 0 {
		if one.name != "" && retired(cs.c.Peer, one.name) {
			v.Ignore(envelope.KeyUse{ID: keyset.ID(one.name), Use: keyset.Signing, State: keyset.Revoked},
				envelope.RevokedSigner, nil)
			return false, nil
		}
		v.Stranger(one.name)
		return false, nil
	}
	if one.name == "" && !cert.StrongHash(sig.Hash) {
		v.Unusable(envelope.Forbidden, fmt.Errorf("the hash %s is not allowed", cert.HashName(sig.Hash)))
		return false, nil
	}
	// Several keys can have one key ID, by accident or by design: the
	// signature is by the one under which it counts, if there is one.
	var reason envelope.Reason
	var cause error
	var use envelope.KeyUse
	for _, s := range one.signers {
		u := signatureUse(s.key, s.part, s.own, sig)
		r, why, err := cs.judgeBy(s, one)
		if err != nil {
			return false, err
		}
		if r == "" {
			h, err := cs.payload.Get(cert.HashKind(sig))
			if err != nil {
				return false, err
			}
			u.Digest = signatureDigest(u.ID, sig, h)
			v.Count(u, len(sig.IntendedRecipients) != 0, notations(sig))
			return true, nil
		}
		if reason == "" || reason == envelope.BadSignature {
			reason, cause, use = r, why, u
		}
	}
	if reason == envelope.BadSignature && one.name == "" {
		v.Stranger("") // it names nobody, and nobody whom we know made it
		return false, nil
	}
	v.Ignore(use, reason, cause)
	return false, nil
}

// judgeBy judges a signature as one by the given key. It returns no reason if
// the signature counts.
func (cs *cases) judgeBy(s signer, one *signatureCase) (envelope.Reason, error, error) {
	sig := one.sig
	if one.name == "" {
		// One of many that could have made it: cryptography says which.
		if reason, cause, err := cs.verified(s, sig); reason != "" || err != nil {
			return reason, cause, err
		}
	}
	switch {
	case s.own:
		return envelope.Misdirected, errors.New("signed by a key of our own"), nil
	case s.key.State == keyset.Revoked || s.part.Revoked:
		return envelope.RevokedSigner, nil, nil
	}
	if err := signaturePolicy(cs.c, s.part, sig, cs.payload); err != nil {
		return envelope.Forbidden, err, nil
	}
	if !cs.e.certified(cs.c, s) {
		return envelope.Forbidden, errors.New("the certificate is valid only by self-signatures under SHA-1"), nil
	}
	if one.name != "" {
		if reason, cause, err := cs.verified(s, sig); reason != "" || err != nil {
			return reason, cause, err
		}
	}
	if err := inTime(cs.c, s, sig); err != nil {
		return envelope.OutOfTime, err, nil
	}
	if err := cs.e.directed(cs.c, sig); err != nil {
		return envelope.Misdirected, err, nil
	}
	return "", nil, nil
}

// verified verifies a signature.
func (cs *cases) verified(s signer, sig *packet.Signature) (envelope.Reason, error, error) {
	if !slices.Contains(cs.hashed, cert.HashKind(sig)) {
		return envelope.TooLarge, errHashes, nil
	}
	if err := cs.c.Verification(); err != nil {
		return "", nil, err
	}
	err := s.part.Verify(sig, cs.payload)
	if ours, ok := errors.AsType[*cert.HashError](err); ok {
		return "", nil, ours
	}
	if err != nil {
		return envelope.BadSignature, errVerify, nil
	}
	return "", nil, nil
}

var errVerify = errors.New("the signature does not verify")

var errHashes = fmt.Errorf("the signatures ask to hash the payload more than %d times", hashTimes)

// inTime judges the date of a signature by the key, by its entry in the set, and
// by what the signature itself says of its end.
func inTime(c *exchange.Call, s signer, sig *packet.Signature) error {
	if l := sig.SigLifetimeSecs; l != nil && *l != 0 {
		if end := sig.CreationTime.Add(time.Duration(*l) * time.Second); c.At.After(end.Add(exchange.Skew)) {
			return fmt.Errorf("the signature expired on %s", end.UTC().Format(time.RFC3339))
		}
	}
	return c.InTime(sig.CreationTime, exchange.Window{NotBefore: s.part.NotBefore, NotAfter: s.part.NotAfter}, exchange.Window{NotBefore: s.key.NotBefore, NotAfter: s.key.NotAfter})
}

// signaturePolicy refuses what is weak in one signature.
func signaturePolicy(c *exchange.Call, k *cert.Component, sig *packet.Signature, payload *openpgp.Hashes) error {
	if k.Lone {
		return errors.New("signed by a subkey that did not consent to its binding (no back signature)")
	}
	if !k.Sign {
		return errors.New("the key is not flagged to sign")
	}
	if err := k.Strong(); err != nil {
		return err
	}
	if !cert.StrongHash(sig.Hash) {
		return fmt.Errorf("the hash %s is not allowed", cert.HashName(sig.Hash))
	}
	if cert.CriticalNotation(sig) != "" {
		return errors.New("a critical notation that is not known")
	}
	if len(sig.Notations) > maxNotations {
		return fmt.Errorf("more than %d notations", maxNotations)
	}
	switch sig.SigType {
	case packet.SigTypeBinary:
		return nil
	case packet.SigTypeText:
		// A signature over text holds for every form of its line ends, so
		// that who carries the message can choose the bytes (T26). Only the
		// form that is signed counts: every line ends with CR and LF.
		if payload.Canonical() {
			return nil
		}
		return errors.New("a text signature over line ends that are not CR LF does not fix the bytes")
	}
	return fmt.Errorf("signature of type %#02x on a message", uint8(sig.SigType))
}

// certified reports whether the certificate of s counts by the policy in force.
func (e *Envelope) certified(c *exchange.Call, s signer) bool {
	key := s.key.Material.(*Key)
	for _, k := range key.strict {
		if k.ID == s.part.ID {
			return true
		}
	}
	return c.Waive(waiveSHA1Certificates)
}

// directed checks for whom a signature is meant, and in which context.
func (e *Envelope) directed(c *exchange.Call, sig *packet.Signature) error {
	ours := false
	for _, r := range sig.IntendedRecipients {
		if k, ok := c.Own.Lookup(cert.FingerprintID(r.Fingerprint)); ok && k.State != keyset.Revoked {
			ours = true
		}
	}
	switch {
	case len(sig.IntendedRecipients) != 0 && !ours:
		return errors.New("signed for somebody else: no intended recipient is a key of ours")
	case !ours && e.requireBound:
		return errors.New("signed for nobody in particular, and RequireBound is set")
	}
	if e.openContext == "" {
		return nil
	}
	var contexts []string
	for _, n := range sig.Notations {
		if n.Name == cert.ContextNotation {
			contexts = append(contexts, string(n.Value))
		}
	}
	if len(contexts) != 1 || contexts[0] != e.openContext {
		return fmt.Errorf("signed in %d contexts, of which not one is %q alone", len(contexts), e.openContext)
	}
	return nil
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

// signatureDigest is [envelope.KeyUse].Digest: over the hash that the signature
// is made of, which covers the salt, the document, and the hashed subpackets. It
// writes to h.
func signatureDigest(id keyset.ID, sig *packet.Signature, h hash.Hash) [32]byte {
	h.Write(sig.HashSuffix)
	return exchange.Digest(id, h.Sum(nil))
}
