package text_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sealwax/sealwax/internal/text"
)

func TestSeems(t *testing.T) {
	for in, want := range map[string]string{
		"\xff\xfe-\x00": "UTF-16", "\n\t<html>": "XML or HTML", "PK\x03\x04": "ZIP", "\x1f\x8b\x08": "gzip",
		`"MIIB"`: "JSON string", "-----BEGIN+CERTIFICATE": "form-encoded", "%2D%2D%2D%2D%2D": "percent-encoded",
	} {
		assert.Contains(t, text.Seems([]byte(in)), want)
	}
	for _, in := range []string{"", "-----BEGIN CERTIFICATE-----", "{}", "\x30\x82"} {
		assert.Empty(t, text.Seems([]byte(in)), in)
	}
}
