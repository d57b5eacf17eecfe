// Package rehearsal plays the network of a partner that tests an endpoint before it lets
// traffic flow: messages that must be answered, messages that must be rejected, and a
// rotation of its own keys under way. Package envelopetest runs it in Go tests, and sealctl
// against an address.
//
// It shares no code with what opens messages: it makes its own, also those that no sealer
// of this module makes.
package rehearsal
