// Package envelopetest helps to test code that uses envelopes, and to test
// envelopes.
//
// For handlers and clients, [New] returns a fake that seals in readable text
// and fails on request, without any key. For implementations, [TestEnvelope]
// checks every promise that package envelope makes.
//
// The functions of this package panic outside of tests.
package envelopetest
