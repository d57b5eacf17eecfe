// Package pgp implements [envelope.Envelope] with OpenPGP, as specified in
// [RFC 9580].
//
//	own, err := keyset.New(1, keyset.Key{Material: ourPrivateKey, State: keyset.Active})
//	peer, err := keyset.New(1, keyset.Key{Material: theirCertificate, State: keyset.Active})
//	e, err := pgp.New(pgp.Config{Own: own, Peer: peer})
//	sealed, err := e.Seal(ctx, payload)      // signed by us, for them
//	message, err := e.Open(ctx, theirSealed) // signed by them, for us
//
// [ReadKey] reads keys from files, and [GenerateKey] makes them.
//
// A message is one signed and encrypted OpenPGP message. It is signed by all
// active keys of ours and encrypted to all active keys of the partner, so that
// during a rotation either side can be ahead of the other.
//
// Nothing of a message is parsed, decompressed, or hashed before all of its
// encrypted data is known to be intact.
//
// Work is bounded. Of one message at most 256 packets are read on each level, and 32
// signatures. Decryptions of session keys have a budget of 64 operations with RSA-4096,
// and so have verifications; an algorithm that costs more gets fewer operations. RSA-8192
// gets five, SLH-DSA eight verifications, and brainpoolP512r1 two. Keys that the message
// names go first. A remote key is asked when the message names it, and otherwise after
// all local keys, at most four times. At most four candidates for the session key are
// tried on the body; on a small body more, up to 1 MiB of decryption in all. Compressed
// data may grow to a thousand times its size, and to 256 KiB if that is more, but never
// beyond MaxSize. It may have 64 tables, and one more for each KiB. The payload is hashed
// at most four times, or up to 4 MiB in all; signatures that would need more do not
// count.
//
// By default a message must be signed, must be integrity protected (SEIPDv1 or
// SEIPDv2, RFC 9580, Section 5.13, or the AEAD packet of LibrePGP, which GnuPG
// 2.3 and later write), and must name us as a recipient if it names any
// (Intended Recipient Fingerprint, Section 5.2.3.36). Signatures use SHA-256 or
// better; RSA keys have at least 2048 bits.
//
// # Timing
//
// Session keys under RSA use PKCS #1 v1.5, because OpenPGP has nothing else. A session
// key that does not decrypt is replaced with a random one, and the body is decrypted all
// the same: the error, the outcome, and the work are the same as with a session key that
// decrypts and is the wrong one. What remains is how the standard library parses the
// padding, some nanoseconds in milliseconds; bench/timing measures it. A key on
// Curve25519 has no such weakness, and is what to choose where the partner allows it.
//
// The message grammar, the choice of keys, and the judgement of signatures are
// this package's own. Packets, keys, and public-key cryptography are those of
// github.com/ProtonMail/go-crypto; content is encrypted with AES of the standard
// library, in CFB or GCM, or with the library's OCB and EAX.
//
// [RFC 9580]: https://www.rfc-editor.org/rfc/rfc9580.html
package pgp
