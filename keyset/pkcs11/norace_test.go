//go:build !race

package pkcs11_test

const underRace = false
