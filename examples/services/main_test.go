package main

import (
	"bytes"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/internal/process"
)

// The whole example: what it prints at the end is what it promises.
func TestRotationWithServices(t *testing.T) {
	var b bytes.Buffer
	err := run(t.Context(), &b)
	if errors.Is(err, process.ErrMissing) && os.Getenv("SEALWAX_REQUIRE_PEERS") != "1" {
		t.Skip(err)
	}
	out := b.String()
	require.NoError(t, err, out)
	found := regexp.MustCompile(`requests ([1-9]\d{2,}), succeeded (\d+), rejected 0\n`).FindStringSubmatch(out)
	require.Len(t, found, 3, out)
	assert.Equal(t, found[1], found[2], "each request succeeded, if need be when it was sealed anew")
	assert.Regexp(t, `answered by 503 [1-9]\d*, not sealed or opened by their sender [1-9]\d*, of both outside of an outage 0\n`, out)
	assert.Regexp(t, `bad messages [1-9]\d+, rejected [1-9]\d+, answered by 503 in an outage \d+\n`, out)
	assert.Contains(t, out, "keys 6, rotated 6\n")
	assert.Regexp(t, `the token is pulled out\n.*it is back after 2\.\d s: 503 was answered [1-9]`, out)
	assert.Regexp(t, `local-kms is killed\n.*it is back after 2\.\d s: 503 was answered [1-9]`, out)
	assert.Regexp(t, `refused when it is loaded: .*awskms: key arn:aws:kms:eu-central-1:111122223333:key/\S+ decrypts .* which AWS KMS does not do`, out)
	for _, key := range []string{"bank, OpenPGP removes bank-1", "bank, JOSE removes bank-sign-1", "bank, JOSE removes bank-read-1", "shop, OpenPGP removes shop-1", "shop, JOSE removes shop-sign-1", "shop, JOSE removes shop-read-1"} {
		assert.Equal(t, 1, strings.Count(out, key+": it sealed "), key)
	}
	assert.NotContains(t, out, "FAILED")
	assert.NotContains(t, out, pin)
}
