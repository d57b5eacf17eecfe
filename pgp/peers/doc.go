// Package peers exchanges messages with OpenPGP libraries that other Go programs
// use: golang.org/x/crypto/openpgp, which a thousand old ones have, keybase's fork
// of it, and gopenpgp. It is a module of its own, so that none of them comes with
// package pgp.
package peers
