// Package docs_test holds the documents of the module to what is true: their code is
// compiled, their commands are run, and their links lead somewhere.
package docs_test

import (
	"fmt"
	"os"
	"testing"
)

// Paths in the documents, and in these tests, begin at the root of the module.
func TestMain(m *testing.M) {
	if err := os.Chdir(".."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
