package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// A tale is one run of the example.
type tale struct {
	out     io.Writer
	dir     string
	keys    keyFolder // the shop's
	fleet   *fleet
	partner *partner
	etcd    *server // nil without it
	victim  int     // the replica that is killed next

	mu                    sync.Mutex
	lagged, early, killed int
	why                   map[string]bool // what was told of replicas that lag
}

// story runs the example in a folder of its own.
func story(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("fleet", flag.ContinueOnError)
	plain := flags.Bool("plain", false, "use a folder and the memory of each process, even if etcd and Valkey are there")
	verbose := flags.Bool("v", false, "show what the replicas and the servers log")
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "fleet")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	t := &tale{out: os.Stdout, dir: dir, keys: keyFolder(filepath.Join(dir, "keys")), why: map[string]bool{}}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	log := io.Writer(io.Discard)
	if *verbose {
		log = os.Stderr
	}
	t.fleet = &fleet{self: self, keys: t.keys, at: filepath.Join(dir, "store"), log: log, processes: make([]*exec.Cmd, len(replicaNames)), addresses: make([]string, len(replicaNames))}
	for _, folder := range []string{string(t.keys), t.fleet.at} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			return err
		}
	}
	if !*plain {
		stop, err := t.servers(ctx, log)
		defer stop()
		if err != nil {
			return err
		}
	}
	return t.run(ctx)
}

// servers starts etcd and Valkey, or says what to install.
func (t *tale) servers(ctx context.Context, log io.Writer) (stop func(), err error) {
	etcd, noEtcd := newEtcd(t.dir, log)
	memory, noMemory := newValkey(t.dir, log)
	stop = func() { etcd.kill(); memory.kill() }
	if noEtcd != nil {
		t.say("etcd is not installed (Debian: etcd-server): the manifests lie in a folder")
	} else {
		if err := etcd.start(ctx); err != nil {
			return stop, err
		}
		t.etcd, t.fleet.at = etcd, "etcd://"+etcd.address+"/shop"
	}
	if noMemory != nil {
		t.say("Valkey is not installed (Debian: valkey-server or redis-server): each replica has a memory of its own, and messages are replayed to the replica that accepted them")
	} else {
		if err := memory.start(ctx); err != nil {
			return stop, err
		}
		t.fleet.memory, t.fleet.shared = "valkey://"+memory.address, true
	}
	return stop, nil
}

func (t *tale) say(format string, args ...any) {
	fmt.Fprintf(t.out, format+"\n", args...)
}

func (t *tale) run(ctx context.Context) error {
	if err := t.meet(ctx); err != nil {
		return err
	}
	traffic, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { t.partner.send(traffic) })
	err := t.rotateAll(ctx)
	stop()
	wg.Wait()
	if err := errors.Join(err, t.fleet.stop()); err != nil {
		return err
	}
	p := t.partner
	t.say("\n%d replicas killed, %d steps refused because evidence or time was missing", t.killed, t.early)
	for _, f := range p.failures[:min(len(p.failures), 10)] {
		t.say("FAILED: %s", f)
	}
	t.say("requests %d, failed %d, replayed %d, replays accepted %d, steps refused because a replica lagged: %d",
		p.requests.Load(), p.failed.Load(), p.replayed.Load(), p.accepted.Load(), t.lagged)
	if p.failed.Load() != 0 || p.accepted.Load() != 0 {
		return errors.New("the fleet has lost or repeated messages")
	}
	return nil
}

// operate runs the operator's command until it is done. A step that is early is made again.
func (t *tale) operate(ctx context.Context, step, manifest, key, text string) ([]byte, error) {
	for began := time.Now(); ; time.Sleep(300 * time.Millisecond) {
		cmd := exec.CommandContext(ctx, t.fleet.self, "rotate", "-store", t.fleet.at, "-keys", string(t.keys), "-text", text, step, manifest, key)
		var out, problem bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &problem
		err := cmd.Run()
		if err == nil {
			t.say("  %s %s %s", step, manifest, key)
			return out.Bytes(), nil
		}
		why := strings.TrimSpace(problem.String())
		var exit *exec.ExitError
		status := -1
		if errors.As(err, &exit) {
			status = exit.ExitCode()
		}
		t.refused(status, step, key, why)
		if status != lagging && status != early && t.etcd == nil || time.Since(began) > 90*time.Second || ctx.Err() != nil {
			return nil, fmt.Errorf("%s %s %s: %w: %s", step, manifest, key, err, why)
		}
	}
}

// refused counts refusals, and tells of those of replicas that lag.
func (t *tale) refused(status int, step, key, why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch status {
	case lagging:
		t.lagged++
	case early:
		t.early++
		return
	}
	if line := fmt.Sprintf("    refused: %s %s: %s", step, key, why); !t.why[line] {
		t.why[line] = true
		t.say("%s", line)
	}
}

// step makes a step, and kills a replica before it can have heard of it.
func (t *tale) step(ctx context.Context, step, manifest, key, text string) error {
	if _, err := t.operate(ctx, step, manifest, key, text); err != nil {
		return err
	}
	victim := t.victim % len(replicaNames)
	t.victim++
	t.killed++
	return t.fleet.kill(ctx, victim)
}

// newKey makes a key, and mounts it where the manifest will name it.
func (t *tale) newKey(name string, a jwe.Algorithm, private bool) (*jwe.Key, error) {
	k, err := jwe.GenerateKey(name, a)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(t.keys.path(name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if !private {
		return k, k.WritePublicJWK(f)
	}
	return k, k.WriteInsecurePrivateJWK(f)
}

// meet makes the first four keys, the manifests, the replicas, and the partner.
func (t *tale) meet(ctx context.Context) error {
	sets := map[string]*keyset.Set{}
	keys := map[string][]*jwe.Key{}
	for _, k := range []struct {
		manifest, name string
		algorithm      jwe.Algorithm
	}{{"own.json", "sign-1", jwe.ES256}, {"own.json", "read-1", jwe.ECDHESA256KW}, {"peer.json", "bank-sign-1", jwe.ES256}, {"peer.json", "bank-read-1", jwe.ECDHESA256KW}} {
		key, err := t.newKey(k.name, k.algorithm, k.manifest == "own.json")
		if err != nil {
			return err
		}
		keys[k.manifest] = append(keys[k.manifest], key)
	}
	where, err := openPlace(t.fleet.at)
	if err != nil {
		return err
	}
	for manifest, list := range keys {
		var entries []keyset.Key
		for _, k := range list {
			material := keyset.Material(k)
			if manifest == "peer.json" {
				material = k.Public()
			}
			entries = append(entries, keyset.Key{Material: material, State: keyset.Active, Source: "file:" + k.Info().Name})
		}
		if sets[manifest], err = keyset.New(1, entries...); err != nil {
			return err
		}
		store, err := where.store(manifest)
		if err != nil {
			return err
		}
		if err := keyset.Create(ctx, store, sets[manifest].Manifest()); err != nil {
			return err
		}
	}
	for n := range replicaNames {
		if err := t.fleet.start(ctx, n); err != nil {
			return err
		}
	}
	var own []keyset.Key
	for _, k := range keys["peer.json"] {
		own = append(own, keyset.Key{Material: k, State: keyset.Active})
	}
	bank, err := keyset.New(1, own...)
	if err != nil {
		return err
	}
	t.partner, err = newPartner(keyset.NewRing(bank), keyset.NewRing(sets["own.json"].Public()), t.fleet)
	t.say("three replicas follow own.json and peer.json in %s", strings.Replace(t.fleet.at, t.dir, "a folder", 1))
	return err
}
