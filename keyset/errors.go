package keyset

import "errors"

// The errors of this package wrap these, so that [errors.Is] finds them, and
// add the key that is meant and what can be done.
var (
	// ErrNotFound is returned when no key of the set has the given ID.
	ErrNotFound = errors.New("keyset: key not found")

	// ErrDuplicate is returned when a key enters a set that already has its
	// ID; [Ring.Refresh] is for a new copy of the same key. The ID of a
	// revoked key stays occupied for ever.
	ErrDuplicate = errors.New("keyset: key already present")

	// ErrTransition is returned when a key cannot go from its state to the
	// requested one. Nothing leads out of Revoked.
	ErrTransition = errors.New("keyset: state change not allowed")

	// ErrUnproven is returned when a step would rely on a key that has not
	// been shown to work.
	ErrUnproven = errors.New("keyset: no evidence that the key works")

	// ErrIncomplete is returned for a new copy of a key that lacks a part or a
	// revocation that the old copy has.
	ErrIncomplete = errors.New("keyset: the new copy lacks something")

	// ErrOtherCopy is returned for a source that holds another copy of the key
	// than the manifest means by its digest.
	ErrOtherCopy = errors.New("keyset: not the copy that the manifest means")

	// ErrRevocationLost is returned for a write that would undo a revocation.
	ErrRevocationLost = errors.New("keyset: a revoked key must stay in the manifest")

	// ErrLastActive is returned when a change would leave nothing to seal with.
	ErrLastActive = errors.New("keyset: last key that seals")

	// ErrLastOpener is returned when a change would leave nothing to open with.
	ErrLastOpener = errors.New("keyset: last key that opens")

	// ErrBusy is returned by [Ring.Remove] for a key that was used too
	// recently to be removed.
	ErrBusy = errors.New("keyset: key still in use")

	// ErrUnconfirmed is returned for a published key that waits for a person to
	// confirm it.
	ErrUnconfirmed = errors.New("keyset: published, and not confirmed")

	// ErrNothingPublished is returned for a publication without a key that could be
	// read: nothing follows from what may be a fault of a cache.
	ErrNothingPublished = errors.New("keyset: no key is published")

	// ErrStale is returned when the revision of a set is lower than one that
	// was already in force.
	ErrStale = errors.New("keyset: revision is not newer")

	// ErrConflict is returned when the revision of a set is the one already
	// in force, and the set is not, and when a store no longer holds what was read.
	ErrConflict = errors.New("keyset: changed by somebody else")

	// ErrReadOnly is returned by a [Store] or [Reports] that cannot be written, such
	// as a mounted ConfigMap.
	ErrReadOnly = errors.New("keyset: the store cannot be written")

	// ErrLagging is returned when a step would rely on what some replica has not
	// loaded yet; see [LaggingError].
	ErrLagging = errors.New("keyset: not all replicas are ready")

	// ErrUnavailable is wrapped by every error of a key service, or of a memory of
	// messages, that does not depend on the message. Package envelope never
	// reports such an error as a rejected message.
	ErrUnavailable = errors.New("keyset: key service unavailable")
)
