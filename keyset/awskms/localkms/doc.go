// Package localkms pins local-kms, a server with the API of AWS KMS, for the tests of
// package awskms, which build it. It is a module of its own, so that nothing which is
// published requires it.
package localkms
