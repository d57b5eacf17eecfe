package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
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
programs follow it with keyset.Follow. Key files lie in its folder. KEY is an ID, eight
characters of its begin or end, a name, the address in it, or the file of the key; what
fits two keys is refused.

  init KEYFILE...            a new manifest, all keys active; -public for a partner's keys
  show                       the keys, and for each the steps that are due or refused
  add KEYFILE...             pending: it opens, it does not seal
  acknowledge KEY EVIDENCE   the partner has shown that it can use the key: "echo 2026-12-03"
  promote KEY                active: it seals
  retire KEY                 retiring: it only opens
  remove KEY                 gone; asks the usage of every replica, see -idle, -unchecked
  revoke KEY                 used for nothing, at once and for ever
  refresh KEYFILE...         a newer copy of a key that is listed
  forget REPLICA REASON      a replica that is gone for good: no step waits for it any more

One key replaces another so, on our side and on the partner's: add; hand over; seal
-probe, open, acknowledge; promote; retire the old one; remove it when it is idle.
The exit status is 5 for a step that is refused, and nothing has changed then.

Promote and remove wait for all replicas: -reports names the folder where they report,
-usage a report as a file, -vouch a replica that you have looked at yourself; or say
-single, if there is no more than one process.

  sealctl rotate own.json add own-2027.asc
  sealctl rotate own.json acknowledge own-2027.asc "echo 2026-12-03"
  sealctl rotate own.json promote own-2027.asc -reports reports
  sealctl rotate own.json remove own-2026.asc -usage replica-1.json -usage replica-2.json
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

	name     string // of a JOSE key
	sameName bool
	revision uint64 // of a new manifest
}

func runRotate(ctx context.Context, c *call) error {
	r := &rotation{c: c, keys: keyReader{c: c}, idle: span(week), now: time.Now()}
	c.flags.BoolVar(&r.public, "public", false, "init: list public halves, of a partner's keys")
	c.flags.Var(&r.idle, "idle", "remove: how `long` the key must have been unused")
	c.flags.StringVar(&r.why, "unchecked", "", "remove: ask nobody, for the `reason` that the key is known to be out of use; the manifest keeps it")
	c.flags.Var(&r.usage, "usage", "promote, remove: a `file` with the keyset.Report of one replica; again for each")
	c.flags.StringVar(&r.asked, "reports", "", "promote, remove, forget: the `folder` of keyset.ReportFiles, where replicas report")
	c.flags.Var(&r.vouch, "vouch", "promote: a `replica` of which you know that it has loaded the manifest as it is; again for each")
	c.flags.BoolVar(&r.single, "single", false, "promote, remove: no more than one process follows the manifest")
	c.flags.StringVar(&r.name, "name", "", "init, add: the `kid` of a JOSE key, in place of what its file says, if anything")
	c.flags.BoolVar(&r.sameName, "same-name", false, "init, add: the kid may be that of another key")
	c.flags.Uint64Var(&r.revision, "revision", 1, "init: the `number` of the first revision; above the last one if a manifest was lost")
	r.keys.flag()
	if err := c.parse(1, 1<<10); err != nil {
		return err
	}
	r.file = c.args[0]
	step, args := "show", c.args[1:]
	if len(args) != 0 {
		step, args = args[0], args[1:]
	}
	if r.name != "" && len(args) > 1 {
		return misuse("-name is for one key, and there are %d files", len(args))
	}
	if step == "init" {
		return r.init(ctx, args)
	}
	s, ok := r.steps()[step]
	if !ok {
		return misuse("there is no step %q", step)
	}
	if len(args) != len(s.args) && !(s.more && len(args) > len(s.args)) {
		return misuse("%s takes %s", step, strings.Join(append([]string{"MANIFEST"}, s.args...), " "))
	}
	if step == "revoke" {
		return r.revoke(ctx, args[0], s.next)
	}
	if step == "show" {
		return r.show(ctx)
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
	var before *keyset.Set
	err = r.do(ctx, func(is *keyset.Ring) error {
		ring, before = is, is.Load()
		return s.run(ctx, is, args)
	}, opts...)
	if err != nil {
		return refusal(err)
	}
	after := ring.Load()
	if after.Revision() == before.Revision() {
		return r.say(ring, nothingToDo)
	}
	return r.say(ring, fmt.Sprintf("%s: revision %d\n%s%s\n", name, after.Revision(), changed(before, after), r.next(name, s, before, after)))
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

// read reads the manifest.
func (r *rotation) read() (*keyset.Manifest, error) {
	m, err := readManifest(r.file)
	if _, unread := errors.AsType[*fs.PathError](err); unread {
		return nil, fmt.Errorf("%w; init makes a manifest", err)
	}
	return m, err
}

// week is how long a key must have been unused, if nobody says otherwise: here, and for
// whoever follows a manifest without keyset.IdleFor.
const week = 7 * 24 * time.Hour

func readManifest(file string) (*keyset.Manifest, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	m, err := keyset.ReadManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
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
