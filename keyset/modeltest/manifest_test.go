package modeltest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sealwax/sealwax/keyset"
)

// holds ends the test unless ok.
func holds(t interface {
	Helper()
	Fatalf(string, ...any)
}, ok bool, format string, args ...any) {
	t.Helper()
	if !ok {
		t.Fatalf(format, args...)
	}
}

// same ends the test unless both rings say and do the same.
func same(t *rapid.T, a, b *keyset.Ring, what string) {
	t.Helper()
	if x, y := describe(a), describe(b); !slices.Equal(x, y) {
		t.Fatalf("%s:\n%s\nand\n%s", what, strings.Join(x, "\n"), strings.Join(y, "\n"))
	}
}

// A copied is one copy of a key: the parts that it has, and when it ends.
type copied struct {
	key
	parts string
}

func (c *copied) Public() keyset.Material {
	i := c.info
	i.Private = false
	return &copied{key{i}, c.parts}
}

func (c *copied) Digest() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %v", c.info.ID, c.parts, c.info.NotAfter.UTC()))
	return hex.EncodeToString(sum[:])
}

func (c *copied) Lacks(newer keyset.Material) (lost []string) {
	for _, part := range c.parts {
		if n, ok := newer.(*copied); !ok || !strings.ContainsRune(n.parts, part) {
			lost = append(lost, string(part))
		}
	}
	return lost
}

// A folder is what an operator keeps: key files, and a manifest that names them.
type folder struct {
	files    map[string]*copied // by source
	lost     map[string]bool
	manifest keyset.Manifest
	sequence int
}

func (f *folder) open(_ context.Context, k keyset.ManifestKey) (keyset.Material, error) {
	c, ok := f.files[k.Source]
	if !ok || f.lost[k.Source] {
		return nil, errors.New("no such file")
	}
	named := *c
	if k.Name != "" {
		named.info.Name = k.Name
	}
	return &named, nil
}

func newFolder(t *rapid.T) *folder {
	f := &folder{files: map[string]*copied{}, lost: map[string]bool{}}
	f.manifest = keyset.Manifest{Version: 1, Format: rapid.SampledFrom([]keyset.Format{keyset.OpenPGP, keyset.JOSE}).Draw(t, "format"), Private: rapid.Bool().Draw(t, "private")}
	f.add(t, keyset.Active)
	return f
}

func (f *folder) add(t *rapid.T, state keyset.State) {
	f.sequence++
	id := keyset.ID(fmt.Sprint("K", f.sequence))
	use := keyset.Signing | keyset.Encryption
	if f.manifest.Format == keyset.JOSE && f.sequence > 1 {
		use = rapid.SampledFrom([]keyset.Use{keyset.Signing, keyset.Encryption, use}).Draw(t, "use")
	}
	source := "file:" + string(id)
	f.files[source] = &copied{key{keyset.Info{ID: id, Format: f.manifest.Format, Private: f.manifest.Private, Use: use}}, "p"}
	f.manifest.Keys = append(f.manifest.Keys, keyset.ManifestKey{ID: id, State: state, Source: source})
}

// edit does to the folder what an operator may do, rightly or wrongly.
func (f *folder) edit(t *rapid.T) {
	keys := f.manifest.Keys
	n := rapid.IntRange(0, len(keys)-1).Draw(t, "which")
	k := &keys[n]
	far := time.Now().AddDate(5, 0, 0).UTC().Truncate(time.Hour)
	switch rapid.IntRange(0, 13).Draw(t, "edit") {
	case 0, 1:
		if len(keys) < 6 {
			f.add(t, rapid.SampledFrom([]keyset.State{keyset.Pending, keyset.Pending, keyset.Active, keyset.Retiring}).Draw(t, "as"))
		}
	case 2, 3:
		k.Evidence = rapid.SampledFrom([]string{"echo", "mail", " ", ""}).Draw(t, "evidence")
	case 4:
		k.State, k.Evidence = keyset.Active, "echo"
	case 5:
		k.State = rapid.SampledFrom([]keyset.State{keyset.Pending, keyset.Active, keyset.Retiring}).Draw(t, "state")
	case 6:
		k.Name = fmt.Sprint("name ", rapid.IntRange(0, 9).Draw(t, "name"))
	case 7: // renewed in place
		c := *f.files[k.Source]
		c.info.NotAfter, c.parts = far.AddDate(f.sequence, 0, 0), c.parts+"r"
		f.files[k.Source] = &c
	case 8: // replaced by a copy that lacks something
		c := *f.files[k.Source]
		c.parts = "p"
		f.files[k.Source] = &c
	case 9:
		f.lost[k.Source] = !f.lost[k.Source]
	case 10:
		k.NotAfter = rapid.SampledFrom([]time.Time{{}, far, time.Now().AddDate(-1, 0, 0).UTC().Truncate(time.Hour)}).Draw(t, "end")
	case 11:
		if len(keys) > 1 {
			f.manifest.Keys = slices.Delete(keys, n, n+1)
			return
		}
	case 12:
		m := rapid.IntRange(0, len(keys)-1).Draw(t, "with")
		keys[n], keys[m] = keys[m], keys[n]
	case 13:
		if rapid.IntRange(0, 4).Draw(t, "really") == 0 {
			k.State = keyset.Revoked
		}
	}
	for i := range keys { // sealctl writes digests, hands do not
		keys[i].Digest = ""
	}
	if rapid.Bool().Draw(t, "digests") {
		for i := range f.manifest.Keys {
			f.manifest.Keys[i].Digest = f.files[f.manifest.Keys[i].Source].Digest()
		}
	}
}

// describe is all that a ring says and does, but for what it counted.
func describe(r *keyset.Ring) (out []string) {
	for k := range r.Load().All() {
		i := k.Material.Info()
		if k.State == keyset.Revoked {
			out = append(out, fmt.Sprint(i.ID, " revoked"))
			continue
		}
		begin, end := k.Bounds()
		out = append(out, fmt.Sprint(i.ID, k.State, i.Name, i.Use, begin.UTC(), end.UTC(), k.NotAfter.UTC(), k.Evidence, k.Source, k.Note, k.Material.(*copied).Digest()))
	}
	return out
}

// TestRunningEqualsRestarted: a ring that followed all manifests is as one that was
// just started from the last, wherever nothing was refused.
func TestRunningEqualsRestarted(t *testing.T) {
	compared, refused, told := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		f := newFolder(t)
		var running keyset.Ring
		for range rapid.IntRange(2, 12).Draw(t, "manifests") {
			f.manifest.Revision++
			for range rapid.IntRange(0, 3).Draw(t, "edits") {
				f.edit(t)
			}
			opts := keyset.IdleFor(1)
			o, err := running.Reload(context.Background(), &f.manifest, f.open, opts)
			if err != nil { // not even a start
				holds(t, len(describe(&running)) == 0, "a start that failed left %v", describe(&running))
				continue
			}
			for _, k := range f.manifest.Keys {
				if k.State != keyset.Revoked && rapid.Bool().Draw(t, "used") {
					running.RecordOpened(k.ID, time.Now())
				}
			}
			holds(t, f.manifest.Revision == o.Revision, "revision %d, and it says %d", f.manifest.Revision, o.Revision)
			if len(o.Refused) != 0 {
				refused++
				continue
			}
			var fresh keyset.Ring
			o, err = fresh.Reload(context.Background(), &f.manifest, f.open, opts)
			missing := slices.ContainsFunc(o.Refused, func(r keyset.Refusal) bool {
				_, held := fresh.Load().Lookup(r.ID)
				return !held
			})
			if err != nil || missing {
				continue // a file was lost of which the running ring has the copy that is meant
			}
			if len(o.Refused) != 0 {
				told++ // of what the start took all the same
			}
			same(t, &fresh, &running, "restarted")
			holds(t, fresh.Load().Revision() == running.Load().Revision(), "the revisions differ")
			compared++
		}
	})
	holds(t, compared > 2000, "the histories hardly ever compare")
	holds(t, refused > 2000, "the histories hardly ever refuse")
	holds(t, told > 20, "the starts hardly ever say what they take: %d", told)
}

// TestRefusedMeansThatAlone: a manifest in which what was refused is written as it was
// leads to the same ring, and nothing of it is refused.
func TestRefusedMeansThatAlone(t *testing.T) {
	partly := 0
	rapid.Check(t, func(t *rapid.T) {
		f := newFolder(t)
		for range rapid.IntRange(0, 4).Draw(t, "keys") {
			f.add(t, rapid.SampledFrom([]keyset.State{keyset.Pending, keyset.Active, keyset.Retiring}).Draw(t, "as"))
		}
		f.manifest.Revision = 1
		start := func() *keyset.Ring {
			r := new(keyset.Ring)
			before := f.manifest
			_, err := r.Reload(context.Background(), &before, f.open)
			holds(t, err == nil, "%v", err)
			return r
		}
		ring, again := start(), start()
		before := map[keyset.ID]keyset.ManifestKey{}
		for _, k := range f.manifest.Keys {
			before[k.ID] = k
		}
		f.manifest.Keys = slices.Clone(f.manifest.Keys)
		f.manifest.Revision = 2
		for range rapid.IntRange(1, 5).Draw(t, "edits") {
			f.edit(t)
		}
		f.lost = map[string]bool{} // what cannot be opened is another matter
		o, err := ring.Reload(context.Background(), &f.manifest, f.open)
		holds(t, err == nil, "%v", err)

		corrected := f.manifest
		corrected.Keys = slices.Clone(f.manifest.Keys)
		for _, r := range o.Refused {
			if errors.Is(r.Err, keyset.ErrIncomplete) {
				return // the copy stays, and the rest of the entry takes effect
			}
			n := slices.IndexFunc(corrected.Keys, func(k keyset.ManifestKey) bool { return k.ID == r.ID })
			was, known := before[r.ID]
			if known {
				was.Digest = ""
				for k := range again.Load().All() {
					if k.ID() == r.ID {
						was.Digest = k.Material.(*copied).Digest()
					}
				}
			}
			switch {
			case n >= 0 && known:
				corrected.Keys[n] = was
			case n >= 0:
				corrected.Keys = slices.Delete(corrected.Keys, n, n+1)
			case known:
				corrected.Keys = append(corrected.Keys, was)
			}
		}
		if len(corrected.Keys) == 0 {
			return
		}
		o2, err := again.Reload(context.Background(), &corrected, f.open)
		holds(t, err == nil, "%v", err)
		holds(t, len(o2.Refused) == 0, "%v\nthen %v", o, o2)
		same(t, again, ring, o.String())
		if len(o.Refused) != 0 && len(o.Refused) < len(f.manifest.Keys) {
			partly++
		}
	})
	holds(t, partly > 500, "hardly any manifest is refused in part")
}

// TestMergingNeverMakesIdler: a ring gives up a key only if every replica knows that it
// was unused, whatever is reported, in whatever order, and how often.
func TestMergingNeverMakesIdler(t *testing.T) {
	removed, kept := 0, 0
	now := time.Now().UTC()
	ago := func(days int) time.Time { return now.Add(-time.Duration(days) * 24 * time.Hour) }
	rapid.Check(t, func(t *rapid.T) {
		m := &keyset.Manifest{Version: 1, Revision: 1, Format: keyset.JOSE, Private: true, Keys: []keyset.ManifestKey{
			{ID: "new", Use: "encryption", State: keyset.Active}, {ID: "old", Use: "encryption", State: keyset.Retiring}}}
		s, err := m.Open(context.Background(), nil)
		holds(t, err == nil, "%v", err)
		ring := keyset.NewRing(s)
		newest := map[string]keyset.Report{}
		for range rapid.IntRange(1, 8).Draw(t, "reports") {
			made := rapid.IntRange(0, 20).Draw(t, "made")
			since := made + rapid.IntRange(0, 30).Draw(t, "since")
			old := keyset.Usage{Since: ago(since)}
			if rapid.Bool().Draw(t, "used") {
				at := ago(rapid.IntRange(made, made+30).Draw(t, "last"))
				switch rapid.IntRange(0, 2).Draw(t, "how") {
				case 0:
					old.LastOpened, old.Opened = at, 1
				case 1:
					old.LastSealed, old.Sealed = at, 1
				case 2:
					old.LastUnsigned, old.Unsigned = at, 1
				}
			}
			p := keyset.Report{Replica: rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "replica"), Made: ago(made), Usage: map[keyset.ID]keyset.Usage{
				"old": old, "new": {Since: ago(since), Opened: 1, LastOpened: ago(made)}}}
			if was, ok := newest[p.Replica]; ok && p.Made.Equal(was.Made) {
				err := ring.Merge(p)
				holds(t, (err == nil) == reflect.DeepEqual(p, was), "another report of one time: %v", err)
				continue
			}
			for range rapid.IntRange(1, 3).Draw(t, "times") {
				err := ring.Merge(p)
				holds(t, err == nil, "%v", err)
			}
			if was, ok := newest[p.Replica]; !ok || p.Made.After(was.Made) {
				newest[p.Replica] = p
			}
		}
		const idle = 7 * 24 * time.Hour
		if err := ring.Remove("old", idle); err != nil {
			kept++
			return
		}
		removed++
		for name, p := range newest {
			u := p.Usage["old"]
			for what, at := range map[string]time.Time{"counts since": u.Since, "opened": u.LastOpened, "sealed": u.LastSealed, "opened unsigned": u.LastUnsigned} {
				holds(t, p.Made.Sub(at) >= idle, "replica %s %s %v, and said so at %v", name, what, at, p.Made)
			}
		}
	})
	holds(t, removed > 200, "hardly ever removed")
	holds(t, kept > 200, "hardly ever kept")
}
