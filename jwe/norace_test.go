//go:build !race

package jwe_test

const underRace = false
