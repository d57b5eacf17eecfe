// Package pgp implements [envelope.Envelope] with OpenPGP, as specified in
// [RFC 9580].
//
// A message is one signed and encrypted OpenPGP message. It is signed by all
// active keys of ours and encrypted to all active keys of the partner, so that
// during a rotation either side can be ahead of the other.
//
// Work is bounded: of one message at most 32 session-key packets and 32
// signatures are looked at, at most 64 private-key operations and 64
// verifications are done, keys named by the message first.
//
// By default a message must be signed, must be integrity protected (SEIPDv1,
// RFC 9580, Section 5.13.1), and must name us as a recipient if it names any
// (Intended Recipient Fingerprint, Section 5.2.3.36). Signatures use SHA-256 or
// better; RSA keys have at least 2048 bits.
//
// The message grammar, the choice of keys, and the judgement of signatures are
// this package's own. Packets, keys, and cryptography are those of
// github.com/ProtonMail/go-crypto.
//
// [RFC 9580]: https://www.rfc-editor.org/rfc/rfc9580.html
package pgp
