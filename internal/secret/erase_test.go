//go:build goexperiment.runtimesecret

package secret_test

const erases = true
