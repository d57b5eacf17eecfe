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
// No step needs a restart. Promote takes back Retire, Retire takes back Promote, and
// Remove takes back Add. Evidence stays, and Revoke is final. Formats that
// carry one signature and one recipient use the most preferred active key:
// there Promote is the cut-over, and the old key stays ready beside it.
//
// A key that is compromised is revoked at once. Revoking is final: a revoked key
// stays in its Ring, is used for nothing, and keeps its ID occupied, whatever
// is added, refreshed, reloaded, or probed afterwards.
//
// # The rules
//
// The steps above and [Ring.Reload] ask one table, and nothing else decides. The table
// looks at what a key can do before and after the change, at its evidence and its
// usage, and at the other keys of the ring that results:
//
//	a revoked key in another state, or gone   never                                             ErrTransition
//	another state                             a step from that state                            ErrTransition
//	a new copy                                all parts and revocations that the old copy has   ErrIncomplete
//	a key that has not sealed comes to seal   evidence that the partner has it                  ErrUnproven
//	a key that seals no longer does           another key that seals now                        ErrLastActive  start
//	a key that opens no longer does           another key that opens now                        ErrLastOpener  start
//	a key goes, or no longer opens            the key was not used for the idle time            ErrBusy
//	a key that opens no longer does           another key has opened since it last did          ErrUnproven
//	a key becomes active that was pending     in a Step, all replicas have loaded it            ErrLagging
//	a key goes, or no longer opens            in a Step, no replica seals with it any more      ErrLagging
//
// The rows that end in "start" are asked, too, of a ring that starts with its first
// manifest: of a key that is retiring there, or has a bound, the manifest itself tells
// what it was. The other rows compare with what was before, or with what was counted,
// and nothing is known of that. A ring that starts has nothing else to go on with: what
// the rules do not allow is reported, and in force all the same.
//
// A key seals now if it is active, valid, and fit to seal. It opens now if it is not
// revoked and fit to open, and, being the partner's, valid: decryption ignores validity.
// An end in the past takes a power away as a change of state does. An end that an
// OpenPGP certificate brings along is the word of its owner, and is not held back.
//
// The states lead to each other so; a manifest may also leave states out, because
// whoever reads one may have missed others:
//
//	from \ to   gone      pending   active    retiring  revoked
//	gone        -         step      manifest  manifest  manifest
//	pending     step      -         step      manifest  step
//	active      manifest  -         -         step      step
//	retiring    step      -         step      -         step
//	revoked     -         -         -         -         -
//
// A revocation is asked nothing. There are two ways out for a person who knows better:
// [Ring.Acknowledge] with the reason in place of evidence, which the manifest keeps, and
// [Ring.RemoveUnchecked] with the reason in place of usage. Both leave their trace in
// the manifest. A manifest that lacks a key is asked for usage whatever traces it has.
//
// # Stores and fleets
//
// A [Manifest] is a set as it is stored, without its secrets. A [Store] keeps one: a
// [File], or an adapter to a distributed store. A program follows it with [Follow].
// What the rules refuse stays as it was, and holds back nothing but what relies on it;
// [Outcome] lists it. A ring that followed manifests is as one that was just started from
// the last of them, wherever nothing was refused.
//
// [Step] makes a step in a store, as many operators at once as like, and without any
// secret. Any number of replicas may follow the store, one after the other and after a
// pause, because Step waits for all of them where this table says so: it refuses the step,
// with [ErrLagging] and the names of the replicas that are not ready.
//
//	step     all replicas first?            because otherwise
//	add      -                              (a key that is not there yet opens nothing)
//	probe    yes: all have added            the answer may reach one that cannot open it
//	promote  yes: all have added, on both   messages are sealed with a key that some
//	         sides                          replica does not know
//	retire   no                             (the old key still opens everywhere)
//	remove   yes: all have retired, and     some replica still seals with it, or is still
//	         been idle on all               sent messages that only it opens
//	revoke   no, as fast as possible        each replica that has not heard of it still
//	                                        trusts the key
//
// In short: everybody opens with a key before anybody seals with it, and nobody
// seals with it any more before anybody stops opening with it.
//
// Step knows of the replicas what they say themselves: each publishes a [Report] where it
// follows, [ReportTo]. A replica is ready if it has loaded the manifest that the step
// begins with, has refused nothing of the key, and is not silent. It counts from its
// first report on, until an operator says that it is gone, [Ring.Forget]: one that is cut
// off goes on with its old keys, and nobody can tell it from one that has ended. Of the
// other party's replicas nothing is known but what the other party says: that is the
// evidence which [Ring.Acknowledge] records.
//
// # Published keys
//
// Many partners rotate by publishing a set of keys at a URL. [TakePublished] brings a
// ring up to such a set, through the steps above: a new key is pending, a key that is
// published no longer is reported, and absence removes and revokes nothing. Transport is
// the affair of the program; examples/published has one.
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
