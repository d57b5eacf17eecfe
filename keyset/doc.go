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
// A ring that starts with its first manifest is asked the rows that end in "start", and
// no others. Those two need no history: if a key is retiring, or has an end, the manifest
// itself says that the key was in use before. The other rows compare with an earlier set
// or with counted uses, and a ring that starts has neither. Nor has it other keys to go
// on with: what the two rows do not allow is reported, and in force all the same.
//
// A key seals now if it is active, valid, and fit to seal. A key opens now if it is not
// revoked and fit to open. A key of the partner must be valid as well; a key of ours need
// not, because decryption ignores validity. To set an end in the past is asked the same
// as a change of state. An end that an OpenPGP certificate brings along is the word of
// its owner, and always takes effect.
//
// This table says which change of state is a step, and which only a manifest can make. A
// manifest may leave states out, because whoever reads it may have missed the manifests
// before it:
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
// [Ring.RemoveUnchecked] with the reason in place of usage. Both leave their trace in the
// manifest. If a manifest lacks a key, Reload asks for the usage of that key, whatever
// traces the manifest has.
//
// # Stores and fleets
//
// A [Manifest] is a set as it is stored, without its secrets. A [Store] keeps one: a
// [File], or an adapter to a distributed store. A program follows it with [Follow]. A
// change that the rules refuse leaves its key as it was, and holds back only the changes
// that rely on it; [Outcome] lists what was refused. Where nothing was refused, a ring
// that followed manifests equals a ring that was just started from the last of them.
//
// [Step] makes a step in a store. It needs no secret, and any number of operators may
// call it at once. Replicas follow the store each in its own time. Where this table says
// so, a step needs all of them: otherwise Step refuses it with [ErrLagging] and the names
// of the replicas that are not ready.
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
// Step knows of the replicas only what they say: each of them publishes a [Report]; see
// [ReportTo]. A replica is ready if it has loaded the manifest that the step begins with,
// has refused nothing of the key, and is not silent. It counts from its first report
// until an operator says that it is gone; see [Ring.Forget]. A replica that is only cut
// off still serves with its old keys, and nobody else can tell it from one that has
// ended. About the replicas of the partner only the partner can speak: what it says is
// the evidence that [Ring.Acknowledge] records.
//
// # Published keys
//
// Many partners rotate by publishing a set of keys at a URL. [TakePublished] brings a
// ring up to such a set, through the steps above. A new key becomes pending. A key that
// is no longer published is reported, and is neither removed nor revoked. The program
// itself fetches the set; examples/published does.
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
