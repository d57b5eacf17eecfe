package jwe_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// What JOSE does not have is not promised: nothing but a signature can be asked for.
func TestRequirePostQuantumOfWhatJOSEHasNot(t *testing.T) {
	w := newWorld(t)
	for want, c := range map[string]jwe.Config{
		"JOSE has no post-quantum key agreement yet": {RequirePostQuantum: keyset.Encryption},
		"it can be asked of signatures alone":        {RequirePostQuantum: keyset.Signing | keyset.Encryption},
		"RequirePostQuantum is 4":                    {RequirePostQuantum: 4},
		"RequirePostQuantum without a signature":     {RequirePostQuantum: keyset.Signing, Waive: []envelope.Waiver{jwe.InsecureEncryptOnly("test")}},
	} {
		c.Own, c.Peer = set(t, w.ourSign, w.ourDecrypt), set(t, public(w.theirSign, w.theirDecrypt)...)
		_, err := jwe.New(c)
		assert.ErrorContains(t, err, want)
	}
}
