//go:build !go1.27

package mldsa_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sealwax/sealwax/internal/mldsa"
)

func TestTheReleaseIsNamed(t *testing.T) {
	assert.EqualError(t, mldsa.Available(), "ML-DSA needs a program that is built with Go 1.27 or later: unsupported operation")
}
