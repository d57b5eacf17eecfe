package keyset_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

// report stores what a replica says, and returns the version of it.
func (p *place) report(r keyset.Report, ttl time.Duration) {
	all, err := p.reports.All(p.t.Context())
	require.NoError(p.t, err)
	var b bytes.Buffer
	_, err = r.WriteTo(&b)
	require.NoError(p.t, err)
	_, err = p.reports.Put(p.t.Context(), r.Replica, all[r.Replica].Version, b.Bytes(), ttl)
	require.NoError(p.t, err)
}

// says is a report of a replica that has loaded a revision and used its keys long ago.
func says(replica string, revision uint64, changes ...func(*keyset.Report)) keyset.Report {
	now := time.Now()
	r := reportOf(replica, now, map[keyset.ID]keyset.Usage{
		"old": {Since: now.Add(-30 * day), Opened: 9, LastOpened: now.Add(-20 * day)},
		"new": {Since: now.Add(-30 * day), Opened: 9, LastOpened: now.Add(-day)},
	})
	r.Outcome.Revision = revision
	for _, change := range changes {
		change(&r)
	}
	return r
}

func refused(id keyset.ID) func(*keyset.Report) {
	return func(r *keyset.Report) {
		r.Outcome.Refused = append(r.Outcome.Refused, keyset.Refusal{ID: id, Err: errors.New("no such file")})
	}
}

// The steps that wait for all replicas, and what they say of one that is not ready.
func TestStepWaitsForAllReplicas(t *testing.T) {
	const revision = 5
	ended := func(r *keyset.Report) { r.Ended = true }
	for name, tt := range map[string]struct {
		reports []keyset.Report
		silent  []string // of which the report expires
		opts    []keyset.StepOption
		must    []string
		lags    string // nothing if the step goes on
		names   []string
	}{
		"all are ready":                {reports: []keyset.Report{says("a", 5), says("b", 7)}},
		"one lags":                     {[]keyset.Report{says("a", 5), says("b", 4)}, nil, nil, nil, `replica "b" has loaded revision 4`, []string{"b"}},
		"two lag":                      {[]keyset.Report{says("a", 1), says("b", 4)}, nil, nil, nil, `replica "a" has loaded revision 1; replica "b" has loaded revision 4; wait until all replicas have loaded revision 5`, []string{"a", "b"}},
		"one says why":                 {[]keyset.Report{says("a", 4, func(r *keyset.Report) { r.Problem = "line 7" })}, nil, nil, nil, `has loaded revision 4, for "line 7"`, []string{"a"}},
		"one does not follow":          {[]keyset.Report{says("a", 9, func(r *keyset.Report) { r.Problem = "revision is not newer" })}, nil, nil, nil, `replica "a" does not follow: "revision is not newer"`, []string{"a"}},
		"one refused the key":          {[]keyset.Report{says("a", 5), says("b", 5, refused("old"), refused("new"))}, nil, nil, nil, `replica "b" refused the key: "no such file"`, []string{"b"}},
		"one refused another key":      {reports: []keyset.Report{says("a", 5, refused("third"))}},
		"one is silent":                {[]keyset.Report{says("a", 5), says("b", 5)}, []string{"b"}, nil, nil, `replica "b" is silent since 20`, []string{"b"}},
		"one has ended":                {[]keyset.Report{says("a", 5), says("b", 5, ended)}, []string{"b"}, nil, nil, `replica "b" ended at 20`, []string{"b"}},
		"one is two":                   {[]keyset.Report{says("a", 5, func(r *keyset.Report) { r.Shared = true })}, nil, nil, nil, "two processes", []string{"a"}},
		"nobody has reported":          {lags: "no replica has reported"},
		"one of those that must":       {[]keyset.Report{says("a", 5)}, nil, nil, []string{"a", "b"}, `replica "b" has not reported`, []string{"b"}},
		"all of those that must":       {reports: []keyset.Report{says("a", 5), says("b", 5)}, must: []string{"a", "b"}},
		"one process, silent":          {opts: []keyset.StepOption{keyset.SingleProcess()}},
		"one process, and one reports": {[]keyset.Report{says("a", 4)}, nil, []keyset.StepOption{keyset.SingleProcess()}, nil, `replica "a" has loaded revision 4`, []string{"a"}},
		"somebody vouches":             {opts: []keyset.StepOption{keyset.Vouch("a")}},
		"for another":                  {[]keyset.Report{says("a", 4), says("b", 4)}, nil, []keyset.StepOption{keyset.Vouch("a")}, nil, `replica "b" has loaded revision 4`, []string{"b"}},
		"a policy, not old enough":     {[]keyset.Report{says("a", 5), says("b", 4, ended)}, []string{"b"}, []keyset.StepOption{keyset.ForgetAfter(time.Hour)}, nil, `replica "b" ended`, []string{"b"}},
		"a policy":                     {[]keyset.Report{says("a", 5), says("b", 4, ended)}, []string{"b"}, []keyset.StepOption{keyset.ForgetAfter(time.Nanosecond)}, nil, "", nil},
		"a policy, and it lives":       {[]keyset.Report{says("a", 5), says("b", 4)}, nil, []keyset.StepOption{keyset.ForgetAfter(time.Nanosecond)}, nil, `replica "b" has loaded`, []string{"b"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, step := range []struct {
				name     string
				manifest *keyset.Manifest
				do       func(*keyset.Ring) error
			}{
				{"promote", usable(peerEncrypt, revision, [3]string{"old", "active"}, [3]string{"new", "pending", "echo"}), func(r *keyset.Ring) error { return r.Promote("new") }},
				{"promote a key that opens", usable(ownDecrypt, revision, [3]string{"old", "active"}, [3]string{"new", "pending"}), func(r *keyset.Ring) error { return r.Promote("new") }},
				{"probe", usable(ownCert, revision, [3]string{"old", "active"}, [3]string{"new", "pending"}), func(r *keyset.Ring) error {
					_, err := r.Probe("new")
					return err
				}},
				{"remove", usable(ownDecrypt, revision, [3]string{"old", "retiring"}, [3]string{"new", "active"}), func(r *keyset.Ring) error { return r.Remove("old", 7*day) }},
				{"remove a key that only seals", usable(ownSign, revision, [3]string{"old", "retiring"}, [3]string{"new", "active"}), func(r *keyset.Ring) error { return r.Remove("old", 7*day) }},
			} {
				p := placeOf(t, step.manifest)
				for _, r := range tt.reports {
					p.report(r, time.Hour)
				}
				for _, name := range tt.silent {
					for _, r := range tt.reports {
						if r.Replica == name {
							p.report(r, time.Nanosecond)
						}
					}
				}
				opts := append([]keyset.StepOption{keyset.AskReplicas(p.reports, tt.must...)}, tt.opts...)
				err := keyset.Step(t.Context(), p.store, step.do, opts...)
				if strings.HasPrefix(step.name, "remove") && len(tt.reports) == 0 && tt.lags == "" {
					assert.ErrorIs(t, err, keyset.ErrBusy, "nobody vouches for uses")
					assert.ErrorContains(t, err, "nothing is known of its use")
					continue
				}
				if tt.lags == "" {
					assert.NoError(t, err, step.name)
					continue
				}
				require.ErrorIs(t, err, keyset.ErrLagging, step.name)
				assert.ErrorContains(t, err, tt.lags, step.name)
				var lagging *keyset.LaggingError
				require.ErrorAs(t, err, &lagging)
				assert.EqualValues(t, revision, lagging.Revision)
				var names []string
				for _, l := range lagging.Replicas {
					names = append(names, l.Replica)
				}
				assert.Equal(t, tt.names, names, step.name)
				assert.Equal(t, encode(t, step.manifest), p.text(), "nothing is stored")
			}
		})
	}
}

// Steps that nobody must wait for ask nobody, a revocation least of all: not even if the
// reports hang.
func TestStepsThatWaitForNobody(t *testing.T) {
	for name, step := range map[string]func(*keyset.Ring) error{
		"add":               func(r *keyset.Ring) error { return r.Add(t.Context(), ownCert.key("N"), "") },
		"acknowledge":       func(r *keyset.Ring) error { return r.Acknowledge("B", "echo") },
		"retire":            func(r *keyset.Ring) error { return r.Retire("A") },
		"promote it again":  func(r *keyset.Ring) error { return r.Promote("C") },
		"revoke":            func(r *keyset.Ring) error { return r.Revoke("A") },
		"remove unchecked":  func(r *keyset.Ring) error { return r.RemoveUnchecked("B", "never used") },
		"nothing of a step": func(*keyset.Ring) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			p := placeOf(t, usable(ownCert, 3, list{{"A", "active"}, {"A2", "active"}, {"B", "pending"}, {"C", "retiring"}}...))
			assert.NoError(t, keyset.Step(t.Context(), p.store, step, keyset.AskReplicas(hanging{})))
		})
	}
}

// hanging are reports of which nothing comes.
type hanging struct{ keyset.Reports }

func (hanging) All(context.Context) (map[string]keyset.StoredReport, error) {
	panic("nobody must ask")
}

// An outage of the reports, or one that cannot be read, is no consent.
func TestStepWithoutReports(t *testing.T) {
	m := usable(peerEncrypt, 5, [3]string{"old", "active"}, [3]string{"new", "pending", "echo"})
	promote := func(r *keyset.Ring) error { return r.Promote("new") }
	p := placeOf(t, m)
	outage := errors.New("etcd is away")
	err := keyset.Step(t.Context(), p.store, promote, keyset.AskReplicas(failed{outage}))
	assert.ErrorIs(t, err, keyset.ErrLagging)
	assert.ErrorIs(t, err, outage)

	for _, odd := range []string{"", "half", `{"replica":"b","made":"2026-01-01T00:00:00Z","outcome":{"revision":9},"usage":{}}`} {
		p := placeOf(t, m)
		p.report(says("b", 5), time.Hour)
		_, err := p.reports.Put(t.Context(), "a", "", []byte(odd), time.Hour)
		require.NoError(t, err)
		err = keyset.Step(t.Context(), p.store, promote, keyset.AskReplicas(p.reports))
		assert.ErrorContains(t, err, `replica "a" cannot be understood`, odd)
		assert.NoError(t, keyset.Step(t.Context(), p.store, func(r *keyset.Ring) error { return r.Acknowledge("old", "echo") }, keyset.AskReplicas(p.reports)), "and stands in the way of nothing else")
	}
}

type failed struct{ err error }

func (f failed) Put(context.Context, string, keyset.Version, []byte, time.Duration) (keyset.Version, error) {
	return "", f.err
}
func (f failed) All(context.Context) (map[string]keyset.StoredReport, error) { return nil, f.err }
func (f failed) Forget(context.Context, string) error                        { return f.err }

// What replicas have loaded is what was in force before the step, and not what the step
// itself makes of it.
func TestStepReliesOnWhatWasInForce(t *testing.T) {
	p := placeOf(t, usable(ownCert, 5, [3]string{"old", "active"}))
	p.report(says("a", 5), time.Hour)
	err := keyset.Step(t.Context(), p.store, func(r *keyset.Ring) error {
		return errors.Join(r.Add(t.Context(), ownCert.key("new"), ""), r.Acknowledge("new", "echo"), r.Promote("new"))
	}, keyset.AskReplicas(p.reports))
	assert.ErrorIs(t, err, keyset.ErrLagging)
	assert.ErrorContains(t, err, "no manifest that replicas follow has it")
	err = keyset.Step(t.Context(), p.store, func(r *keyset.Ring) error {
		return errors.Join(r.Add(t.Context(), ownCert.key("new"), ""), r.Acknowledge("new", "echo"), r.Promote("new"))
	}, keyset.SingleProcess(), keyset.Vouch("b"))
	assert.ErrorIs(t, err, keyset.ErrLagging, "whoever vouches has seen the manifest as it was")

	p = placeOf(t, usable(ownCert, 5, [3]string{"old", "active"}, [3]string{"new", "active"}))
	p.report(says("a", 5), time.Hour)
	err = keyset.Step(t.Context(), p.store, func(r *keyset.Ring) error {
		return errors.Join(r.Retire("old"), r.Remove("old", day))
	}, keyset.AskReplicas(p.reports))
	assert.ErrorIs(t, err, keyset.ErrLagging)
	assert.ErrorContains(t, err, "seals with the key: it is active in the manifest that replicas follow")
}

// The uses that a replica reports are asked too, in the same step.
func TestStepAsksUsage(t *testing.T) {
	manifest := usable(ownDecrypt, 5, [3]string{"old", "retiring"}, [3]string{"new", "active"})
	remove := func(r *keyset.Ring) error { return r.Remove("old", 7*day) }
	p := placeOf(t, manifest)
	p.report(says("a", 5), time.Hour)
	p.report(says("b", 5, func(r *keyset.Report) {
		u := r.Usage["old"]
		u.LastOpened = r.Made.Add(-day)
		r.Usage["old"] = u
	}), time.Hour)
	err := keyset.Step(t.Context(), p.store, remove, keyset.AskReplicas(p.reports))
	assert.ErrorIs(t, err, keyset.ErrBusy)
	assert.ErrorContains(t, err, `so replica "b" said`)
	assert.NotErrorIs(t, err, keyset.ErrLagging)

	err = keyset.Step(t.Context(), p.store, remove, keyset.AskReplicas(p.reports), keyset.Vouch("c"))
	assert.ErrorContains(t, err, `nothing is known of its use by replica "c"`)

	// The ring of the step carries no traffic, with the keys neither.
	p = placeOf(t, manifest)
	assert.ErrorContains(t, keyset.Step(t.Context(), p.store, remove, keyset.SingleProcess(), keyset.OpenKeys(ownDecrypt.open)), "nothing is known of its use; give the report")
	p.report(says("a", 5), time.Hour)
	require.NoError(t, keyset.Step(t.Context(), p.store, remove, keyset.AskReplicas(p.reports), keyset.OpenKeys(ownDecrypt.open)))

	// A report that was given by hand counts as one that was published.
	p = placeOf(t, manifest)
	for _, tt := range []struct {
		revision uint64
		want     error
	}{{4, keyset.ErrLagging}, {5, nil}} {
		err = keyset.Step(t.Context(), p.store, func(r *keyset.Ring) error {
			return errors.Join(r.Merge(says("a", tt.revision)), remove(r))
		})
		assert.ErrorIs(t, err, tt.want)
	}
}

// A replica counts until it is forgotten by name, with a trace. If it lives, it counts again.
func TestForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := placeOf(t, usable(peerEncrypt, 5, [3]string{"old", "active"}, [3]string{"new", "pending", "echo"}))
		p.report(says("a", 5), 30*day)
		p.report(says("b", 3), time.Minute)
		promote := func(r *keyset.Ring) error { return r.Promote("new") }
		ask := keyset.AskReplicas(p.reports)
		assert.ErrorContains(t, keyset.Step(t.Context(), p.store, promote, ask), `replica "b" has loaded revision 3`)
		time.Sleep(day)
		assert.ErrorContains(t, keyset.Step(t.Context(), p.store, promote, ask), `replica "b" is silent since`)

		for _, bad := range [][2]string{{"c", "never was"}, {"b", " "}, {"", "x"}, {strings.Repeat("n", 257), "x"}} {
			assert.Error(t, keyset.Step(t.Context(), p.store, func(r *keyset.Ring) error { return r.Forget(bad[0], bad[1]) }, ask))
		}
		ring := newRing(t, ownCert.in(keyset.Active, "A"))
		assert.ErrorContains(t, ring.Forget("b", "x"), "only a Step")

		require.NoError(t, keyset.Step(t.Context(), p.store, func(r *keyset.Ring) error {
			return errors.Join(r.Forget("b", "its machine is scrapped"), promote(r))
		}, ask))
		assert.Equal(t, "new:active old:active", p.states())
		traces := p.manifest().Traces
		require.Len(t, traces, 1)
		assert.Equal(t, [2]string{"b", "its machine is scrapped"}, [2]string{traces[0].Replica, traces[0].Reason})
		all, err := p.reports.All(t.Context())
		require.NoError(t, err)
		assert.Len(t, all, 1)

		p.report(says("b", 3), time.Minute)
		err = keyset.Step(t.Context(), p.store, func(r *keyset.Ring) error { return r.Remove("old", day) }, ask)
		assert.ErrorIs(t, err, keyset.ErrTransition)
		require.NoError(t, keyset.Step(t.Context(), p.store, func(r *keyset.Ring) error { return r.Add(t.Context(), peerEncrypt.key("third"), "") }, ask))
		require.NoError(t, keyset.Step(t.Context(), p.store, func(r *keyset.Ring) error { return r.Acknowledge("third", "echo") }, ask))
		assert.ErrorContains(t, keyset.Step(t.Context(), p.store, func(r *keyset.Ring) error { return r.Promote("third") }, ask), `replica "b" has loaded revision 3`)
	})
}

// If the report cannot be deleted, the trace is there, and the step says so.
func TestForgetDuringAnOutage(t *testing.T) {
	p := placeOf(t, usable(peerEncrypt, 5, [3]string{"old", "active"}))
	p.report(says("b", 3), time.Minute)
	away := errors.New("away")
	err := keyset.Step(t.Context(), p.store, func(r *keyset.Ring) error { return r.Forget("b", "scrapped") }, keyset.AskReplicas(keeping{p.reports, away}))
	assert.ErrorIs(t, err, away)
	assert.ErrorContains(t, err, `the step is stored, but the report of replica "b" is still there`)
	assert.Len(t, p.manifest().Traces, 1)
	require.NoError(t, keyset.Step(t.Context(), p.store, func(r *keyset.Ring) error { return r.Forget("b", "scrapped") }, keyset.AskReplicas(p.reports)))
	assert.Len(t, p.manifest().Traces, 2)
}

type keeping struct {
	keyset.Reports
	err error
}

func (k keeping) Forget(context.Context, string) error { return k.err }
