package keyset_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelopetest"
	"github.com/sealwax/sealwax/keyset"
)

// Two handles are two processes that have the folder open.
type (
	twoFiles struct {
		keyset.Store
		again keyset.Store
	}
	twoReportFiles struct {
		keyset.Reports
		again keyset.Reports
	}
)

func (two twoFiles) Again() keyset.Store         { return two.again }
func (two twoReportFiles) Again() keyset.Reports { return two.again }

func opened(t *testing.T, dir string) *os.Root {
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	t.Cleanup(func() { _ = root.Close() })
	return root
}

func TestFileKeepsItsPromises(t *testing.T) {
	envelopetest.TestStore(t, func(t *testing.T) keyset.Store {
		dir := t.TempDir()
		return twoFiles{keyset.File(opened(t, dir), "own.json"), keyset.File(opened(t, dir), "own.json")}
	})
}

func TestReportFilesKeepTheirPromises(t *testing.T) {
	envelopetest.TestReports(t, func(t *testing.T) keyset.Reports {
		dir := t.TempDir()
		return twoReportFiles{keyset.ReportFiles(opened(t, dir)), keyset.ReportFiles(opened(t, dir))}
	})
}
