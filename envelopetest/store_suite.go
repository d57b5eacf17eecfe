package envelopetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealwax/sealwax/keyset"
)

// TestStore runs subtests for every promise of [keyset.Store]: the bytes that come back,
// versions, conflicts, waiting, a context that ends, many writers at once; and of
// [keyset.Step] on that store: many at once, an answer that is lost, and what was read
// late. A failure quotes the promise.
//
// fresh is called for each subtest and returns a store that has nothing in it and that
// nobody else uses. If it returns [TwoStores], the suite uses both.
func TestStore(t *testing.T, fresh func(t *testing.T) keyset.Store) {
	hold(t, storePromises, fresh)
	hold(t, stepPromises, fresh)
}

// TwoStores returns the first, and lets [TestStore] know of another handle on the same
// place, as another process has one.
func TwoStores(first, second keyset.Store) keyset.Store { return twoStores{first, second} }

type twoStores struct {
	keyset.Store
	again keyset.Store
}

var storePromises = []promise[keyset.Store]{
	{"Nothing", "The error wraps [fs.ErrNotExist] if there is nothing yet", storeNothing},
	{"Octets", "Data of 1 byte to 1 MiB is stored as it is.", storeOctets},
	{"Ownership", "The bytes are the caller's. Swap does not keep data.", storeOwnership},
	{"Conflict", "The error wraps [ErrConflict], and nothing was stored, if another version is in force", storeConflict},
	{"Waiting", "If that is known, it waits for another one, until ctx ends or the store wants to be asked again", storeWaiting},
	{"Order", "What Load returns afterwards is what was stored, or something newer.", storeOrder},
	{"Cancellation", "Any other error means that data may or may not have been stored; so does the error of a ctx that ends.", storeCancellation},
	{"Writers", "Swap stores data if the given version is in force, the zero Version meaning that there is nothing yet.", storeWriters},
}

func storeNothing(s keyset.Store) []string {
	var r report
	for _, known := range []keyset.Version{"", "1"} {
		began := time.Now()
		is := look(s, known)
		r.add(errors.Is(is.err, fs.ErrNotExist), "nothing is there, and Load(%q) returns %v", known, is)
		r.add(time.Since(began) < promptly, "nothing is there, and Load(%q) takes %v to say so", known, time.Since(began))
	}
	_, err := swap(s, "1", "from a version that never was")
	r.add(errors.Is(err, keyset.ErrConflict), "Swap from a version that never was: %v", err)
	is := look(s, "")
	r.add(errors.Is(is.err, fs.ErrNotExist), "after a conflict with nothing, Load returns %v", is)
	version := r.put(s, "", "the first")
	r.holds(s, "after the first Swap", "the first", version)
	r.holds(again(s), "another handle after the first Swap", "the first", version)
	return r
}

// bytes are what a store could spoil: the ends of lines, what is no UTF-8, what looks
// like the syntax of something, sizes.
func octets() []string {
	var every [256]byte
	for i := range every {
		every[i] = byte(i)
	}
	return []string{
		"{}", "\x00", "\xff\xfe", "\n", "no end of line", "an end of line\n", "\r\n\r\n", " spaces ", "\ufeffBOM", "'\"\\%s$1;--",
		"e\u0301 and \u00e9", "\xed\xa0\x80", string(every[:]), strings.Repeat("0123456789abcde\n", 1<<16),
	}
}

func storeOctets(s keyset.Store) []string {
	var r report
	var version keyset.Version
	for _, data := range octets() {
		last := version
		version = r.put(s, last, data)
		r.add(version != last, "other bytes have the same version %q", version)
		r.holds(s, "after Swap", data, version)
	}
	return r
}

func storeOwnership(s keyset.Store) []string {
	var r report
	data := []byte("the bytes of the caller")
	ctx, cancel := soon()
	defer cancel()
	version, err := s.Swap(ctx, "", data)
	r.add(err == nil, "Swap: %v", err)
	r.add(string(data) == "the bytes of the caller", "Swap has written to data")
	clear(data)
	is := look(s, "")
	r.add(is.is([]byte("the bytes of the caller"), version), "the caller changes data after Swap, and Load returns %v", is)
	clear(is.data)
	r.holds(s, "the caller changes what Load returned", "the bytes of the caller", version)
	return r
}

func storeConflict(s keyset.Store) []string {
	var r report
	first := r.put(s, "", "first")
	second := r.put(s, first, "second")
	r.add(first != second, "two states have the version %q", first)
	for what, old := range map[string]keyset.Version{
		"the former version":        first,
		"the zero Version":          "",
		"a version that never was":  "0",
		"what is no version at all": keyset.Version("\x00 " + strings.Repeat("9", 100)),
		"a longer version":          second + "0",
	} {
		for _, handle := range []keyset.Store{s, again(s)} {
			_, err := swap(handle, old, "lost")
			r.add(errors.Is(err, keyset.ErrConflict), "Swap from %s: %v", what, err)
			r.holds(s, "after a Swap from "+what, "second", second)
		}
	}
	third := r.put(again(s), second, "third")
	r.holds(s, "after conflicts", "third", third)
	return r
}

// storeWaiting follows with one handle what another one stores.
func storeWaiting(s keyset.Store) []string {
	var r report
	known := r.put(s, "", "first")

	// While nothing happens, Load may come back, but not all the time.
	const quiet, most = time.Second, 20
	ctx, cancel := context.WithTimeout(bg, quiet)
	defer cancel()
	for asked := 0; ctx.Err() == nil; asked++ {
		data, version, err := s.Load(ctx, known)
		switch {
		case ctx.Err() != nil && err != nil:
		case err != nil:
			r.add(false, "Load of what is known: %v", err)
			return r
		default:
			r.add(version == known && string(data) == "first", "nothing has changed, and Load returns %v", looked{data, version, err})
			if asked == most {
				r.add(false, "Load of what is known does not wait: it came back %d times in %v", most, time.Since(deadline(ctx).Add(-quiet)).Round(time.Millisecond))
				return r
			}
		}
	}

	for i, writer := range []keyset.Store{s, again(s)} {
		ctx, cancel := soon()
		waits := make(chan looked, 1)
		go func() { waits <- await(ctx, s, known) }()
		time.Sleep(50 * time.Millisecond) // so that it most likely waits
		data := fmt.Sprint("news ", i)
		version := r.put(writer, known, data)
		select {
		case is := <-waits:
			r.add(is.is([]byte(data), version), "another writer swaps, and the Load that waits returns %v", is)
		case <-time.After(patience):
			r.add(false, "another writer swaps, and the Load that waits does not return in %v", patience)
		}
		cancel()
		began := time.Now()
		is := look(s, known)
		r.add(is.is([]byte(data), version) && time.Since(began) < promptly, "Load of an old version returns %v after %v", is, time.Since(began))
		known = version
	}
	return r
}

func deadline(ctx context.Context) time.Time {
	d, _ := ctx.Deadline()
	return d
}

// storeOrder follows while another writes: what is seen goes forward only.
func storeOrder(s keyset.Store) []string {
	var r report
	const last = 20
	known := r.put(s, "", "00")
	ctx, cancel := soon()
	defer cancel()
	type seen struct {
		all []looked
		err error
	}
	follower := make(chan seen, 1)
	go func(known keyset.Version) {
		var f seen
		for ctx.Err() == nil {
			is := await(ctx, s, known)
			if f.err = is.err; f.err != nil {
				break
			}
			f.all = append(f.all, is)
			if known = is.version; string(is.data) == fmt.Sprintf("%02d", last) {
				break
			}
		}
		follower <- f
	}(known)
	writer := again(s)
	versions := map[keyset.Version]string{known: "00"}
	for i := 1; i <= last; i++ {
		data := fmt.Sprintf("%02d", i)
		version := r.put(writer, known, data)
		_, twice := versions[version]
		r.add(!twice, "two states have the version %q", version)
		versions[version] = data
		for name, handle := range map[string]keyset.Store{"the writer": writer, "another handle": s} {
			r.holds(handle, name+" after Swap", data, version)
			is := look(handle, known)
			r.add(is.is([]byte(data), version), "%s: Load of the former version returns %v", name, is)
		}
		known = version
	}
	f := <-follower
	r.add(f.err == nil, "who follows sees %v, and then the error %v", f.all, f.err)
	before := "00"
	for _, is := range f.all {
		r.add(string(is.data) > before, "who follows has %s after %q", excerpt(is.data), before)
		r.add(versions[is.version] == string(is.data), "who follows has %v, which was never stored", is)
		before = string(is.data)
	}
	return r
}

func storeCancellation(s keyset.Store) []string {
	var r report
	known := r.put(s, "", "first")
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		const wait = 100 * time.Millisecond
		ctx, cancel := context.WithCancel(bg)
		if end == context.DeadlineExceeded {
			ctx, cancel = context.WithTimeout(bg, wait)
		} else {
			time.AfterFunc(wait, cancel)
		}
		waits := make(chan looked, 1)
		go func() { waits <- await(ctx, s, known) }()
		select {
		case is := <-waits:
			r.add(errors.Is(is.err, end), "ctx has ended (%v), and the Load that waits returns %v", end, is)
		case <-time.After(wait + promptly):
			r.add(false, "ctx has ended (%v), and the Load that waits does not return in %v", end, promptly)
		}
		cancel()
	}

	// A Swap whose ctx ends may be stored, also a little later: whole, or not at all.
	written := []string{"first"}
	for i := range 12 {
		is := look(s, "")
		r.add(is.err == nil && slices.Contains(written, string(is.data)), "ctx has ended during Swap, and Load returns %v, which nobody stored", is)
		ctx, cancel := shortly(i)
		data := fmt.Sprint(i, strings.Repeat(" and so on", 1<<16))
		version, err := s.Swap(ctx, is.version, []byte(data))
		cancel()
		written = append(written, data)
		switch {
		case err == nil:
			r.add(i > 1, "ctx had ended before Swap, and it returns no error")
			r.holds(s, "after Swap", data, version)
		case errors.Is(err, keyset.ErrConflict):
			r.add(look(s, "").version != is.version, "Swap from the version in force, whose ctx ends: %v", err)
		}
	}
	return r
}

// storeWriters lets 64 writers add a line each, as Step does it: load, change, swap,
// and from the start after a conflict.
func storeWriters(s keyset.Store) []string {
	const writers = 64
	var r report
	var mu sync.Mutex // of what follows
	from := map[keyset.Version]int{}
	note := r.shared()
	handles := []keyset.Store{s, again(s)}
	r.put(s, "", "all who were here:\n")
	var all sync.WaitGroup
	ctx, cancel := context.WithTimeout(bg, 4*patience)
	defer cancel()
	for w := range writers {
		all.Go(func() {
			s, line := handles[w%2], fmt.Sprintf("writer %02d\n", w)
			for ctx.Err() == nil {
				data, version, err := s.Load(ctx, "")
				if err != nil {
					note(false, "Load among others: %v", err)
					return
				}
				if bytes.Contains(data, []byte(line)) {
					note(false, "writer %d had a conflict, and its line is stored", w)
					return
				}
				_, err = s.Swap(ctx, version, append(data, line...))
				if err == nil {
					mu.Lock()
					from[version]++
					mu.Unlock()
					return
				}
				if !errors.Is(err, keyset.ErrConflict) {
					note(false, "Swap among others: %v", err)
					return
				}
			}
			note(false, "writer %d has not come to write in %v", w, 4*patience)
		})
	}
	all.Wait()
	is := look(s, "")
	for w := range writers {
		r.add(bytes.Contains(is.data, fmt.Appendf(nil, "writer %02d\n", w)), "what writer %d stored is lost", w)
	}
	for version, n := range from {
		r.add(n == 1, "%d writers have swapped version %q", n, version)
	}
	return r
}
