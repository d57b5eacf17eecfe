package envelopetest_test

import "testing"

// The unit test that the example of this package shows.
func TestOrders(t *testing.T) { testOrders(t) }
