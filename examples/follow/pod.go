package follow

import (
	"log/slog"
	"os"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// Pod is a replica whose manifest own.json and key files Kubernetes mounts as one folder.
// The folder cannot be written, so that reports go elsewhere. The name is that of the pod
// of a StatefulSet.
func Pod(folder *os.Root, name string, reports keyset.Reports, log *slog.Logger) *Replica {
	return &Replica{
		Name:    name,
		Store:   keyset.File(folder, "own.json"),
		Reports: reports,
		Open:    pgp.OpenFile(folder.FS(), nil),
		Log:     log,
	}
}
