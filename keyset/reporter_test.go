package keyset_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

// A replica follows a place and reports there.
type replica struct {
	*place
	ring     *keyset.Ring
	follower *keyset.Follower
	stop     func() // like a crash

	mu   sync.Mutex
	errs []string
}

func (p *place) replica(t testing.TB, name string, reports keyset.Reports) *replica {
	r := &replica{place: p, ring: new(keyset.Ring)}
	ctx, cancel := context.WithCancel(t.Context())
	var err error
	r.follower, err = keyset.Follow(ctx, r.ring, p.store, ownDecrypt.open, keyset.ReportTo(reports, name, 0), keyset.OnOutcome(func(_ keyset.Outcome, err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if err != nil {
			r.errs = append(r.errs, err.Error())
		}
	}))
	require.NoError(t, err)
	done := make(chan struct{})
	go func() { defer close(done); _ = r.follower.Run(ctx) }()
	r.stop = func() { cancel(); <-done }
	synctest.Wait()
	return r
}

// told is what went wrong since it was asked last.
func (r *replica) told() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := strings.Join(r.errs, " | ")
	r.errs = nil
	return all
}

// said is the last report of a replica.
func (p *place) said(name string) keyset.Report {
	all, err := p.reports.All(p.t.Context())
	require.NoError(p.t, err)
	require.Contains(p.t, all, name)
	r, err := keyset.ReadReport(bytes.NewReader(all[name].Data))
	require.NoError(p.t, err)
	return r
}

func ownKeys(revision uint64) *keyset.Manifest {
	return usable(ownDecrypt, revision, [3]string{"new", "active"}, [3]string{"old", "retiring"})
}

func TestFollowerReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := placeOf(t, ownKeys(1))
		r := p.replica(t, "eu-1", p.reports)
		began := time.Now().UTC()
		first := p.said("eu-1")
		assert.EqualValues(t, 1, first.Outcome.Revision)
		assert.Len(t, first.Usage, 2)

		// After each load, and every minute.
		require.NoError(t, keyset.Step(t.Context(), p.store, func(r *keyset.Ring) error { return r.Acknowledge("old", "x") }))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		assert.EqualValues(t, 2, p.said("eu-1").Outcome.Revision)
		r.ring.RecordOpened("new", time.Now())
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.EqualValues(t, 1, p.said("eu-1").Usage["new"].Opened)

		// What keeps it from following stands in the report.
		require.NoError(t, os.WriteFile(p.path, []byte("{"), 0o600))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		assert.Contains(t, p.said("eu-1").Problem, "keyset: manifest: line 1")
		require.NoError(t, os.WriteFile(p.path, []byte(encode(t, ownKeys(3))), 0o600))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		assert.Empty(t, p.said("eu-1").Problem)

		// Its last report says that it was the last. The next process goes on from it.
		r.told()
		r.stop()
		require.NoError(t, r.follower.End(t.Context()))
		assert.True(t, p.said("eu-1").Ended)
		time.Sleep(day) // nobody runs
		r = p.replica(t, "eu-1", p.reports)
		u, _ := r.ring.Usage("new")
		assert.EqualValues(t, 1, u.Opened)
		assert.Equal(t, began, u.Since)
		assert.False(t, p.said("eu-1").Ended)

		// After a crash, nothing is known of the time between.
		r.stop()
		time.Sleep(day)
		r = p.replica(t, "eu-1", p.reports)
		u, _ = r.ring.Usage("new")
		assert.EqualValues(t, 1, u.Opened)
		assert.Equal(t, time.Now().UTC(), u.Since)
		assert.Empty(t, r.told())
		r.stop()
	})
}

// Two processes under one name would each publish half of what they use. They find each
// other, no key looks idle meanwhile, and steps wait.
func TestTwoProcessesUnderOneName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := placeOf(t, ownKeys(1))
		a := p.replica(t, "eu-1", p.reports)
		time.Sleep(time.Hour)
		b := p.replica(t, "eu-1", p.reports)
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		assert.Contains(t, a.told(), `two processes report as replica "eu-1"`)
		assert.Contains(t, b.told(), `two processes report as replica "eu-1"`)
		a.ring.RecordOpened("old", time.Now())
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		assert.Empty(t, a.told()+b.told(), "said once")
		shared := p.said("eu-1")
		assert.True(t, shared.Shared)
		for id, u := range shared.Usage {
			assert.Less(t, time.Since(u.Since), 10*time.Minute, "%s may have been used by the other", id)
		}
		remove := func(r *keyset.Ring) error { return r.Remove("old", time.Minute) }
		assert.ErrorContains(t, keyset.Step(t.Context(), p.store, remove, keyset.AskReplicas(p.reports)), "two processes that report under one name")

		// One of them ends. Its last use is known to the other.
		used := time.Now()
		a.ring.RecordOpened("old", used)
		a.stop()
		_ = a.follower.End(t.Context())
		time.Sleep(6 * time.Minute)
		synctest.Wait()
		after := p.said("eu-1")
		assert.False(t, after.Shared)
		assert.True(t, after.Usage["old"].LastOpened.Equal(used))
		b.stop()
	})
}

// A replica whose report an operator has deleted lives, and reports again.
func TestForgottenReplicaReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := placeOf(t, ownKeys(1))
		r := p.replica(t, "eu-1", p.reports)
		require.NoError(t, p.reports.Forget(t.Context(), "eu-1"))
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		assert.False(t, p.said("eu-1").Shared)
		assert.Empty(t, r.told())
		r.stop()
	})
}

// unsteady are reports in a store that fails.
type unsteady struct {
	keyset.Reports
	mu    sync.Mutex
	err   error // of everything
	blind bool  // Put stores, and does not answer
}

func (u *unsteady) fail(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.err = err
}

func (u *unsteady) answers(do bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.blind = !do
}

func (u *unsteady) failing() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err
}

func (u *unsteady) All(ctx context.Context) (map[string]keyset.StoredReport, error) {
	if err := u.failing(); err != nil {
		return nil, err
	}
	return u.Reports.All(ctx)
}

func (u *unsteady) Put(ctx context.Context, replica string, old keyset.Version, data []byte, ttl time.Duration) (keyset.Version, error) {
	if err := u.failing(); err != nil {
		return "", err
	}
	v, err := u.Reports.Put(ctx, replica, old, data, ttl)
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.blind && err == nil {
		return "", errors.New("connection reset")
	}
	return v, err
}

// An outage of the reports keeps nobody from following. The last report is taken in as
// soon as it can be read.
func TestFollowingWithoutReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := placeOf(t, ownKeys(1))
		r := p.replica(t, "eu-1", p.reports)
		r.ring.RecordOpened("new", time.Now())
		r.stop()
		require.NoError(t, r.follower.End(t.Context()))

		store := &unsteady{Reports: p.reports}
		store.fail(errors.New("etcd is away"))
		r = p.replica(t, "eu-1", store)
		assert.Equal(t, 1, strings.Count(r.told(), "etcd is away"))
		require.NoError(t, keyset.Step(t.Context(), p.store, func(r *keyset.Ring) error { return r.Revoke("old") }))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		assert.Equal(t, "new:active old:revoked", states(r.ring.Load()))
		assert.Empty(t, r.told(), "said once")
		u, _ := r.ring.Usage("new")
		assert.Zero(t, u.Opened)

		store.fail(nil)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		u, _ = r.ring.Usage("new")
		assert.EqualValues(t, 1, u.Opened)
		assert.EqualValues(t, 2, p.said("eu-1").Outcome.Revision)

		// A write that was stored and not answered is known by its process.
		store.answers(false)
		time.Sleep(3 * time.Minute)
		store.answers(true)
		r.told()
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		assert.NotContains(t, r.told(), "two processes")
		assert.False(t, p.said("eu-1").Shared)
		r.stop()
	})
}

// A mounted folder takes no reports. It is followed all the same.
func TestReadOnlyReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := placeOf(t, ownKeys(1))
		r := p.replica(t, "eu-1", keyset.ReportFiles(unwritable(t)))
		assert.Contains(t, r.told(), keyset.ErrReadOnly.Error())
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		assert.Empty(t, r.told())
		r.stop()
	})
}

// unwritable is a folder in which nothing can be written.
func unwritable(t *testing.T) *os.Root {
	dir := t.TempDir()
	if os.Geteuid() == 0 {
		dir = "/sys/kernel" // where not even root can
		if _, err := os.Stat(dir); err != nil {
			t.Skip("root can write anywhere here")
		}
	} else {
		require.NoError(t, os.Chmod(dir, 0o500))
		t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	}
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	t.Cleanup(func() { _ = root.Close() })
	return root
}

func TestReadOnlyStore(t *testing.T) {
	root := unwritable(t)
	_, err := keyset.File(root, "own.json").Swap(t.Context(), "", []byte("x"))
	assert.ErrorIs(t, err, keyset.ErrReadOnly)
	reports := keyset.ReportFiles(root)
	_, err = reports.Put(t.Context(), "a", "", []byte("x"), time.Minute)
	assert.ErrorIs(t, err, keyset.ErrReadOnly)
	all, err := reports.All(t.Context())
	assert.NoError(t, err)
	assert.Empty(t, all)
	assert.ErrorIs(t, keyset.Create(t.Context(), keyset.File(root, "own.json"), ownKeys(1)), keyset.ErrReadOnly)
}

// A file among the reports that is none may hide a replica.
func TestReportFilesThatAreNone(t *testing.T) {
	p := placeOf(t, nil)
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	defer root.Close()
	reports := keyset.ReportFiles(root)
	p.reports = reports
	p.report(says("a", 1), time.Minute)
	names, err := filepath.Glob(filepath.Join(dir, "*.report"))
	require.NoError(t, err)
	require.Len(t, names, 1)
	assert.NotContains(t, filepath.Base(names[0]), "a.")
	raw, err := os.ReadFile(names[0])
	require.NoError(t, err)
	for name, text := range map[string]string{"torn": string(raw[:10]), "empty": "", "another's": strings.Replace(string(raw), `"YQ=="`, `"Yg=="`, 1)} {
		require.NotEqual(t, string(raw), text)
		require.NoError(t, os.WriteFile(names[0], []byte(text), 0o600))
		_, err = reports.All(t.Context())
		assert.ErrorContains(t, err, filepath.Base(names[0]), name)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o600))
	require.NoError(t, os.WriteFile(names[0], raw, 0o600))
	all, err := reports.All(t.Context())
	require.NoError(t, err)
	assert.Len(t, all, 1, "other files are nobody's business")
}

func TestReportToErrors(t *testing.T) {
	p := placeOf(t, ownKeys(1))
	for name, o := range map[string]keyset.FollowOption{
		"no reports": keyset.ReportTo(nil, "a", 0),
		"no name":    keyset.ReportTo(p.reports, "", 0),
		"no time":    keyset.ReportTo(p.reports, "a", -1),
	} {
		_, err := keyset.Follow(t.Context(), new(keyset.Ring), p.store, ownDecrypt.open, o)
		assert.ErrorContains(t, err, "keyset: ", name)
	}
	f, err := keyset.Follow(t.Context(), new(keyset.Ring), p.store, ownDecrypt.open)
	require.NoError(t, err)
	assert.NoError(t, f.End(t.Context()), "without reports there is none to make")
}
