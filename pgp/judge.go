package pgp

import (
	"crypto"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/internal/openpgp"
	"github.com/sealwax/sealwax/keyset"
)

// use is the account of one use of k, a component of the key in entry.
func (k *component) use(entry keyset.Key, own bool, use keyset.Use, algorithm string) envelope.KeyUse {
	u := exchange.Use(entry, own, use, algorithm)
	if !k.primary {
		u.Subkey = k.id
	}
	return u
}

func signatureUse(k keyset.Key, c *component, own bool, sig *packet.Signature) envelope.KeyUse {
	u := c.use(k, own, keyset.Signing, c.name+"/"+hashName(sig.Hash))
	u.Time = sig.CreationTime
	return u
}

// A signer is a key that a signature may be by.
type signer struct {
	key  keyset.Key
	part *component
	own  bool
}

// judge decides what becomes of one signature, by itself: what it lacks, no
// other signature lends. The error is that of a message which asks for too
// much work; every other outcome goes into v.
func (e *Envelope) judge(c *exchange.Call, v *exchange.Verdicts, p openpgp.Packet, d document) error {
	parsed, err := parse(p)
	sig, ok := parsed.(*packet.Signature)
	if err != nil || !ok {
		reason := envelope.BadSignature
		if _, unsupported := errors.AsType[pgperrors.UnsupportedError](err); unsupported {
			reason = envelope.Forbidden // an unknown version, hash, or algorithm
		}
		v.Unusable(reason, err)
		return nil
	}
	name, found := e.signers(c, sig)
	if len(found) == 0 {
		if name != "" && retired(c.Peer, name) {
			v.Ignore(envelope.KeyUse{ID: keyset.ID(name), Use: keyset.Signing, State: keyset.Revoked},
				envelope.RevokedSigner, nil)
			return nil
		}
		v.Stranger(name)
		return nil
	}
	// Several keys can have one key ID, by accident or by design: the
	// signature is by the one under which it counts, if there is one.
	var reason envelope.Reason
	var cause error
	var use envelope.KeyUse
	for _, s := range found {
		u := signatureUse(s.key, s.part, s.own, sig)
		r, why, err := e.judgeBy(c, s, sig, d)
		if err != nil {
			return err
		}
		if r == "" {
			h, err := d.hash(sig)
			if err != nil {
				return err // it was there a moment ago
			}
			u.Digest = signatureDigest(u.ID, sig, h)
			v.Count(u, len(sig.IntendedRecipients) != 0, notations(sig))
			return nil
		}
		if reason == "" || reason == envelope.BadSignature {
			reason, cause, use = r, why, u
		}
	}
	if reason == envelope.BadSignature && name == "" {
		v.Stranger("") // it names nobody, and nobody whom we know made it
		return nil
	}
	v.Ignore(use, reason, cause)
	return nil
}

// judgeBy judges a signature as one by the given key. It returns no reason if
// the signature counts.
func (e *Envelope) judgeBy(c *exchange.Call, s signer, sig *packet.Signature, d document) (envelope.Reason, error, error) {
	if !named(sig) {
		// One of many that could have made it: cryptography says which.
		if reason, cause, err := verified(c, s, sig, d); reason != "" || err != nil {
			return reason, cause, err
		}
	}
	switch {
	case s.own:
		return envelope.Misdirected, errors.New("signed by a key of our own"), nil
	case s.key.State == keyset.Revoked || s.part.revoked:
		return envelope.RevokedSigner, nil, nil
	}
	if err := signaturePolicy(c, s.part, sig, d); err != nil {
		return envelope.Forbidden, err, nil
	}
	if !e.certified(c, s) {
		return envelope.Forbidden, errors.New("the certificate is valid only by self-signatures under SHA-1"), nil
	}
	if named(sig) {
		if reason, cause, err := verified(c, s, sig, d); reason != "" || err != nil {
			return reason, cause, err
		}
	}
	if err := inTime(c, s, sig); err != nil {
		return envelope.OutOfTime, err, nil
	}
	if err := e.directed(c, sig); err != nil {
		return envelope.Misdirected, err, nil
	}
	return "", nil, nil
}

func verified(c *exchange.Call, s signer, sig *packet.Signature, d document) (envelope.Reason, error, error) {
	if err := c.Verification(); err != nil {
		return "", nil, err
	}
	if err := s.part.verify(sig, d); err != nil {
		return envelope.BadSignature, err, nil
	}
	return "", nil, nil
}

// named reports whether a signature names its key.
func named(sig *packet.Signature) bool {
	return len(sig.IssuerFingerprint) != 0 || sig.IssuerKeyId != nil && *sig.IssuerKeyId != 0
}

// inTime judges the date of a signature by the key, by its entry in the set, and
// by what the signature itself says of its end.
func inTime(c *exchange.Call, s signer, sig *packet.Signature) error {
	if l := sig.SigLifetimeSecs; l != nil && *l != 0 {
		if end := sig.CreationTime.Add(time.Duration(*l) * time.Second); c.At.After(end.Add(exchange.Skew)) {
			return fmt.Errorf("the signature expired on %s", end.UTC().Format(time.RFC3339))
		}
	}
	return c.InTime(sig.CreationTime, s.part.window, exchange.Window{NotBefore: s.key.NotBefore, NotAfter: s.key.NotAfter})
}

// signaturePolicy refuses what is weak in one signature.
func signaturePolicy(c *exchange.Call, k *component, sig *packet.Signature, d document) error {
	if !k.sign {
		return errors.New("the key is not flagged to sign")
	}
	if err := k.allowed(c.Waive); err != nil {
		return err
	}
	if !strongHash(sig.Hash) && !(sig.Hash == crypto.SHA1 && c.Waive(waiveSHA1Signatures)) {
		return fmt.Errorf("the hash %s is not allowed", hashName(sig.Hash))
	}
	if name := criticalNotation(sig); name != "" {
		return fmt.Errorf("unknown critical notation %.128q", name)
	}
	if len(sig.Notations) > maxNotations {
		return fmt.Errorf("more than %d notations", maxNotations)
	}
	switch sig.SigType {
	case packet.SigTypeBinary:
		return nil
	case packet.SigTypeText:
		// A signature over text holds for every form of its line ends, so
		// that who carries the message can choose the octets (T26). Without
		// line ends there is one form only.
		if !d.lineEnds() {
			return nil
		}
		return errors.New("a text signature does not fix the line ends")
	}
	return fmt.Errorf("signature of type %#02x on a message", uint8(sig.SigType))
}

// certified reports whether the certificate of s counts by the policy in force.
func (e *Envelope) certified(c *exchange.Call, s signer) bool {
	key := s.key.Material.(*Key)
	for _, k := range key.strict {
		if k.id == s.part.id {
			return true
		}
	}
	return c.Waive(waiveSHA1Certificates)
}

// directed checks for whom a signature is meant, and in which context.
func (e *Envelope) directed(c *exchange.Call, sig *packet.Signature) error {
	ours := false
	for _, r := range sig.IntendedRecipients {
		if k, ok := c.Own.Lookup(fingerprintID(r.Fingerprint)); ok && k.State != keyset.Revoked {
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
		if n.Name == contextNotation {
			contexts = append(contexts, string(n.Value))
		}
	}
	if len(contexts) != 1 || contexts[0] != e.openContext {
		return fmt.Errorf("signed in context %.128q, not %q", contexts, e.openContext)
	}
	return nil
}

// signers returns the keys that a signature may be by: those it names or, if it
// names none, all that could have made it. name is how it names them.
func (e *Envelope) signers(c *exchange.Call, sig *packet.Signature) (name string, found []signer) {
	match := func(k *component) bool { return k.sign && k.pub.PubKeyAlgo == sig.PubKeyAlgo }
	switch {
	case len(sig.IssuerFingerprint) != 0:
		name = string(fingerprintID(sig.IssuerFingerprint))
		match = func(k *component) bool { return string(k.id) == name }
	case sig.IssuerKeyId != nil && *sig.IssuerKeyId != 0:
		id := *sig.IssuerKeyId
		name = fmt.Sprintf("%016X", id)
		match = func(k *component) bool { return k.keyID == id }
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
				if _, known := tainted[p.material]; !known && (own || k.State == keyset.Revoked) {
					tainted[p.material] = signer{k, p, own}
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
		if t, ok := tainted[s.part.material]; ok {
			found[i] = t
		}
	}
	return name, found
}

// table returns the components of a key by the policy of e. Of our own keys
// all are known, so that nothing of ours passes for a stranger's. Without the
// waiver, a component that only SHA-1 makes valid is known too, and refused by
// certified.
func (e *Envelope) table(k *Key, own bool) []*component {
	if own || e.sha1Certificates {
		return k.lax
	}
	out := k.strict
	for _, c := range k.lax {
		known := false
		for _, d := range k.strict {
			known = known || c.id == d.id
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
