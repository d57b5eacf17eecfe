package envelope

import (
	"context"
	"errors"
	"time"
)

var (
	// ErrForgotten is wrapped by the error of [Replays] for a message that is
	// older than the memory: whether it was accepted before is not known.
	ErrForgotten = errors.New("envelope: the memory of messages began after this one was made")

	// ErrFull is wrapped by the error of [Replays] if there is no room for one
	// more message. Nothing is forgotten to make room.
	ErrFull = errors.New("envelope: the memory of messages is full")
)

// Replays remembers the messages that were accepted, so that none is accepted
// twice: the field Replays of the Config of each format. [Memory] is one for a
// single process; package envelope/valkey has one that many processes share.
//
// Implementations are safe for concurrent use. One of them serves one partner:
// what it has room for is then never taken by the messages of another.
type Replays interface {
	// Remember reports whether all digests of s are new, and if so remembers
	// them until s.Until. If one of them is known, it remembers none of the
	// others. Of several calls at once with one digest in common, in however many
	// processes, at most one is told that its digests are new.
	//
	// An error says nothing about the message: whoever sent it has to seal
	// anew. It is an error if s has no digests, or if s.Until has passed by the
	// clock of the memory, which would forget them at once. The error wraps
	// [ErrForgotten] if the digests are new and the memory began after s.Made.
	// It wraps [ErrFull] if there is no room. It is an error if ctx has ended, and
	// Remember returns by the deadline of ctx.
	//
	// Remember neither keeps nor modifies s.Digests.
	Remember(ctx context.Context, s Sighting) (fresh bool, err error)
}

// A Sighting is a message that is about to be accepted.
type Sighting struct {
	// Digests are those of the signatures that count, [KeyUse].Digest, and in JOSE
	// that of a JWE that is signed around the outside. There are 65 at most.
	Digests [][32]byte

	// Made is the date of the earliest of these signatures, as their signers
	// claim it: nobody has accepted the message before. If it is zero, a memory
	// that began later accepts the message all the same.
	Made time.Time

	// Until is the time until which the message could be accepted again, by the
	// slowest clock that is allowed.
	Until time.Time
}
