// Package jwe implements [envelope.Envelope] with JOSE: the payload is signed
// as a JWS ([RFC 7515]) and the JWS is encrypted as a JWE ([RFC 7516]).
//
//	own, err := keyset.New(1, // a key to sign, and a key to decrypt
//		keyset.Key{Material: weSign, State: keyset.Active}, keyset.Key{Material: weDecrypt, State: keyset.Active})
//	peer, err := keyset.New(1,
//		keyset.Key{Material: theySign, State: keyset.Active}, keyset.Key{Material: theyDecrypt, State: keyset.Active})
//	e, err := jwe.New(jwe.Config{Own: own, Peer: peer})
//	sealed, err := e.Seal(ctx, payload)      // signed by us, for them
//	message, err := e.Open(ctx, theirSealed) // signed by them, for us
//
// By default messages are in compact serialization, which has room for one
// signature and one recipient: Seal uses the most preferred key on either side.
// Set [Config.JSON] to sign with and encrypt to all active keys. Open accepts
// both serializations and tries every trusted key, the one that the message names
// first. A "kid" is only a hint: messages without one, with an unknown one, or with
// one that several keys share open all the same.
//
// # Keys
//
// [ReadKeys] and [ReadKey] read keys in the files in which partners hand them out.
//
// A [Key] is used only for its use, only for its algorithms if it is bound to
// any, and only if its size is allowed: RSA from 2048 to 4096 bits, P-256,
// P-384, P-521, Ed25519 and ML-DSA to sign, X25519 to encrypt. Its ID in a
// [keyset.Set] is the thumbprint of [RFC 7638]; its name is the "kid". Private
// keys may be elsewhere: see [NewKey].
//
// # Post-quantum
//
// [MLDSA44], [MLDSA65], and [MLDSA87] of [RFC 9964] sign in a way that holds against a
// quantum computer. A private key is its seed of 32 bytes. The program has to be built
// with Go 1.27 or later, and, if with a frozen module of FIPS 140-3, with one from
// version 1.26.0 on. In any other program, whatever asks for them returns an error that
// wraps [errors.ErrUnsupported], a message that is signed with them is rejected as
// [envelope.Forbidden], and such an entry of a JWK Set is passed over.
// [Config].RequirePostQuantum asks for such a signature.
//
// JOSE has nothing of the kind to encrypt with. RFC 9964 is about signatures alone; HPKE
// for JOSE (draft-ietf-jose-hpke-encrypt), and what is to add ML-KEM to it, are drafts.
// Until one of them is an RFC, whoever records a message can read it once RSA and elliptic
// curves do not hold, whoever has signed it. So [envelope.Message].PostQuantum never has
// Encryption here. What has to stay secret for that long belongs into package pgp.
//
// The signature of a message is longer: 3227, 4412, or 6170 characters of base64url inside
// of the JWE, where ES256 has 86 and PS256 with RSA-3072 has 512. The public key in a JWK is
// of 1750, 2603, or 3456.
//
// A partner whose program does not know the algorithm refuses a message in compact
// serialization, and says so in its own words: npm's jose under Node 20 "Unrecognized
// algorithm name", node-jose "unsupported key type", jwcrypto "Unknown type", rhonabwy
// "Invalid token". jwcrypto and node-jose refuse a whole JWK Set for one such key, so that
// the partner has to be asked before the key is published. While a partner learns it, set
// [Config.JSON] and keep a classical key active beside the new one: the message has both
// signatures, each of those programs verifies the one that it knows (rhonabwy reads
// no JSON serialization), and so does Open. go-jose does if its caller lists both
// algorithms.
//
// # What is refused
//
// Refused by default are RSA1_5, "none", symmetric and password-based algorithms,
// compression, header parameters that carry keys or URLs ("jwk", "jku", "x5c",
// "x5u"), and critical extensions ("crit", "b64"). Functions named Insecure make
// the waivers for what partners insist on. Headers are JSON objects of at most 8
// KiB, without duplicate members. A token in compact serialization has one
// spelling: base64url without padding, line ends, or unused bits.
//
// In JSON serialization, what is not protected decides nothing, with one exception:
// "alg", "epk", "apu", and "apv", which tell how the key of a recipient is unwrapped, may
// stand in the header of the recipient or in the shared one. Signatures are judged one by
// one, and one that counts is enough.
//
// There is no AlsoTo as in package pgp: the compact serialization, which partners ask
// for, has room for one recipient.
//
// # What the content is
//
// The content of a JWE is a JWS if it has the structure of one, and then it must verify:
// three parts of which the first is a header with "alg", or a JSON object with a payload
// and a signature with a protected header. Any other content is an error, but for two
// settings: with a JWS around the JWE ([EncryptThenSign]) and with [InsecureEncryptOnly]
// it is the payload. With those settings Seal returns an error for a payload that has the
// structure of a JWS.
//
// Work is bounded. A message has at most 32 recipients and 32 signatures. It costs at
// most 64 private-key operations and 64 verifications; a verification under P-384 counts
// as two, and one under P-521 as eight. Keys that the message names go first. The payload
// is hashed eight times at most, or up to 16 MiB in all if it is small. A remote key is
// asked when the message names it, and otherwise after all local keys, at most four
// times.
//
// [RFC 7515]: https://www.rfc-editor.org/rfc/rfc7515.html
// [RFC 7516]: https://www.rfc-editor.org/rfc/rfc7516.html
// [RFC 7638]: https://www.rfc-editor.org/rfc/rfc7638.html
// [RFC 9964]: https://www.rfc-editor.org/rfc/rfc9964.html
package jwe
