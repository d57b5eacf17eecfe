package keyset_test

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

const day = 24 * time.Hour

func reportOf(replica string, made time.Time, usage map[keyset.ID]keyset.Usage) keyset.Report {
	return keyset.Report{Replica: replica, Made: made, Usage: usage}
}

// editing is a ring that carries no traffic, as a tool has it.
func editing(t testing.TB, r role, keys ...[3]string) *keyset.Ring {
	m := manifestOf(r, 1, keys...)
	for n := range m.Keys {
		m.Keys[n].Use = r.use.String()
	}
	s, err := m.Open(t.Context(), nil)
	require.NoError(t, err)
	return keyset.NewRing(s)
}

func TestUsage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now().UTC().Round(0)
		hour := func(n int) time.Time { return start.Add(time.Duration(n) * time.Hour) }
		r := newRing(t, ownCert.in(keyset.Active, "A"), ownCert.in(keyset.Pending, "B"))
		u, ok := r.Usage("A")
		require.True(t, ok)
		assert.Equal(t, keyset.Usage{Since: start}, u)
		_, ok = r.Usage("X")
		assert.False(t, ok)

		time.Sleep(9 * time.Hour)
		r.RecordOpened("A", hour(2))
		r.RecordOpened("A", hour(1)) // by an envelope that was slower
		r.RecordOpened("A", hour(3))
		r.RecordSealed("A", hour(5))
		r.RecordSealed("A", hour(4))
		r.RecordUnsigned("A", hour(6))
		r.RecordSealed("X", hour(4))
		u, _ = r.Usage("A")
		assert.Equal(t, keyset.Usage{Since: start, Sealed: 2, Opened: 3, Unsigned: 1, LastSealed: hour(5), FirstOpened: hour(1), LastOpened: hour(3), LastUnsigned: hour(6)}, u)
		assert.Equal(t, hour(6), u.LastUsed())
		assert.Equal(t, map[keyset.ID]keyset.Usage{"A": u, "B": {Since: start}}, r.Usages())

		// It survives whatever else changes, for keys that stay.
		require.NoError(t, r.Acknowledge("B", "echo"))
		require.NoError(t, r.Promote("B"))
		kept, _ := r.Usage("A")
		assert.Equal(t, u, kept)
	})
}

// A clock that was ahead once holds back no later step.
func TestTimesOfTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRing(t, peerVerify.in(keyset.Retiring, "A"), peerVerify.in(keyset.Active, "B"))
		now := time.Now().UTC()
		r.RecordOpened("A", now.AddDate(1, 0, 0))
		r.RecordSealed("A", time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))
		u, _ := r.Usage("A")
		assert.Equal(t, now, u.LastOpened, "it counts as now")
		assert.Equal(t, now, u.LastSealed)
		assert.ErrorIs(t, r.Remove("A", day), keyset.ErrBusy)
		time.Sleep(day)
		r.RecordOpened("B", time.Now())
		assert.NoError(t, r.Remove("A", day))
	})
}

func TestUsageTimes(t *testing.T) {
	for name, tt := range map[string]struct{ at, want time.Time }{
		"unix epoch":  {time.Unix(0, 0), time.Unix(0, 0).UTC()},
		"zero":        {time.Time{}, time.Time{}},
		"ancient":     {time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), time.Unix(0, math.MinInt64+1).UTC()},
		"nanoseconds": {time.Unix(1, 1), time.Unix(1, 1).UTC()},
	} {
		r := newRing(t, ownCert.in(keyset.Active, "A"))
		r.RecordOpened("A", tt.at)
		u, _ := r.Usage("A")
		assert.Equal(t, tt.want, u.LastOpened, name)
		assert.Equal(t, tt.want, u.FirstOpened, name)
		assert.EqualValues(t, 1, u.Opened, name)
	}
}

// A replica that was restarted an hour ago knows less than one that is up for a month.
func TestMergeNeverMakesIdler(t *testing.T) {
	now := time.Now()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	used := keyset.Usage{Since: ago(30 * day), Opened: 9, LastOpened: ago(time.Minute)}
	replica := func(name string, old keyset.Usage) keyset.Report {
		return reportOf(name, ago(0), map[keyset.ID]keyset.Usage{"old": old, "new": used})
	}
	month := keyset.Usage{Since: ago(30 * day)}
	for _, tt := range []struct {
		name    string
		reports []keyset.Report
		want    error
		text    string
	}{
		{"no report", nil, keyset.ErrBusy, "give the report of every replica"},
		{"all know", []keyset.Report{replica("1", month), replica("2", month)}, nil, ""},
		{"one was restarted", []keyset.Report{replica("1", month), replica("2", keyset.Usage{Since: ago(time.Hour)})}, keyset.ErrBusy, "since counting began"},
		{"one of long ago beside it", []keyset.Report{replica("1", keyset.Usage{Since: ago(365 * day)}), replica("2", keyset.Usage{Since: ago(time.Hour)})}, keyset.ErrBusy, "since counting began"},
		{"one has used it", []keyset.Report{replica("1", month), replica("2", keyset.Usage{Since: ago(30 * day), Opened: 1, LastOpened: ago(day)})}, keyset.ErrBusy, "last used at"},
		{"one has used it unsigned", []keyset.Report{replica("1", keyset.Usage{Since: ago(30 * day), Unsigned: 1, LastUnsigned: ago(day)})}, keyset.ErrBusy, "by a message without a signature"},
		{"one says nothing of it", []keyset.Report{replica("1", month), reportOf("2", now, map[keyset.ID]keyset.Usage{"new": used})}, keyset.ErrBusy, `replica "2" says nothing of it`},
		{"an older report of the same replica", []keyset.Report{replica("1", keyset.Usage{Since: ago(time.Hour)}), reportOf("1", ago(day), map[keyset.ID]keyset.Usage{"old": month, "new": used})}, keyset.ErrBusy, ""},
		{"a newer report of the same replica", []keyset.Report{reportOf("1", ago(day), map[keyset.ID]keyset.Usage{"old": {Since: ago(2 * day)}, "new": used}), replica("1", month)}, nil, ""},
		{"its clock was ahead when it counted", []keyset.Report{replica("1", keyset.Usage{Since: ago(30 * day), Opened: 1, LastOpened: now.AddDate(1, 0, 0)})}, keyset.ErrBusy, "last used at"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := editing(t, ownDecrypt, [3]string{"new", "active"}, [3]string{"old", "retiring"})
			require.NoError(t, r.Merge(tt.reports...))
			for range 3 {
				require.NoError(t, r.Merge(tt.reports...), "again changes nothing")
			}
			err := r.Remove("old", 7*day)
			if tt.want == nil {
				assert.NoError(t, err)
				return
			}
			assert.ErrorIs(t, err, tt.want)
			assert.ErrorContains(t, err, tt.text)
			assert.NoError(t, r.RemoveUnchecked("old", "out of use"), "the way out for who knows")
		})
	}
}

// The process that removes a key counts too, if it carries traffic.
func TestMergeCountsThisProcess(t *testing.T) {
	now := time.Now()
	r := newRing(t, ownDecrypt.in(keyset.Active, "new"), ownDecrypt.in(keyset.Retiring, "old"))
	month := keyset.Usage{Since: now.Add(-30 * day), Opened: 1, LastOpened: now}
	require.NoError(t, r.Merge(reportOf("other", now, map[keyset.ID]keyset.Usage{"old": {Since: now.Add(-30 * day)}, "new": month})))
	assert.ErrorIs(t, r.Remove("old", day), keyset.ErrBusy, "this process was just started")
}

func TestMergeErrors(t *testing.T) {
	now := time.Now()
	uses := map[keyset.ID]keyset.Usage{"A": {Since: now.Add(-day)}}
	r := newRing(t, ownCert.in(keyset.Active, "A"))
	for name, tt := range map[string]struct {
		report keyset.Report
		want   string
	}{
		"no name":          {reportOf("", now, uses), "no name"},
		"no time":          {reportOf("1", time.Time{}, uses), "when it was made"},
		"no usage":         {reportOf("1", now, nil), "no usage"},
		"a zero usage":     {reportOf("1", now, map[keyset.ID]keyset.Usage{"A": {}}), "since when"},
		"a clock ahead":    {reportOf("1", now.Add(time.Hour), uses), "set the clocks"},
		"an odd ID":        {reportOf("1", now, map[keyset.ID]keyset.Usage{"A B": {Since: now}}), "not printable"},
		"one bad of two":   {reportOf("2", now, nil), "no usage"},
		"a name too large": {reportOf(strings.Repeat("n", 257), now, uses), "no name"},
	} {
		assert.ErrorContains(t, r.Merge(reportOf("good", now, uses), tt.report), tt.want, name)
	}
}

// What a report says of one key in two spellings counts together: whichever was read last
// made a key idle that is in use.
func TestMergeCountsEverySpelling(t *testing.T) {
	now, id := time.Now(), keyset.ID(strings.Repeat("AB", 20))
	old := keyset.Usage{Since: now.Add(-40 * day)}
	used := keyset.Usage{Since: now.Add(-40 * day), Opened: 1, LastOpened: now.Add(-day)}
	for range 100 { // the order of a map is another each time
		r := editing(t, ownCert, [3]string{"CD", "active"}, [3]string{string(id), "retiring"})
		require.NoError(t, r.Merge(reportOf("1", now, map[keyset.ID]keyset.Usage{
			"CD": used, id: old, keyset.ID(strings.ToLower(string(id))): used})))
		require.ErrorIs(t, r.Remove(id, 7*day), keyset.ErrBusy)
	}
}

func TestMergeRefusesTwoReportsOfOneTime(t *testing.T) {
	now := time.Now()
	one := reportOf("1", now, map[keyset.ID]keyset.Usage{"A": {Since: now.Add(-day)}})
	r := newRing(t, ownCert.in(keyset.Active, "A"))
	require.NoError(t, r.Merge(one, one))
	assert.ErrorContains(t, r.Merge(reportOf("1", now, map[keyset.ID]keyset.Usage{"A": {Since: now}})), "differ")
	require.NoError(t, r.Merge(one), "again")
}

// What a process counted before it ended is folded in when its replica starts again.
func TestResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := func() *keyset.Ring {
			return newRing(t, ownDecrypt.in(keyset.Active, "new"), ownDecrypt.in(keyset.Retiring, "old"))
		}
		first := start()
		time.Sleep(10 * day)
		first.RecordOpened("new", time.Now())
		last := first.Report("1")
		last.Ended = true
		time.Sleep(time.Minute)

		next := start()
		require.NoError(t, next.Resume(last))
		assert.Equal(t, last.Usage, next.Usages(), "it goes on where the last one stopped")
		assert.NoError(t, next.Remove("old", 7*day))

		// Without a last report, what was used meanwhile is not known.
		crashed := start()
		last.Ended = false
		require.NoError(t, crashed.Resume(last))
		u, _ := crashed.Usage("new")
		assert.EqualValues(t, 1, u.Opened)
		assert.ErrorIs(t, crashed.Remove("old", 7*day), keyset.ErrBusy)
		assert.ErrorContains(t, start().Resume(keyset.Report{}), "no name")

		u.Opened = math.MaxUint64
		require.NoError(t, crashed.Resume(reportOf("1", time.Now(), map[keyset.ID]keyset.Usage{"new": u})))
		u, _ = crashed.Usage("new")
		assert.Equal(t, uint64(math.MaxUint64), u.Opened, "counts do not wrap")
	})
}

// What opened before a part that seals was replaced proves nothing, in the next
// process neither.
func TestProofOfBeforeARefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		older := &certificate{peerCert.key("A"), "octets", []string{"seal 1"}}
		newer := &certificate{peerCert.key("A"), "octets", []string{"seal 1", "seal 2"}}
		b := peerCert.in(keyset.Active, "B")
		ring := newRing(t, keyset.Key{Material: older, State: keyset.Pending}, b)
		ring.RecordOpened("A", time.Now())
		time.Sleep(time.Second)
		require.NoError(t, ring.Refresh(t.Context(), newer, ""))
		assert.ErrorIs(t, ring.Promote("A"), keyset.ErrUnproven)

		last := ring.Report("1")
		last.Ended = true
		next := newRing(t, keyset.Key{Material: newer, State: keyset.Pending}, b)
		require.NoError(t, next.Resume(last))
		assert.ErrorIs(t, next.Promote("A"), keyset.ErrUnproven)
		time.Sleep(time.Second)
		next.RecordOpened("A", time.Now())
		assert.NoError(t, next.Promote("A"))
	})
}

func TestReadReport(t *testing.T) {
	r := newRing(t, ownCert.in(keyset.Active, "A"), ownCert.in(keyset.Pending, "B"))
	_, err := r.Reload(t.Context(), manifestOf(ownCert, 2, list{{"A", "active"}, {"B", "active"}}...), ownCert.open)
	require.NoError(t, err)
	r.RecordOpened("A", time.Now())
	report := r.Report("replica 1")
	report.Ended = true
	var b bytes.Buffer
	_, err = report.WriteTo(&b)
	require.NoError(t, err)
	back, err := keyset.ReadReport(&b)
	require.NoError(t, err)
	assert.Equal(t, report.Usage, back.Usage)
	assert.Equal(t, report.Made, back.Made)
	assert.Equal(t, "replica 1", back.Replica)
	assert.True(t, back.Ended)
	require.Len(t, back.Outcome.Refused, 1)
	assert.Equal(t, report.Outcome.Err().Error(), back.Outcome.Err().Error())

	good := `{"replica":"1","made":"2026-11-25T07:00:00Z","outcome":{"revision":2},"usage":{"A":{"since":"2026-11-01T00:00:00Z","sealed":1,"opened":2}}}`
	_, err = keyset.ReadReport(strings.NewReader(good))
	require.NoError(t, err)
	for name, edit := range map[string][2]string{
		"an unknown member":     {`"opened":2`, `"opened":2,"open":3`},
		"a misspelled member":   {`"opened":2`, `"Opened":2`},
		"a repeated member":     {`"opened":2`, `"opened":2,"opened":0`},
		"a count that is text":  {`"opened":2`, `"opened":"2"`},
		"a negative count":      {`"opened":2`, `"opened":-2`},
		"null":                  {`"opened":2`, `"opened":null`},
		"no since":              {`"since":"2026-11-01T00:00:00Z",`, ``},
		"a since of year one":   {`2026-11-01`, `0001-01-01`},
		"a repeated key":        {`"usage":{`, `"usage":{"A":{"since":"2026-11-01T00:00:00Z","sealed":0,"opened":0},`},
		"no usage":              {`"usage"`, `"uses"`},
		"no name":               {`"replica":"1"`, `"replica":""`},
		"data after it":         {`}}}`, `}}}{}`},
		"half of it":            {`"opened":2}}}`, ``},
		"the form of long ago":  {good, `{"A":{"since":"2026-11-01T00:00:00Z","sealed":1,"opened":2}}`},
		"an odd outcome":        {`"revision":2`, `"revision":2,"more":1`},
		"an odd refusal":        {`"revision":2`, `"revision":2,"refused":[{"id":"A","error":"x","y":1}]`},
		"a manifest by mistake": {good, `{"version":1,"revision":1,"format":"jose","private":true,"keys":[]}`},
	} {
		text := strings.Replace(good, edit[0], edit[1], 1)
		require.NotEqual(t, good, text, name)
		_, err := keyset.ReadReport(strings.NewReader(text))
		assert.ErrorContains(t, err, "keyset: report: line 1", name)
	}
}
