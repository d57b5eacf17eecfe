package keyset_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelopetest"
	"github.com/sealwax/sealwax/keyset"
)

func opened(t *testing.T, dir string) *os.Root {
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	t.Cleanup(func() { _ = root.Close() })
	return root
}

func TestFileKeepsItsPromises(t *testing.T) {
	envelopetest.TestStore(t, func(t *testing.T) keyset.Store {
		dir := t.TempDir()
		return envelopetest.TwoStores(keyset.File(opened(t, dir), "own.json"), keyset.File(opened(t, dir), "own.json"))
	})
}

func TestReportFilesKeepTheirPromises(t *testing.T) {
	envelopetest.TestReports(t, func(t *testing.T) keyset.Reports {
		dir := t.TempDir()
		return envelopetest.TwoReports(keyset.ReportFiles(opened(t, dir)), keyset.ReportFiles(opened(t, dir)))
	})
}
