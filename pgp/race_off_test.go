//go:build !race

package pgp_test

const raceDetector = false
