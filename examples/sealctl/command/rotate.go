package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sealwax/sealwax/keyset"
)

var rotate = command{
	name: "rotate", args: "MANIFEST STEP [ARGUMENT...]",
	what: "walk a manifest through a rotation, one step at a time",
	help: `
A manifest lists the keys of one party, ours or the partner's, with their states;
programs follow it with keyset.Ring.Reload. Key files lie in its folder. KEY is an
ID, eight characters of its begin or end, a name, or a source.

  init KEYFILE...            a new manifest, all keys active; -public for a partner's keys
  show                       the keys, and for each the steps that are due or refused
  add KEYFILE                pending: it opens, it does not seal
  acknowledge KEY EVIDENCE   the partner has shown that it can use the key: "echo 2026-12-03"
  promote KEY                active: it seals
  retire KEY                 retiring: it only opens
  remove KEY                 gone; asks the usage of every replica, see -idle, -unchecked
  revoke KEY                 used for nothing, at once and for ever
  refresh KEYFILE            a newer copy of a key that is listed
  forget REPLICA REASON      a replica that is gone for good: no step waits for it any more

One key replaces another so, on our side and on the partner's: add; hand over; seal
-probe, open, acknowledge; promote; retire the old one; remove it when it is idle.
The exit status is 5 for a step that is refused, and nothing has changed then.

Promote and remove wait for all replicas: -reports names the folder where they report,
-usage a report as a file, -vouch a replica that you have looked at yourself; or say
-single, if there is no more than one process.

  sealctl rotate own.json add own-2027.asc
  sealctl rotate own.json promote own-2027 -reports reports
  sealctl rotate own.json remove own-2026 -usage replica-1.json -usage replica-2.json
`,
	run: runRotate,
}

// A rotation is one step under way.
type rotation struct {
	c      *call
	keys   keyReader
	file   string
	public bool
	idle   span
	usage  list
	asked  string // the folder of reports
	vouch  list   // replicas
	single bool
	why    string // why usage is not asked
	now    time.Time
}

func runRotate(ctx context.Context, c *call) error {
	r := &rotation{c: c, keys: keyReader{c: c}, idle: span(7 * 24 * time.Hour), now: time.Now()}
	c.flags.BoolVar(&r.public, "public", false, "init: list public halves, of a partner's keys")
	c.flags.Var(&r.idle, "idle", "remove: how `long` the key must have been unused")
	c.flags.StringVar(&r.why, "unchecked", "", "remove: ask nobody, for the `reason` that the key is known to be out of use; the manifest keeps it")
	c.flags.Var(&r.usage, "usage", "promote, remove: a `file` with the keyset.Report of one replica; again for each")
	c.flags.StringVar(&r.asked, "reports", "", "promote, remove, forget: the `folder` of keyset.ReportFiles, where replicas report")
	c.flags.Var(&r.vouch, "vouch", "promote: a `replica` of which you know that it has loaded the manifest as it is; again for each")
	c.flags.BoolVar(&r.single, "single", false, "promote, remove: no more than one process follows the manifest")
	r.keys.flag()
	if err := c.parse(1, 1<<10); err != nil {
		return err
	}
	r.file = c.args[0]
	step, args := "show", c.args[1:]
	if len(args) != 0 {
		step, args = args[0], args[1:]
	}
	if step == "init" {
		return r.init(ctx, args)
	}
	s, ok := r.steps()[step]
	if !ok {
		return misuse("there is no step %q", step)
	}
	if len(args) != len(s.args) {
		return misuse("%s takes %s", step, strings.Join(append([]string{"MANIFEST"}, s.args...), " "))
	}
	if step == "revoke" {
		return r.revoke(ctx, args[0], s.next)
	}
	if step == "show" {
		ring, err := r.load(ctx, files)
		if err != nil {
			ring, err = r.load(ctx, states) // without the files there is less to show
		}
		if err != nil {
			return err
		}
		return r.show(ring)
	}
	return r.step(ctx, step, s, args)
}

// step makes a step in the file. Others who write meanwhile lose nothing.
func (r *rotation) step(ctx context.Context, name string, s step, args []string) error {
	opts, err := r.options(ctx, s.needs)
	if err != nil {
		return err
	}
	var ring *keyset.Ring
	var before uint64
	err = r.do(ctx, func(is *keyset.Ring) error {
		ring, before = is, is.Load().Revision()
		return s.run(ctx, is, args)
	}, opts...)
	if err != nil {
		return refusal(err)
	}
	if ring.Load().Revision() == before {
		return r.say(ring, nothingToDo)
	}
	return r.say(ring, fmt.Sprintf("%s: revision %d\n%s\n", name, ring.Load().Revision(), s.next))
}

// do makes a step in the manifest, which may be a link into another folder.
func (r *rotation) do(ctx context.Context, step func(*keyset.Ring) error, opts ...keyset.StepOption) error {
	file := r.file
	if to, err := filepath.EvalSymlinks(file); err == nil {
		file = to
	}
	folder, err := os.OpenRoot(filepath.Dir(file))
	if err != nil {
		return err
	}
	defer folder.Close()
	if r.asked != "" {
		reports, err := os.OpenRoot(r.asked)
		if err != nil {
			return fmt.Errorf("-reports: %w", err)
		}
		defer reports.Close()
		opts = append(opts, keyset.AskReplicas(keyset.ReportFiles(reports)))
	}
	if len(r.vouch) != 0 {
		opts = append(opts, keyset.Vouch(r.vouch...))
	}
	if r.single {
		opts = append(opts, keyset.SingleProcess())
	}
	return keyset.Step(ctx, keyset.File(folder, filepath.Base(file)), func(ring *keyset.Ring) error {
		for _, file := range r.usage {
			report, err := r.report(file)
			if err == nil {
				err = ring.Merge(report)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
		return step(ring)
	}, opts...)
}

func (r *rotation) report(file string) (keyset.Report, error) {
	raw, err := r.c.read(file, "-usage", maxKeyFile)
	if err != nil {
		return keyset.Report{}, err
	}
	return keyset.ReadReport(bytes.NewReader(raw))
}

const nothingToDo = "nothing to do: it is so already\n"

// What a step must know of the keys of a manifest.
type needs int

const (
	uses   needs = iota // what each key is for: from its file if the manifest does not say it
	states              // nothing else, so that no key file is opened
	files               // the keys themselves
)

// A step is what rotate does to a ring.
type step struct {
	args  []string
	needs needs
	next  string // what to do after it
	run   func(ctx context.Context, ring *keyset.Ring, args []string) error
}

func (r *rotation) steps() map[string]step {
	one := []string{"KEY"}
	return map[string]step{
		"show": {needs: files},
		"add": {[]string{"KEYFILE"}, files,
			"next: let every replica load this; hand over the public half, and compare the fingerprint; then seal -probe, and acknowledge",
			r.add},
		"refresh": {[]string{"KEYFILE"}, files, "next: let every replica load this", r.refresh},
		"acknowledge": {[]string{"KEY", "EVIDENCE"}, uses, "next: promote, once all replicas of both sides have the key",
			func(_ context.Context, ring *keyset.Ring, args []string) error {
				return onKey(ring, args[0], func(id keyset.ID) error { return ring.Acknowledge(id, args[1]) })
			}},
		"promote": {one, uses, "next: let every replica load this; then retire the old key",
			func(_ context.Context, ring *keyset.Ring, args []string) error {
				return onKey(ring, args[0], ring.Promote)
			}},
		"retire": {one, uses, "next: let every replica load this; the old key opens what is under way; remove it when it is idle",
			func(_ context.Context, ring *keyset.Ring, args []string) error {
				return onKey(ring, args[0], ring.Retire)
			}},
		"remove": {one, uses, "next: let every replica load this; then destroy the private half",
			r.remove},
		"forget": {[]string{"REPLICA", "REASON"}, states, "next: no step waits for it; if it lives, it reports again",
			func(_ context.Context, ring *keyset.Ring, args []string) error { return ring.Forget(args[0], args[1]) }},
		"revoke": {args: one, next: "next: let every replica load this at once, and tell the partner: it does not learn of it from us"},
	}
}

func onKey(ring *keyset.Ring, name string, f func(keyset.ID) error) error {
	k, err := find(ring.Load(), name)
	if err != nil {
		return &exitError{failed, err}
	}
	return f(k.ID())
}

// refusal marks the errors of a step that is early or wrong.
func refusal(err error) error {
	for _, target := range []error{keyset.ErrTransition, keyset.ErrUnproven, keyset.ErrLastActive, keyset.ErrLastOpener, keyset.ErrBusy, keyset.ErrDuplicate, keyset.ErrIncomplete, keyset.ErrLagging} {
		if errors.Is(err, target) {
			return &exitError{refused, err}
		}
	}
	return err
}

func (r *rotation) add(ctx context.Context, ring *keyset.Ring, args []string) error {
	return r.each(ctx, ring, args[0], func(m keyset.Material, source string) error { return ring.Add(ctx, m, source) })
}

func (r *rotation) refresh(ctx context.Context, ring *keyset.Ring, args []string) error {
	return r.each(ctx, ring, args[0], func(m keyset.Material, source string) error {
		if err := ring.Refresh(ctx, m, source); err != nil {
			return err
		}
		// Programs open the file, and take what it holds.
		held, _ := ring.Load().Lookup(m.Info().ID)
		if comparer, ok := held.Material.(keyset.Comparer); ok {
			if lost := comparer.Lacks(m); len(lost) != 0 {
				return fmt.Errorf("%w: %s lacks %s of key %s: merge both files first, for example with gpg --import",
					keyset.ErrIncomplete, args[0], strings.Join(lost, ", "), held.ID())
			}
		}
		return nil
	})
}

// each does f with every key of a file: the half that the manifest lists.
func (r *rotation) each(ctx context.Context, ring *keyset.Ring, file string, f func(m keyset.Material, source string) error) error {
	keys, source, err := r.material(ctx, file, ring.Load().Private())
	if err != nil {
		return err
	}
	for _, m := range keys {
		if err := f(m, source); err != nil {
			return err
		}
	}
	return nil
}

// material reads the keys of a file, or of a service, and names it as the manifest does.
func (r *rotation) material(ctx context.Context, file string, private bool) (keys []keyset.Material, source string, err error) {
	keys, source, err = r.keys.elsewhere(ctx, file, r.file)
	if keys == nil && err == nil {
		keys, source, err = r.inFile(file)
	}
	if err != nil {
		return nil, "", err
	}
	for i, m := range keys {
		switch {
		case !private:
			keys[i] = m.Public()
		case !m.Info().Private:
			return nil, "", fmt.Errorf("%s: key %s has no private half: it is a partner's, which init lists with -public, or what we hand out", file, m.Info().ID)
		}
	}
	return keys, source, nil
}

func (r *rotation) inFile(file string) (keys []keyset.Material, source string, err error) {
	if source, err = r.source(file); err != nil {
		return nil, "", err
	}
	raw, err := r.c.read(unprefixed(file), "the key", maxKeyFile)
	if err != nil {
		return nil, "", err
	}
	keys, err = r.keys.keys(file, raw)
	return keys, source, err
}

// source names a key file as the manifest does: from its own folder.
func (r *rotation) source(file string) (string, error) {
	path, err := filepath.Rel(filepath.Dir(r.file), unprefixed(file))
	if err != nil || !filepath.IsLocal(path) {
		return "", fmt.Errorf("%s: a key file lies in the folder of the manifest, or below", file)
	}
	source := "file:" + filepath.ToSlash(path)
	if _, alg := prefixOf(file); alg != "" {
		source += "#" + string(alg)
	}
	return source, nil
}

// remove asks what the replicas have counted: this program has seen no traffic.
func (r *rotation) remove(_ context.Context, ring *keyset.Ring, args []string) error {
	return onKey(ring, args[0], func(id keyset.ID) error {
		if r.why != "" {
			return ring.RemoveUnchecked(id, r.why)
		}
		if len(r.usage) == 0 && r.asked == "" {
			return misuse("give the usage of every replica with -reports or -usage; or the reason with -unchecked if you know that the key is out of use")
		}
		return ring.Remove(id, time.Duration(r.idle))
	})
}

// read reads the manifest.
func (r *rotation) read() (*keyset.Manifest, error) {
	raw, err := os.ReadFile(r.file)
	if err != nil {
		return nil, fmt.Errorf("%w; init makes a manifest", err)
	}
	m, err := keyset.ReadManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.file, err)
	}
	return m, nil
}

// options are those of a step. Steps that only edit states need no key: they work for
// keys in a key service, and when a file is lost.
func (r *rotation) options(ctx context.Context, need needs) ([]keyset.StepOption, error) {
	m, err := r.read()
	if err != nil {
		return nil, err
	}
	useless := slices.ContainsFunc(m.Keys, func(k keyset.ManifestKey) bool { return k.Use == "" && k.State != keyset.Revoked })
	if need == files || need == uses && useless {
		return []keyset.StepOption{keyset.OpenKeys(r.keys.opener(m.Format, r.file))}, nil
	}
	return nil, nil
}

// load reads the manifest, with its keys or only their states.
func (r *rotation) load(ctx context.Context, need needs) (*keyset.Ring, error) {
	m, err := r.read()
	if err != nil {
		return nil, err
	}
	var open keyset.Opener
	if need == files {
		open = r.keys.opener(m.Format, r.file)
	}
	s, err := m.Open(ctx, open)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.file, err)
	}
	return keyset.NewRing(s), nil
}

// revoke waits for nothing: neither for key files, nor for others who write, nor for a
// file that can be read as a whole. What else a torn one should say is not clear, so that
// nothing else in it changes.
func (r *rotation) revoke(ctx context.Context, name, next string) error {
	id := keyset.ID(name)
	ring, err := r.load(ctx, states)
	var torn *keyset.ManifestError
	if err != nil && !errors.As(err, &torn) {
		return err
	}
	if torn == nil {
		err := onKey(ring, name, func(found keyset.ID) error { id = found; return nil })
		if err != nil {
			return err
		}
	}
	if err := r.do(ctx, func(is *keyset.Ring) error { return is.Revoke(id) }); err != nil {
		return fmt.Errorf("nothing is written: %w; mend it, or revoke the key in the programs that run: keyset.Ring.RevokeAll(%q)", err, id)
	}
	if torn != nil {
		text := fmt.Sprintf(`revoke: key %s is revoked in %s, which cannot be read: %v
next: let every replica load this at once: programs that follow it take what it revokes,
and nothing else of it. Then mend it, and keep every entry that is revoked, also one
that stands behind the end
`, id, r.file, torn)
		return r.c.say(tornReport{id, torn.Line, torn.Error()}, text, false)
	}
	before := ring.Load().Revision()
	if ring, err = r.load(ctx, states); err != nil {
		return err
	}
	if ring.Load().Revision() == before {
		return r.say(ring, nothingToDo)
	}
	return r.say(ring, fmt.Sprintf("revoke: revision %d\n%s\n", ring.Load().Revision(), next))
}

// A tornReport is what revoke says in JSON of a file that is no manifest.
type tornReport struct {
	Revoked keyset.ID `json:"revoked"`
	Line    int       `json:"line,omitempty"`
	Torn    string    `json:"torn"`
}

func (r *rotation) init(ctx context.Context, files []string) error {
	if len(files) == 0 {
		return misuse("init takes MANIFEST KEYFILE...")
	}
	if _, err := os.Stat(r.file); err == nil {
		return fmt.Errorf("%s exists: init does not write over a manifest", r.file)
	}
	var entries []keyset.Key
	for _, file := range files {
		keys, source, err := r.material(ctx, file, !r.public)
		if err != nil {
			return err
		}
		for _, m := range keys {
			entries = append(entries, keyset.Key{Material: m, State: keyset.Active, Source: source, Since: r.now.UTC().Truncate(time.Second)})
		}
	}
	s, err := keyset.New(1, entries...)
	if err != nil {
		return err
	}
	if err := s.Manifest().WriteFile(r.file); err != nil {
		return err
	}
	return r.say(keyset.NewRing(s), fmt.Sprintf("made %s: revision 1\n", r.file))
}
