// Package envelopetest helps to test code that uses envelopes, and to test
// envelopes and stores.
//
// For handlers and clients, [New] returns a fake that seals in readable text
// and fails on request, without any key. For code that follows a manifest or steps
// through a rotation, [NewStore] and [NewReports] are a fleet in memory.
//
// [Rehearse] plays the network that tests a partner before its launch, against a handler.
//
// For implementations, [TestEnvelope] checks every promise that package envelope
// makes, and [TestStore] and [TestReports] those of the interfaces of package keyset.
//
// The functions of this package panic outside of tests.
package envelopetest
