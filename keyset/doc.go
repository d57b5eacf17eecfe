// Package keyset keeps the keys of one party through every rotation.
//
// A [Set] is an immutable list of keys. A [Ring] holds the current Set and can
// replace it while it is in use. A program that never rotates needs only a
// Set; a program that rotates keeps one pair of Rings for each partner: its
// own private keys, and the partner's public ones.
//
// # What a state allows
//
// The [State] of a key decides what the key is used for:
//
//	State     Seal  Open
//	Pending   no    yes
//	Active    yes   yes
//	Retiring  no    yes
//	Revoked   no    no
//
// In one sentence: Seal uses the active keys, Open accepts every key that is
// not revoked. What sealing and opening mean depends on the side:
//
//	                 Seal                Open
//	our own keys     sign                decrypt
//	partner's keys   encrypt to them     verify their signatures
//
// An OpenPGP certificate usually does both. A JOSE key does one of the two: it
// either seals or opens, and a state that speaks of the other has no effect on
// it.
//
// Trust begins with Add, not with Promote: a partner's Pending key is accepted
// at once. Compare its fingerprint with the partner, over another channel,
// before it is added.
//
// # Rotation without downtime
//
//	Ring.Add          the new key is Pending: it opens, it does not seal
//	                  (hand out our new public key, or receive the partner's)
//	Ring.Probe        seal a test message with the new key; if the partner
//	Ring.Acknowledge  answers it, record that as evidence
//	Ring.Promote      the new key is Active, beside the old one
//	Ring.Retire       the old key is Retiring: it opens, it no longer seals
//	Ring.Remove       the old key has been idle, and others have opened since
//
// No step needs a restart. Every step before Remove can be undone. Formats that
// carry one signature and one recipient use the most preferred active key:
// there Promote is the cut-over, and the old key stays ready beside it.
//
// The changes of state, and who asks for what, are these; [Set.WithState] and
// [Set.Without] make them without asking:
//
//	Pending  -> Active    Promote  evidence, if the key seals
//	Active   -> Retiring  Retire   another key seals
//	Retiring -> Active    Promote
//	any      -> Revoked   Revoke
//	Pending, Retiring     Remove   idle, others have opened since, others open
//
// A key that is compromised is revoked at once. Revoking is final: a revoked key
// stays in its Ring, is used for nothing, and keeps its ID occupied, whatever
// is added, replaced, refreshed, or probed afterwards.
//
// # Files and fleets
//
// A [Manifest] is a set as it is stored, without its secrets. A program follows
// one with [Ring.Reload], which asks for the same as the steps above; what it
// refuses leaves the ring as it was, revocations apart, and passes with the next
// version of the file. Any number of replicas may follow one manifest, one after
// the other and after a pause, if every step waits for all of them where this
// table says so:
//
//	step     all replicas first?            because otherwise
//	add      -                              (a key that is not there yet opens nothing)
//	probe    yes: all have added            the answer may reach one that cannot open it
//	promote  yes: all have added, on both   messages are sealed with a key that some
//	         sides                          replica does not know
//	retire   no                             (the old key still opens everywhere)
//	remove   yes: all have retired, and     some replica still seals with it; merge the
//	         been idle on all               usage of all with [Ring.Merge] first
//	revoke   no, as fast as possible        each replica that has not heard of it still
//	                                        trusts the key
//
// In short: everybody opens with a key before anybody seals with it, and nobody
// seals with it any more before anybody stops opening with it.
//
// # Concurrency
//
// Sets are immutable and Rings are synchronized: both are safe for concurrent
// use. An operation loads the Set once, so a replacement never takes effect in
// the middle of a message.
//
// # One relationship, one pair of Rings
//
// States, evidence, and usage belong to one relationship: what one partner has
// installed says nothing about another. Give each partner its own Rings. Rings
// may share [Material].
package keyset
