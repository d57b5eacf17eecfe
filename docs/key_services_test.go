package docs_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The table of all services says what the table of each module says, which its own tests
// hold against the service.
func TestKeyServices(t *testing.T) {
	page := text(t, "docs/key-services.md")
	rows := regexp.MustCompile("(?m)^\\| `((?:sign|decrypt) [^`]+)` \\| (yes|no) \\| (yes|no) \\| (yes|no) \\| (yes|no) \\|$").FindAllStringSubmatch(page, -1)
	require.Len(t, rows, 9)
	hsm := text(t, "keyset/pkcs11/README.md")
	for _, row := range rows {
		operation := row[1]
		for n, module := range []string{"awskms", "vault", "gcpkms"} {
			m := regexp.MustCompile("(?m)^\\| `" + regexp.QuoteMeta(operation) + "` \\| ([^|]+) \\|").FindStringSubmatch(text(t, "keyset/"+module+"/README.md"))
			require.NotNil(t, m, "%s of %s", operation, module)
			no := m[1] == "no" || m[1] == "-"
			assert.Equal(t, row[3+n] == "yes", !no, "%s of %s: %s", operation, module, m[1])
		}
		kind, name, _ := strings.Cut(operation, " ")
		key := "RSA"
		if curve, ok := strings.CutPrefix(name, "ECDSA "); ok {
			key = curve
		}
		line := regexp.MustCompile(`(?m)^\| ` + key + ` to ` + kind + ` \| ([^|]*) \|`).FindStringSubmatch(hsm)
		require.NotNil(t, line, "%s on a token", operation)
		assert.Equal(t, row[2] == "yes", strings.Contains(", "+line[1]+",", ", "+name+","), "%s on a token: %s", operation, line[1])
	}
}
