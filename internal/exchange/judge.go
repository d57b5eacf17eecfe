package exchange

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
)

// A Refusal is why one signature does not count.
type Refusal struct {
	Reason envelope.Reason
	Cause  error // for the operator; it may be nil
}

// A Signature is one signature of a message, as its format reads it. Part is what the
// format verifies with.
type Signature[Part any] struct {
	Name    string         // how it names its key, or nothing
	Time    time.Time      // when it says it was made, if that is known before it is verified
	Refused *Refusal       // why it does not count, whoever made it
	Signers []Signer[Part] // the keys that may have made it, of both parties, in any state

	// Verify reports whether the key made the signature. An error is ours.
	Verify func(*Signer[Part]) (bool, error)

	// Almost explains why a trusted key that fits did not verify the signature, if
	// that can be told. It may be nil, and return nil.
	Almost func(*Signer[Part]) *Refusal

	// Says returns what the signed message says of itself. It is asked once, and only
	// after a trusted key has verified the signature, so that a stranger cannot make
	// us read it.
	Says func() (Statement, *Refusal)

	// Count returns the digest of what was signed and the header, and enters waivers
	// into the account. It is asked only if the signature counts.
	Count func(*Signer[Part]) (digest [32]byte, header map[string]any, err error)

	made  string   // the material of the key that made it
	known []string // the material of the keys that it was verified with
}

// A Signer is a key that may have made a signature.
type Signer[Part any] struct {
	Key       keyset.Key
	Subkey    keyset.ID // the component that signs, if it is not the key itself
	Part      Part
	Material  string // equal for one key under several names
	Algorithm string

	PostQuantum bool     // the algorithm is
	Cost        Cost     // of a verification
	Own         bool     // it is a key of ours
	Revoked     bool     // the key or the component is revoked
	Named       bool     // the signature names it
	Refused     *Refusal // why no signature like this one by this key counts
	Windows     []Window // in which the key is valid
}

func (s *Signer[Part]) trusted() bool { return !s.Own && !s.Revoked }

// fits reports whether it is worth verifying the signature with the key.
func (s *Signer[Part]) fits() bool { return s.Refused == nil && s.Material != "" }

// A Statement is what a signed message says of itself.
type Statement struct {
	Made                time.Time // zero if it is undated
	NotBefore, NotAfter time.Time // zero if it has no such bound
	Ageless             bool      // another signature of the message says how old it is
	Bound               bool      // it names both parties
	Misdirected         error     // it is for somebody else, or in another context
}

// A HashLimit bounds what all signatures of a message may ask to hash: the larger of so
// many bytes and so many times the payload.
type HashLimit struct{ Work, Times int64 }

// Allows reports whether so many bytes may be hashed for a payload of the given size.
func (l HashLimit) Allows(hashed, payload int64) bool {
	return hashed <= max(l.Work, l.Times*payload)
}

// Err is the cause of what goes beyond the limit.
func (l HashLimit) Err() error {
	return fmt.Errorf("the signatures ask to hash the payload more than %d times", l.Times)
}

var (
	errReflected = errors.New("signed by a key of our own: our own message come back")
	errRevoked   = errors.New("signed by a revoked key")
)

// Judge finds out who made each signature, and which of them count. Each is judged by
// itself: what one lacks, no other lends.
//
// The order is: is the key one of ours, is it revoked, may it make such a signature,
// did it make this one, was that in time, is it meant for us. Trusted keys are tried
// first, for all signatures those that they name and then the others, and only then,
// to tell the operator more than "unknown", our own and the revoked ones. Where the
// work that a message is worth ends, what was found counts.
//
// The error is a fault of ours. Whether a signature counts is what
// [Verdicts.Fill] says.
func Judge[Part any](c *Call, all []*Signature[Part]) (*Verdicts, error) {
	j := &judgement[Part]{c: c, v: &Verdicts{}}
	for _, s := range all {
		s.prepare()
	}
	for _, named := range []bool{true, false} {
		for _, s := range all {
			if s.Refused != nil || s.made != "" {
				continue
			}
			if err := j.find(s, func(k *Signer[Part]) bool { return k.trusted() && k.Named == named }); err != nil {
				return nil, err
			}
		}
	}
	j.v.exhausted = j.exhausted
	for _, s := range all {
		if err := j.conclude(s); err != nil {
			return nil, err
		}
	}
	return j.v, nil
}

// prepare orders the signers, those first that the signature names. A key that is also
// one of ours, or revoked, under another name is that one, and no other.
func (s *Signature[Part]) prepare() {
	for _, taints := range []func(*Signer[Part]) bool{
		func(k *Signer[Part]) bool { return k.Own },
		func(k *Signer[Part]) bool { return k.Revoked },
	} {
		var tainted map[string]*Signer[Part]
		for i := range s.Signers {
			if k := &s.Signers[i]; k.Material != "" && taints(k) {
				if tainted == nil {
					tainted = map[string]*Signer[Part]{}
				}
				tainted[k.Material] = k
			}
		}
		if tainted == nil {
			continue
		}
		kept := s.Signers[:0:0]
		for i := range s.Signers {
			k := &s.Signers[i]
			if t := tainted[k.Material]; t != nil && !taints(k) {
				t.Named = t.Named || k.Named
			}
		}
		for i := range s.Signers {
			if k := &s.Signers[i]; taints(k) || tainted[k.Material] == nil {
				kept = append(kept, *k)
			}
		}
		s.Signers = kept
	}
	slices.SortStableFunc(s.Signers, func(a, b Signer[Part]) int {
		switch {
		case a.Named == b.Named:
			return 0
		case a.Named:
			return -1
		}
		return 1
	})
}

type judgement[Part any] struct {
	c         *Call
	v         *Verdicts
	exhausted error // the end of the work that the message is worth
	counted   [][32]byte
}

// find looks for the key that made the signature, among those that pass.
func (j *judgement[Part]) find(s *Signature[Part], pass func(*Signer[Part]) bool) error {
	for i := range s.Signers {
		k := &s.Signers[i]
		if j.exhausted != nil {
			return nil
		}
		if !pass(k) || !k.fits() || slices.Contains(s.known, k.Material) {
			continue
		}
		if err := j.c.Verification(k.Cost); err != nil {
			j.exhausted = err
			return nil
		}
		s.known = append(s.known, k.Material)
		good, err := s.Verify(k)
		if _, rejected := errors.AsType[*envelope.OpenError](err); rejected {
			j.exhausted = err
			return nil
		}
		if err != nil {
			return err
		}
		if good {
			s.made = k.Material
			return nil
		}
	}
	return nil
}

// conclude enters what became of one signature.
func (j *judgement[Part]) conclude(s *Signature[Part]) error {
	switch {
	case s.Refused != nil:
		j.v.Unusable(s.Refused.Reason, s.Refused.Cause)
		return nil
	case s.made != "":
		return j.weigh(s)
	}
	for _, suspect := range []struct {
		pass   func(*Signer[Part]) bool
		reason envelope.Reason
		cause  error
	}{
		{func(k *Signer[Part]) bool { return k.Own }, envelope.Misdirected, errReflected},
		{func(k *Signer[Part]) bool { return k.Revoked }, envelope.RevokedSigner, errRevoked},
	} {
		if err := j.find(s, suspect.pass); err != nil {
			return err
		}
		if s.made != "" {
			k := s.first(func(k *Signer[Part]) bool { return k.Material == s.made })
			j.ignore(s, k, &Refusal{suspect.reason, suspect.cause})
			return nil
		}
	}
	j.blame(s)
	return nil
}

// weigh decides whether a signature that a trusted key made counts. Several entries
// can hold that key; one under which it counts is enough.
func (j *judgement[Part]) weigh(s *Signature[Part]) error {
	says, refused := s.Says()
	if refused == nil {
		s.Time = says.Made
	}
	var by *Signer[Part]
	var why *Refusal
	for i := range s.Signers {
		k := &s.Signers[i]
		if k.Material != s.made || !k.trusted() || !k.fits() {
			continue
		}
		r := refused
		if r == nil {
			r = j.c.Accept(says, k.Windows...)
		}
		if r == nil {
			return j.count(s, k, says.Bound)
		}
		if by == nil {
			by, why = k, r
		}
	}
	j.ignore(s, by, why)
	return nil
}

// Accept judges what a signature that is good says: when it was made, and whom it is for.
func (c *Call) Accept(says Statement, windows ...Window) *Refusal {
	if err := c.InTime(says, windows...); err != nil {
		return &Refusal{envelope.OutOfTime, err}
	}
	if says.Misdirected != nil {
		return &Refusal{envelope.Misdirected, says.Misdirected}
	}
	return nil
}

// count enters a signature that counts, unless its signer said the same before.
func (j *judgement[Part]) count(s *Signature[Part], by *Signer[Part], bound bool) error {
	u := s.use(by)
	var header map[string]any
	var err error
	if u.Digest, header, err = s.Count(by); err != nil {
		return err
	}
	if slices.Contains(j.counted, u.Digest) {
		return nil
	}
	j.counted = append(j.counted, u.Digest)
	u.Bound = bound
	j.v.Count(u, header)
	return nil
}

// blame says whose signature it claims to be, since no key made it.
func (j *judgement[Part]) blame(s *Signature[Part]) {
	for i := range s.Signers {
		k := &s.Signers[i]
		if s.Almost == nil || !k.trusted() || !k.fits() || j.exhausted != nil {
			continue
		}
		if j.exhausted = j.c.Verification(k.Cost); j.exhausted != nil {
			break
		}
		if why := s.Almost(k); why != nil {
			j.ignore(s, k, why)
			return
		}
	}
	for _, claim := range []struct {
		pass    func(*Signer[Part]) bool
		refusal *Refusal
	}{
		{func(k *Signer[Part]) bool { return k.Own }, &Refusal{envelope.Misdirected, errors.New("the signature names a key of our own")}},
		{func(k *Signer[Part]) bool { return k.trusted() && k.fits() }, &Refusal{envelope.BadSignature, errors.New("the key that the signature names did not make it")}},
		{func(k *Signer[Part]) bool { return k.Revoked }, &Refusal{envelope.RevokedSigner, errors.New("the signature names a revoked key")}},
		{func(k *Signer[Part]) bool { return true }, nil},
	} {
		k := s.first(func(k *Signer[Part]) bool { return k.Named && claim.pass(k) })
		if k == nil {
			continue
		}
		why := claim.refusal
		if why == nil {
			why = k.Refused
		}
		j.ignore(s, k, why)
		return
	}
	tried := 0
	for i := range s.Signers {
		if k := &s.Signers[i]; k.trusted() && slices.Contains(s.known, k.Material) {
			tried++
		}
	}
	if tried == 0 {
		j.v.Stranger(s.Name, errors.New("no trusted key fits the signature"))
		return
	}
	j.v.Stranger(s.Name, fmt.Errorf("%d trusted keys fit the signature, and did not make it", tried))
}

func (s *Signature[Part]) first(pass func(*Signer[Part]) bool) *Signer[Part] {
	for i := range s.Signers {
		if pass(&s.Signers[i]) {
			return &s.Signers[i]
		}
	}
	return nil
}

func (s *Signature[Part]) use(by *Signer[Part]) envelope.KeyUse {
	u := Use(by.Key, by.Own, keyset.Signing, by.Algorithm)
	u.PostQuantum = by.PostQuantum
	u.Subkey, u.Time = by.Subkey, s.Time
	return u
}

func (j *judgement[Part]) ignore(s *Signature[Part], by *Signer[Part], why *Refusal) {
	j.v.Ignore(s.use(by), why.Reason, why.Cause)
}
