package keyset

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// ReportFiles returns the reports of one manifest in a folder of their own, beside
// [File]: one file for each replica, called by a digest of its name. root must stay
// open. Files are replaced as [File] does it, and the same file systems are supported.
func ReportFiles(root *os.Root) Reports { return &reportFiles{folder{root}} }

type reportFiles struct{ folder }

// A reportHeader is the first line of such a file. What follows is the report.
type reportHeader struct {
	Replica []byte    `json:"replica"` // any bytes, so in base64
	Expires time.Time `json:"expires"`
}

const reportSuffix = ".report"

func reportName(replica string) string {
	sum := sha256.Sum256([]byte(replica))
	return hex.EncodeToString(sum[:16]) + reportSuffix
}

func (r *reportFiles) Put(ctx context.Context, replica string, old Version, data []byte, ttl time.Duration) (Version, error) {
	if err := checkReplica(replica); err != nil {
		return "", err
	}
	if ttl <= 0 {
		return "", fmt.Errorf("keyset: report of replica %q: a ttl of %v", replica, ttl)
	}
	if len(data) > maxReport {
		return "", fmt.Errorf("keyset: report of replica %q: larger than %d bytes", replica, maxReport)
	}
	head, err := json.Marshal(reportHeader{[]byte(replica), clock().Add(ttl)})
	if err != nil {
		return "", err
	}
	raw := bytes.Join([][]byte{head, data}, []byte("\n"))
	err = r.edit(ctx, reportName(replica), func(is []byte) ([]byte, error) { return raw, unchanged(is, old) })
	if err != nil {
		return "", fmt.Errorf("keyset: report of replica %q: %w", replica, err)
	}
	return versionOf(raw), nil
}

func (r *reportFiles) All(ctx context.Context) (map[string]StoredReport, error) {
	names, err := fs.Glob(r.FS(), "*"+reportSuffix)
	if err != nil {
		return nil, fmt.Errorf("keyset: reports: %w", err)
	}
	if _, err := r.Stat("."); err != nil { // Glob passes over a folder that cannot be read
		return nil, fmt.Errorf("keyset: reports: %w", err)
	}
	all := make(map[string]StoredReport, len(names))
	for _, name := range names {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		raw, err := r.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // forgotten meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("keyset: reports: %w", err)
		}
		head, data, ok := bytes.Cut(raw, []byte("\n"))
		var h reportHeader
		err = json.Unmarshal(head, &h)
		replica := string(h.Replica)
		if !ok || err != nil || reportName(replica) != name {
			return nil, fmt.Errorf("keyset: reports: the file %s is no report; a replica may stand behind it, so look what it is", name)
		}
		all[replica] = StoredReport{Data: data, Version: versionOf(raw), Expired: clock().After(h.Expires)}
	}
	return all, nil
}

func (r *reportFiles) Forget(ctx context.Context, replica string) error {
	if err := checkReplica(replica); err != nil {
		return err
	}
	unlock, err := r.lock(ctx)
	if err != nil {
		return readOnly(err)
	}
	defer unlock()
	err = r.Remove(reportName(replica))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = r.sync()
	}
	if err != nil {
		return fmt.Errorf("keyset: report of replica %q: %w", replica, readOnly(err))
	}
	return nil
}
