// Fleet is a program in which three replicas of one party follow one manifest
// through the rotation of their key, and each is restarted at the worst moment:
// after the manifest was written and before the others have read it. Messages
// flow at every point, to and from every replica, and all of them open.
//
//	go run ./examples/fleet
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

func main() {
	folder, err := os.MkdirTemp("", "fleet")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	if err := run(context.Background(), folder, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// idle is how long a key must have been silent before it is removed. A real
// fleet waits for days; here the messages of a moment are all there are.
const idle = 50 * time.Millisecond

// A fleet is three replicas, the operator who writes their manifests, and the
// partner.
type fleet struct {
	folder   string
	out      io.Writer
	replicas [3]*replica
	operator *keyset.Ring // edits own.json, without any key; carries no traffic
	partner  *replica
	messages int
}

// A replica is one process: two rings and an envelope over them.
type replica struct {
	name      string
	own, peer *keyset.Ring
	env       *pgp.Envelope
}

func run(ctx context.Context, folder string, out io.Writer) error {
	f := &fleet{folder: folder, out: out}
	ours, err := f.newKey("ours-1")
	if err != nil {
		return err
	}
	theirs, err := f.newKey("theirs-1")
	if err != nil {
		return err
	}
	own, err := keyset.New(1, keyset.Key{Material: ours, State: keyset.Active, Source: "file:ours-1.asc"})
	if err != nil {
		return err
	}
	peer, err := keyset.New(1, keyset.Key{Material: theirs.Public(), State: keyset.Active, Source: "file:theirs-1.asc"})
	if err != nil {
		return err
	}
	for name, s := range map[string]*keyset.Set{"own.json": own, "peer.json": peer} {
		if err := s.Manifest().WriteFile(f.path(name)); err != nil {
			return err
		}
	}
	if f.operator, err = f.edit(ctx); err != nil {
		return err
	}
	for i := range f.replicas {
		if f.replicas[i], err = f.start(ctx, fmt.Sprintf("replica %d", i+1)); err != nil {
			return err
		}
	}
	if f.partner, err = newReplica("partner", keyset.NewRing(active(theirs)), keyset.NewRing(own.Public())); err != nil {
		return err
	}
	return f.rotate(ctx)
}

// rotate replaces our key, one step after the other. Each step is a change of
// the manifest; the table in the documentation of package keyset says which ones
// wait for all replicas.
func (f *fleet) rotate(ctx context.Context) error {
	next, err := f.newKey("ours-2")
	if err != nil {
		return err
	}
	old, id := f.active(), next.Info().ID
	steps := []struct {
		what    string
		change  func() error
		restart int // the replica that is restarted before the others have read it
	}{
		{"add ours-2: it opens", func() error { return f.add(ctx, next, "file:ours-2.asc") }, 0},
		{"the partner adds it, and proves that it can be used", func() error {
			if err := f.partner.peer.Add(ctx, next.Public(), ""); err != nil {
				return err
			}
			return f.prove(ctx, id)
		}, 1},
		{"promote ours-2: it signs, beside ours-1", func() error {
			return errors.Join(f.operator.Promote(id), f.partner.peer.Promote(id))
		}, 2},
		{"retire ours-1: it only opens", func() error {
			return errors.Join(f.operator.Retire(old), f.partner.peer.Retire(old))
		}, 0},
		{"remove ours-1, idle on all replicas", func() error {
			time.Sleep(2 * idle)
			if err := f.traffic(ctx); err != nil { // the successor does the work
				return err
			}
			if err := f.merge(); err != nil {
				return err
			}
			return errors.Join(f.operator.Remove(old, idle), f.partner.peer.Remove(old, idle))
		}, 1},
	}
	for _, s := range steps {
		if err := s.change(); err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
		if err := f.operator.Load().Manifest().WriteFile(f.path("own.json")); err != nil {
			return err
		}
		fmt.Fprintf(f.out, "%s\n", s.what)
		if err := f.restart(ctx, s.restart); err != nil {
			return err
		}
		for _, r := range f.replicas {
			if err := f.follow(ctx, r); err != nil {
				return fmt.Errorf("%s: %s: %w", s.what, r.name, err)
			}
			// Between one replica and the next, all of them are asked.
			if err := f.traffic(ctx); err != nil {
				return fmt.Errorf("%s: %w", s.what, err)
			}
		}
		fmt.Fprintf(f.out, "  all replicas follow revision %d, %d messages so far\n", f.operator.Load().Revision(), f.messages)
	}
	return nil
}

// edit opens the manifest without its keys: to change their states, and nothing else.
func (f *fleet) edit(ctx context.Context) (*keyset.Ring, error) {
	m, err := f.read("own.json")
	if err != nil {
		return nil, err
	}
	s, err := m.Open(ctx, nil)
	if err != nil {
		return nil, err
	}
	return keyset.NewRing(s), nil
}

// add enters a key in the manifest. For this step the keys are opened, because the new
// one is tested.
func (f *fleet) add(ctx context.Context, k *pgp.Key, source string) error {
	m, err := f.read("own.json")
	if err != nil {
		return err
	}
	s, err := m.Open(ctx, f.opener())
	if err != nil {
		return err
	}
	ring := keyset.NewRing(s)
	if err := ring.Add(ctx, k, source); err != nil {
		return err
	}
	if err := ring.Load().Manifest().WriteFile(f.path("own.json")); err != nil {
		return err
	}
	f.operator, err = f.edit(ctx)
	return err
}

// start makes a replica as a process does when it starts: from the manifests.
func (f *fleet) start(ctx context.Context, name string) (*replica, error) {
	rings := map[string]*keyset.Ring{}
	for _, file := range []string{"own.json", "peer.json"} {
		m, err := f.read(file)
		if err != nil {
			return nil, err
		}
		s, err := m.Open(ctx, f.opener())
		if err != nil {
			return nil, err
		}
		rings[file] = keyset.NewRing(s)
	}
	return newReplica(name, rings["own.json"], rings["peer.json"])
}

func newReplica(name string, own, peer *keyset.Ring) (*replica, error) {
	env, err := pgp.New(pgp.Config{Own: own, Peer: peer})
	return &replica{name, own, peer, env}, err
}

// restart ends a replica and starts it anew. Its last report is stored before, and the
// next process takes it in, so that a busy key does not look idle afterwards, nor an
// idle one busy.
func (f *fleet) restart(ctx context.Context, n int) error {
	before := f.replicas[n]
	var stored bytes.Buffer
	report := before.own.Report(before.name)
	report.Ended = true
	if _, err := report.WriteTo(&stored); err != nil {
		return err
	}
	after, err := f.start(ctx, before.name)
	if err != nil {
		return err
	}
	last, err := keyset.ReadReport(&stored)
	if err != nil {
		return err
	}
	if err := after.own.Resume(last); err != nil {
		return err
	}
	f.replicas[n] = after
	fmt.Fprintf(f.out, "  %s is restarted before the others have read it\n", after.name)
	return f.traffic(ctx)
}

// follow is what a replica does when the manifest has changed; see keyset.Follow.
func (f *fleet) follow(ctx context.Context, r *replica) error {
	m, err := f.read("own.json")
	if err != nil {
		return err
	}
	outcome, err := r.own.Reload(ctx, m, f.opener(), keyset.IdleFor(idle))
	return errors.Join(err, outcome.Err())
}

// prove lets every replica answer an echo that is sealed with the key alone.
func (f *fleet) prove(ctx context.Context, id keyset.ID) error {
	source, err := f.partner.peer.Probe(id)
	if err != nil {
		return err
	}
	probe, err := newReplica("probe", f.partner.own, f.partner.peer)
	if err != nil {
		return err
	}
	if probe.env, err = pgp.New(pgp.Config{Own: f.partner.own, Peer: source}); err != nil {
		return err
	}
	for _, r := range f.replicas {
		if err := f.echo(ctx, probe, r); err != nil {
			return err
		}
	}
	return errors.Join(f.partner.peer.Acknowledge(id, "echo by all replicas"),
		f.operator.Acknowledge(id, "the partner's echo"))
}

// merge tells the operator what all replicas have counted. The operator's own ring
// carries no traffic: it edits.
func (f *fleet) merge() error {
	for _, r := range f.replicas {
		if err := f.operator.Merge(r.own.Report(r.name)); err != nil {
			return err
		}
	}
	return nil
}

// traffic sends a message to every replica and lets it answer.
func (f *fleet) traffic(ctx context.Context) error {
	for _, r := range f.replicas {
		if err := f.echo(ctx, f.partner, r); err != nil {
			return err
		}
	}
	return nil
}

func (f *fleet) echo(ctx context.Context, from, to *replica) error {
	payload := fmt.Appendf(nil, "message %d", f.messages)
	for _, leg := range [][2]*replica{{from, to}, {to, from}} {
		sealed, err := leg[0].env.Seal(ctx, payload)
		if err != nil {
			return fmt.Errorf("%s: %w", leg[0].name, err)
		}
		m, err := leg[1].env.Open(ctx, sealed)
		if err != nil {
			return fmt.Errorf("%s: %w", leg[1].name, err)
		}
		if !bytes.Equal(m.Payload, payload) {
			return errors.New("another payload")
		}
	}
	f.messages += 2
	return nil
}

// active is the key of ours that signs.
func (f *fleet) active() keyset.ID {
	for k := range f.operator.Load().Sealing(time.Now()) {
		return k.ID()
	}
	return ""
}

func active(k *pgp.Key) *keyset.Set {
	s, err := keyset.New(1, keyset.Key{Material: k, State: keyset.Active})
	if err != nil {
		panic(err)
	}
	return s
}

func (f *fleet) path(name string) string { return filepath.Join(f.folder, name) }

func (f *fleet) read(name string) (*keyset.Manifest, error) {
	file, err := os.Open(f.path(name))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return keyset.ReadManifest(file)
}

// opener reads keys from the folder. A real fleet mounts secrets there, or asks
// a key service.
func (f *fleet) opener() keyset.Opener { return pgp.OpenFile(os.DirFS(f.folder), nil) }

// newKey makes a key and stores it where its manifest will name it.
func (f *fleet) newKey(name string) (*pgp.Key, error) {
	k, err := pgp.GenerateKey(name, pgp.Curve25519, 365*24*time.Hour)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(f.path(name+".asc"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return k, k.WriteInsecurePrivateKey(file)
}
