package envelope

import (
	"fmt"
	"strings"
)

// A Waiver permits one thing that is refused by default, and says why. Waivers
// are made by functions whose names begin with Insecure, by nothing else, and
// are reported whenever they matter.
type Waiver struct {
	name, reason string
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
	return Waiver{name, reason}
}

// Name returns the name of the function that made w: "jwe.InsecureRSA1_5".
func (w Waiver) Name() string { return w.name }

// Reason returns why.
func (w Waiver) Reason() string { return w.reason }

// String returns the name and the reason.
func (w Waiver) String() string { return w.name + ": " + w.reason }

// MarshalText returns the same text as String, so that a waiver in a JSON log
// says what it is.
func (w Waiver) MarshalText() ([]byte, error) { return []byte(w.String()), nil }
