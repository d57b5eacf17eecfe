// Package sealwax is the root of a pure cryptographic envelope SDK.
//
// Two parties exchange messages that are signed by one and encrypted to the
// other. This module turns a payload into such a message and back. It opens no
// sockets, starts no goroutines that outlive a call, and reads no environment
// variables: bytes in, bytes out.
//
//	keyset        which keys are trusted, and how they rotate
//	envelope      the interface every format implements, results and errors
//	pgp           OpenPGP, RFC 9580
//	jwe           nested JWS in JWE, RFC 7515 and RFC 7516
//	envelopetest  a fake for your tests, and a test suite for implementations
//	examples      complete programs, run by go test
//
// Imports point one way: pgp and jwe use envelope, envelope uses keyset, and
// keyset uses only the standard library.
//
// Start with the README, whose first program can be pasted, or with [the example of pgp]
// or [that of jwe].
//
// [the example of pgp]: https://pkg.go.dev/github.com/sealwax/sealwax/pgp#example-package
// [that of jwe]: https://pkg.go.dev/github.com/sealwax/sealwax/jwe#example-package
package sealwax
