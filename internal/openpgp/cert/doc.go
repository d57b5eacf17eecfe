// Package cert reads, evaluates, writes, and makes certificates (RFC 9580, Section
// 10.1), and signs, verifies, encrypts, and decrypts with their component keys.
//
// A certificate is verified when it is read, each signature once, and evaluated
// into a table of components that is never changed: the library's own evaluation
// keeps the first policy it was asked with, and races (T12, T13). What a component
// may do in one message is the policy of package pgp.
package cert
