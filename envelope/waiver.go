package envelope

import (
	"fmt"
	"strings"

	"github.com/sealwax/sealwax/keyset"
)

// A Waiver permits one thing that is refused by default, and says why. Waivers
// are made by functions whose names begin with Insecure, by nothing else, and
// are reported whenever they matter.
type Waiver struct {
	name, reason string
	keys         string // joined, so that waivers compare with ==
}

// NewWaiver is for implementations of [Envelope]. It panics if the name does
// not contain "Insecure" or the reason is empty.
func NewWaiver(name, reason string) Waiver {
	if !strings.Contains(name, "Insecure") {
		panic(fmt.Sprintf("envelope: waiver %q is not named Insecure", name))
	}
	if strings.TrimSpace(reason) == "" {
		panic(fmt.Sprintf("envelope: waiver %s without a reason", name))
	}
	return Waiver{name: name, reason: reason}
}

// keySeparator is in no ID that names a key.
const keySeparator = "\x00"

// NewKeyWaiver is NewWaiver for what is permitted to some keys only: those with
// the given IDs, or all of them if there are none. It panics if an ID is empty.
func NewKeyWaiver(name, reason string, keys ...keyset.ID) Waiver {
	w := NewWaiver(name, reason)
	var ids []string
	for _, id := range keys {
		if id == "" || strings.Contains(string(id), keySeparator) {
			panic(fmt.Sprintf("envelope: waiver %s for a key without an ID", name))
		}
		ids = append(ids, string(id))
	}
	w.keys = strings.Join(ids, keySeparator)
	return w
}

// Name returns the name of the function that made w: "jwe.InsecureRSA1_5".
func (w Waiver) Name() string { return w.name }

// Reason returns why.
func (w Waiver) Reason() string { return w.reason }

// Keys returns the keys that w is for. It is empty if w is for all of them.
func (w Waiver) Keys() []keyset.ID {
	if w.keys == "" {
		return nil
	}
	var ids []keyset.ID
	for id := range strings.SplitSeq(w.keys, keySeparator) {
		ids = append(ids, keyset.ID(id))
	}
	return ids
}

// String returns the name and the reason.
func (w Waiver) String() string { return w.name + ": " + w.reason }

// MarshalText returns the same text as String, so that a waiver in a JSON log
// says what it is.
func (w Waiver) MarshalText() ([]byte, error) { return []byte(w.String()), nil }
