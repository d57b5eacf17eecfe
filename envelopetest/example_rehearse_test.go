package envelopetest_test

import (
	"testing"

	"github.com/sealwax/sealwax/envelopetest"
	"github.com/sealwax/sealwax/keyset"
)

// testLaunch is a test of a handler: call it TestLaunch. serve is the program's own: it
// makes the handler that trusts the keys of network, as a function of bodies.
func testLaunch(t *testing.T, own *keyset.Set, serve func(network *keyset.Set) func(body []byte) (reply []byte, status int)) {
	envelopetest.Rehearse(t, own, nil, serve)
}

// A handler is rehearsed: what a network tries before a launch is tried in a unit test.
func ExampleRehearse() {
	// In a file that ends in _test.go, testLaunch is
	//
	//	func TestLaunch(t *testing.T)
	_ = testLaunch
	// Output:
}
