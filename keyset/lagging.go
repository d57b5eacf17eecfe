package keyset

import (
	"fmt"
	"strings"
)

// A LaggingError is why a step must wait: it relies on what some replica has not
// loaded. It comes with [ErrLagging].
type LaggingError struct {
	Revision uint64 // what all replicas must have loaded

	// Replicas are those that are not ready, by name. If there are none, nobody has
	// reported, or the reports cannot be read: that is no consent.
	Replicas []Lag

	Err error // why nothing is known of the replicas, if that is so
}

// A Lag is one replica that is not ready.
type Lag struct {
	Replica string
	Why     string // what it has loaded or refused, or since when it is silent
}

// Error says who lags, and what can be done.
func (e *LaggingError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("whether all replicas have loaded revision %d is not known: %v", e.Revision, e.Err)
	}
	var b strings.Builder
	for n, l := range e.Replicas {
		if n != 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "replica %q %s", l.Replica, l.Why)
	}
	fmt.Fprintf(&b, "; wait until all replicas have loaded revision %d, or forget by name the replica that is no more", e.Revision)
	return b.String()
}

// Unwrap returns Err.
func (e *LaggingError) Unwrap() error { return e.Err }
