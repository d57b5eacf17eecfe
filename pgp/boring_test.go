//go:build goexperiment.boringcrypto

package pgp_test

const boring = true
