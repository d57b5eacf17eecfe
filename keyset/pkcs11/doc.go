// Package pkcs11 uses private keys that never leave a PKCS #11 token: an HSM, a smart card,
// or SoftHSM. It is a module of its own, and needs cgo: it loads the library of the token's
// vendor into the process, by the binding github.com/miekg/pkcs11.
//
//	module, err := pkcs11.Open(pkcs11.Config{Library: "/usr/lib/softhsm/libsofthsm2.so", PIN: pin})
//	…
//	keyset.Schemes(map[string]keyset.Opener{"pkcs11": module.OpenJOSE()}) // for manifests
//	remote, err := module.Remote(ctx, "pkcs11:token=bank;object=sign-2027", keyset.Signing)
//
// A [Module] is one library, and finds tokens by what a URI says of them ([RFC 7512]): their
// slots may change. It logs in when the first key of a token is asked for. A token that is
// pulled out, or loses its sessions, is an outage ([keyset.ErrUnavailable]) as long as that
// lasts; the next call finds it again, asks for the PIN, and logs in. A session that turns
// out to be lost before it had a ciphertext costs no message: what it was asked for is asked
// once more, in a new one. A PIN that a token refuses is never tried again.
//
// # Calls that do not end
//
// PKCS #11 has no way to cancel a call. One whose ctx ends returns at once, and the library
// goes on in a goroutine, which is the one kind here that outlives a call. Its session is
// lent to nobody until then, so that there are never more of them than Config.Sessions for
// each token; whoever comes next waits for one, as long as ctx allows.
//
// # What a stranger can find out
//
// Where a token does raw RSA (CKM_RSA_X_509) with a key, PKCS #1 v1.5 is taken off here, in
// constant time, and another message comes in place of bad padding: RFC 8017, Section
// 7.2.2, needs that. What every token does itself is RSA-OAEP, and PKCS #1 v1.5 where it
// does no raw RSA: then every code but those of a lost token or session says that the
// ciphertext does not decrypt, because SoftHSM and others say CKR_GENERAL_ERROR to bad
// padding. Nothing is asked twice to find out which it was.
//
// [RFC 7512]: https://www.rfc-editor.org/rfc/rfc7512.html
package pkcs11
