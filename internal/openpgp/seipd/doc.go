// Package seipd encrypts and decrypts the encrypted data of an OpenPGP message:
// RFC 9580, Section 5.13, in both versions, and the AEAD packet of LibrePGP.
//
// What it decrypts it hands out as a [Plaintext], and only after all of the data
// was found intact. Nothing else makes one. Whoever reads decrypted bytes takes
// a Plaintext, so that nothing can be parsed, inflated, or hashed too early
// (RFC 9580, Section 13.7): a carrier who changes a recorded message must not
// learn from the time or the memory of an answer what the change decrypts to.
package seipd
