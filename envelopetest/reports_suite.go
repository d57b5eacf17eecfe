package envelopetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealwax/sealwax/keyset"
)

// TestReports runs subtests for every promise of [keyset.Reports]: the names and the
// bytes that come back, conflicts and what arrives late, expiry, what is forgotten, many
// replicas at once. A failure quotes the promise.
//
// fresh is called for each subtest and returns reports of no replica that nobody else
// uses. If it returns [TwoReports], the suite uses both.
func TestReports(t *testing.T, fresh func(t *testing.T) keyset.Reports) {
	hold(t, reportPromises, fresh)
}

var reportPromises = []promise[keyset.Reports]{
	{"Nothing", "Forget deletes the report of a replica. It returns nil if there is none.", reportsNothing},
	{"Octets", "Data of 1 byte to 1 MiB is stored as it is.", reportsOctets},
	{"Names", "Any name of 1 to 256 bytes is a replica.", reportsNames},
	{"Ownership", "Put does not keep data. The map and the bytes are the caller's.", reportsOwnership},
	{"Conflict", "The error wraps [ErrConflict], and nothing was stored, if another version is in force, or none", reportsConflict},
	{"Forget", "Forget deletes the report of a replica. A replica that lives reports again.", reportsForget},
	{"Expiry", "The report counts as expired if it is not replaced within ttl, by the clock of the store", reportsExpiry},
	{"Cancellation", "Any other error means that data may or may not have been stored; so does the error of a ctx that ends.", reportsCancellation},
	{"Replicas", "Put stores the report of a replica if the given version of it is in force, the zero Version meaning that there is none.", reportsReplicas},
}

const long = time.Hour // the ttl of what must not expire

// TwoReports returns the first, and lets [TestReports] know of another handle on the same
// place, as another process has one.
func TwoReports(first, second keyset.Reports) keyset.Reports { return twoReports{first, second} }

type twoReports struct {
	keyset.Reports
	again keyset.Reports
}

func againReports(s keyset.Reports) keyset.Reports {
	if two, ok := s.(twoReports); ok {
		return two.again
	}
	return s
}

func putReport(s keyset.Reports, replica string, old keyset.Version, data string, ttl time.Duration) (keyset.Version, error) {
	ctx, cancel := soon()
	defer cancel()
	return s.Put(ctx, replica, old, []byte(data), ttl)
}

// replaces stores a report that must not conflict.
func (r *report) replaces(s keyset.Reports, replica string, old keyset.Version, data string, ttl time.Duration) keyset.Version {
	version, err := putReport(s, replica, old, data, ttl)
	r.add(err == nil, "Put of replica %.40q from version %q: %v", replica, old, err)
	r.add(err != nil || version != "", "Put returns the zero Version")
	return version
}

// conflicts checks that a Put does, and leaves all as it was.
func (r *report) conflicts(s keyset.Reports, what, replica string, old keyset.Version) {
	before := r.all(s)
	_, err := putReport(s, replica, old, "lost", long)
	r.add(errors.Is(err, keyset.ErrConflict), "Put from %s: %v", what, err)
	r.add(maps.EqualFunc(before, r.all(s), sameReport), "Put from %s has changed what All returns", what)
}

func (r *report) forget(s keyset.Reports, replica string) {
	ctx, cancel := soon()
	defer cancel()
	err := s.Forget(ctx, replica)
	r.add(err == nil, "Forget(%.40q): %v", replica, err)
}

func (r *report) all(s keyset.Reports) map[string]keyset.StoredReport {
	ctx, cancel := soon()
	defer cancel()
	all, err := s.All(ctx)
	r.add(err == nil, "All: %v", err)
	return all
}

func sameReport(a, b keyset.StoredReport) bool {
	return string(a.Data) == string(b.Data) && a.Version == b.Version
}

// has checks what All returns, by the names of the replicas.
func (r *report) has(s keyset.Reports, what string, want map[string]keyset.StoredReport) {
	all := r.all(s)
	for _, replica := range slices.Sorted(maps.Keys(want)) {
		is, ok := all[replica]
		r.add(ok, "%s: All lacks replica %.40q", what, replica)
		r.add(!ok || sameReport(is, want[replica]), "%s: All returns %s as version %q of replica %.40q, and not %s as %q",
			what, excerpt(is.Data), is.Version, replica, excerpt(want[replica].Data), want[replica].Version)
		r.add(!is.Expired, "%s: the report of replica %.40q has expired before its time", what, replica)
	}
	for _, replica := range slices.Sorted(maps.Keys(all)) {
		_, ok := want[replica]
		r.add(ok, "%s: All returns a replica %.40q that did not report", what, replica)
	}
}

func reportsNothing(s keyset.Reports) []string {
	var r report
	r.has(s, "at first", nil)
	r.forget(s, "never was")
	r.conflicts(s, "a version that never was, of a replica that never was", "never was", "1")
	v := r.replaces(s, "a", "", "first", long)
	r.has(s, "after Put", map[string]keyset.StoredReport{"a": {Data: []byte("first"), Version: v}})
	r.has(againReports(s), "another handle", map[string]keyset.StoredReport{"a": {Data: []byte("first"), Version: v}})
	return r
}

func reportsOctets(s keyset.Reports) []string {
	var r report
	var version keyset.Version
	for _, data := range octets() {
		last := version
		version = r.replaces(s, "a", last, data, long)
		r.add(version != last, "other bytes have the same version %q", version)
		r.has(s, "after Put", map[string]keyset.StoredReport{"a": {Data: []byte(data), Version: version}})
	}
	return r
}

// names are those that a file, a path, a key, or a pattern could take for another one.
func names() []string {
	return []string{
		"a", "A", "aa", "a/b", "a/", "/a", "/", "//", ".", "..", "../a", "../../etc/passwd", "a.", "a ", " a", " ", "a\x00", "\x00", "a\x00b",
		"a\n", "\t", "*", "?", "[a]", "%", "%2F", "a%2Fb", "+", "a:b", "CON", "nul.txt", "-", "--help", "~", "$HOME", "{a}", "#1", "__name__",
		"é", "e\u0301", "名前", "\u200b", "\ufeff", "\xff", "\xff\xfe", "\xed\xa0\x80", "0", "00",
		"web-0.europe.example.com", strings.Repeat("n", 255), strings.Repeat("n", 256), strings.Repeat("/", 256), strings.Repeat("\xff", 256), strings.Repeat("n", 255) + "m",
	}
}

func reportsNames(s keyset.Reports) []string {
	var r report
	want := map[string]keyset.StoredReport{}
	for i, name := range names() {
		data := fmt.Sprint("report ", i)
		want[name] = keyset.StoredReport{Data: []byte(data), Version: r.replaces(s, name, "", data, long)}
	}
	r.has(s, "after all have reported", want)
	for i, name := range names() {
		if i%2 == 0 {
			r.forget(s, name)
			delete(want, name)
		} else {
			data := fmt.Sprint("later ", i)
			want[name] = keyset.StoredReport{Data: []byte(data), Version: r.replaces(s, name, want[name].Version, data, long)}
		}
	}
	r.has(s, "after half of them were forgotten", want)
	for what, name := range map[string]string{"no name": "", "a name of 257 bytes": strings.Repeat("n", 257)} {
		_, err := putReport(s, name, "", "lost", long)
		r.add(err != nil && !errors.Is(err, keyset.ErrConflict), "Put of a replica with %s: %v", what, err)
	}
	r.has(s, "after names that are none", want)
	return r
}

func reportsOwnership(s keyset.Reports) []string {
	var r report
	const text = "the bytes of the caller"
	data := []byte(text)
	ctx, cancel := soon()
	defer cancel()
	version, err := s.Put(ctx, "a", "", data, long)
	r.add(err == nil, "Put: %v", err)
	r.add(string(data) == text, "Put has written to data")
	want := map[string]keyset.StoredReport{"a": {Data: []byte(text), Version: version}}
	clear(data)
	r.has(s, "the caller changes data after Put", want)
	all := r.all(s)
	clear(all["a"].Data)
	clear(all)
	r.has(s, "the caller changes what All returned", want)
	return r
}

func reportsConflict(s keyset.Reports) []string {
	var r report
	first := r.replaces(s, "a", "", "first", long)
	second := r.replaces(s, "a", first, "second", long)
	other := r.replaces(s, "b", "", "other", long)
	r.add(first != second, "two states have the version %q", first)
	for what, old := range map[string]keyset.Version{
		"the former version, late":  first,
		"the zero Version":          "",
		"a version that never was":  "0",
		"what is no version at all": keyset.Version("\x00 " + strings.Repeat("9", 100)),
		"a longer version":          second + "0",
	} {
		r.conflicts(s, what, "a", old)
		r.conflicts(againReports(s), what, "a", old)
	}
	if other != second { // versions may be those of the content
		r.conflicts(s, "the version of another replica", "a", other)
	}
	third := r.replaces(againReports(s), "a", second, "third", long)
	r.has(s, "after conflicts", map[string]keyset.StoredReport{"a": {Data: []byte("third"), Version: third}, "b": {Data: []byte("other"), Version: other}})
	return r
}

func reportsForget(s keyset.Reports) []string {
	var r report
	first := r.replaces(s, "a", "", "first", long)
	other := r.replaces(s, "b", "", "other", long)
	r.forget(againReports(s), "a")
	r.has(s, "after Forget", map[string]keyset.StoredReport{"b": {Data: []byte("other"), Version: other}})
	r.conflicts(s, "the version that was forgotten", "a", first)
	second := r.replaces(s, "a", "", "second", long)
	r.conflicts(s, "the version that was forgotten, after the replica has reported again", "a", first)
	r.forget(s, "c")
	r.has(s, "after it has reported again", map[string]keyset.StoredReport{"a": {Data: []byte("second"), Version: second}, "b": {Data: []byte("other"), Version: other}})
	return r
}

// reportsExpiry lets reports expire that are not replaced, and no others.
func reportsExpiry(s keyset.Reports) []string {
	var r report
	const ttl = 2 * time.Second
	_, err := putReport(s, "none", "", "lost", 0)
	r.add(err != nil && !errors.Is(err, keyset.ErrConflict), "Put with a ttl of zero: %v", err)
	_, err = putReport(s, "none", "", "lost", -time.Second)
	r.add(err != nil && !errors.Is(err, keyset.ErrConflict), "Put with a ttl below zero: %v", err)

	began := time.Now() // all of them live from now on at least
	silent := r.replaces(s, "silent", "", "1", ttl)
	disputed := r.replaces(s, "disputed", "", "1", ttl)
	renewed := r.replaces(s, "renewed", "", "1", ttl)
	renewed = r.replaces(againReports(s), "renewed", renewed, "2", long)
	gone := r.replaces(s, "gone", "", "1", ttl)
	r.forget(s, "gone")
	_, err = putReport(s, "disputed", "0", "lost", long)
	r.add(errors.Is(err, keyset.ErrConflict), "Put from a version that never was: %v", err)
	_, err = putReport(s, "gone", gone, "lost", ttl)
	r.add(errors.Is(err, keyset.ErrConflict), "Put from the version that was forgotten: %v", err)

	want := map[string]keyset.StoredReport{
		"silent":   {Data: []byte("1"), Version: silent},
		"disputed": {Data: []byte("1"), Version: disputed},
		"renewed":  {Data: []byte("2"), Version: renewed},
	}
	for {
		all := r.all(s)
		if asked := time.Since(began); asked < ttl {
			for _, replica := range slices.Sorted(maps.Keys(all)) {
				r.add(!all[replica].Expired, "the report of %s expires %v after it was made, and its ttl is %v", replica, asked, ttl)
			}
		} else if all["silent"].Expired && all["disputed"].Expired || asked > ttl+patience {
			for _, replica := range []string{"silent", "disputed"} {
				r.add(all[replica].Expired, "the report of %s does not expire: its ttl is %v, and it is there for %v", replica, ttl, asked)
			}
			r.add(!all["renewed"].Expired, "a report that was replaced in time has expired")
			r.add(maps.EqualFunc(all, want, sameReport), "after some have expired, All returns %v", slices.Sorted(maps.Keys(all)))
			break
		}
		if len(r) != 0 {
			return r
		}
		time.Sleep(100 * time.Millisecond)
	}

	// A replica that was only slow goes on.
	want["silent"] = keyset.StoredReport{Data: []byte("2"), Version: r.replaces(s, "silent", silent, "2", long)}
	r.forget(s, "disputed")
	delete(want, "disputed")
	r.has(s, "after one goes on, and one was forgotten", want)
	return r
}

func reportsCancellation(s keyset.Reports) []string {
	var r report
	r.replaces(s, "a", "", "first", long)
	written := []string{"first"}
	for i := range 12 {
		is := r.all(s)["a"]
		r.add(slices.Contains(written, string(is.Data)), "ctx has ended during Put, and All returns %s, which nobody stored", excerpt(is.Data))
		ctx, cancel := shortly(i)
		data := fmt.Sprint(i, strings.Repeat(" and so on", 1<<15))
		version, err := s.Put(ctx, "a", is.Version, []byte(data), long)
		cancel()
		written = append(written, data)
		switch {
		case err == nil:
			r.add(i > 1, "ctx had ended before Put, and it returns no error")
			r.has(s, "after Put", map[string]keyset.StoredReport{"a": {Data: []byte(data), Version: version}})
		case errors.Is(err, keyset.ErrConflict):
			r.add(r.all(s)["a"].Version != is.Version, "Put from the version in force, whose ctx ends: %v", err)
		}
	}
	return r
}

// reportsReplicas lets many replicas report at once, and many processes under one name.
func reportsReplicas(s keyset.Reports) []string {
	const replicas, times = 32, 5
	var r report
	var mu sync.Mutex // of what follows
	note := r.shared()
	handles := []keyset.Reports{s, againReports(s)}
	want := map[string]keyset.StoredReport{}
	first := 0
	var all sync.WaitGroup
	for i := range replicas {
		all.Go(func() {
			s, name := handles[i%2], fmt.Sprint("replica ", i)
			var version keyset.Version
			for n := range times {
				data := fmt.Sprint(name, " report ", n)
				next, err := putReport(s, name, version, data, long)
				if err != nil {
					note(false, "Put of %s among others: %v", name, err)
					return
				}
				version = next
				mu.Lock()
				want[name] = keyset.StoredReport{Data: []byte(data), Version: version}
				mu.Unlock()
			}
			data := fmt.Sprint("process ", i)
			version, err := putReport(s, "one name", "", data, long)
			note(err == nil || errors.Is(err, keyset.ErrConflict), "Put among others under one name: %v", err)
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				first++
				want["one name"] = keyset.StoredReport{Data: []byte(data), Version: version}
			}
		})
	}
	all.Wait()
	r.add(first == 1, "of %d processes under one name, %d were the first", replicas, first)
	r.has(s, "after many have reported at once", want)
	return r
}
