package keyset

import "errors"

// The errors of this package wrap these, so that [errors.Is] finds them, and
// add the key that is meant and what can be done.
var (
	// ErrNotFound is returned when no key of the set has the given ID.
	ErrNotFound = errors.New("keyset: key not found")

	// ErrDuplicate is returned when a key enters a set that already has its
	// ID; see [Ring.Refresh] for a new copy of the same key. The ID of a
	// revoked key stays occupied for ever.
	ErrDuplicate = errors.New("keyset: key already present")

	// ErrTransition is returned when a key cannot go from its state to the
	// requested one. Nothing leads out of Revoked.
	ErrTransition = errors.New("keyset: state change not allowed")

	// ErrUnproven is returned when a step would rely on a key that has not
	// been shown to work.
	ErrUnproven = errors.New("keyset: no evidence that the key works")

	// ErrLastActive is returned when a change would leave nothing to seal with.
	ErrLastActive = errors.New("keyset: last key that seals")

	// ErrLastOpener is returned when a change would leave nothing to open with.
	ErrLastOpener = errors.New("keyset: last key that opens")

	// ErrBusy is returned by [Ring.Remove] for a key that was used too
	// recently to be removed.
	ErrBusy = errors.New("keyset: key still in use")

	// ErrStale is returned when the revision of a set is lower than one that
	// was already in force.
	ErrStale = errors.New("keyset: revision is not newer")

	// ErrConflict is returned when the revision of a set is the one already
	// in force, and the set is not.
	ErrConflict = errors.New("keyset: same revision, different keys")

	// ErrUnavailable is wrapped by every error of a key service that does not
	// depend on the message. Package envelope never reports such an error as
	// a rejected message.
	ErrUnavailable = errors.New("keyset: key service unavailable")
)
