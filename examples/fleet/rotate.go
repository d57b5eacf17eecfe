package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// The exit status of a step that is refused: it is early, and nothing has changed.
const (
	lagging = 5 // a replica is not ready
	early   = 6 // evidence or time is missing
)

// rotate is the operator's command: one step in one manifest. Only probe needs keys, and
// add the new one.
func rotate(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("rotate", flag.ContinueOnError)
	at := flags.String("store", "", "etcd://HOST:PORT/PREFIX, or a `folder`")
	keys := flags.String("keys", "", "the `folder` with the key files")
	text := flags.String("text", "", "evidence, the reason, or what to seal")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 3 {
		return errors.New("rotate STEP MANIFEST KEY: add, acknowledge, promote, probe, retire, remove, revoke, forget")
	}
	where, err := openPlace(*at)
	if err != nil {
		return err
	}
	o, err := newKeys(keyFolder(*keys))
	if err != nil {
		return err
	}
	o.where, o.manifest, o.text = where, flags.Arg(1), *text
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return o.step(ctx, flags.Arg(0), flags.Arg(2))
}

// An operator makes one step.
type operator struct {
	where    place
	secrets  *os.Root
	manifest string
	text     string
}

// newKeys returns an operator who has the keys of a folder.
func newKeys(keys keyFolder) (*operator, error) {
	root, err := os.OpenRoot(string(keys))
	return &operator{secrets: root}, err
}

func (o *operator) step(ctx context.Context, step, key string) error {
	store, err := o.where.store(o.manifest)
	if err != nil {
		return err
	}
	reports, err := o.where.reports(o.manifest)
	if err != nil {
		return err
	}
	opts := []keyset.StepOption{keyset.AskReplicas(reports, replicaNames...)}
	if step == "probe" {
		opts = append(opts, keyset.OpenKeys(jwe.OpenFile(o.secrets.FS())))
	}
	var probe keyset.Source
	err = keyset.Step(ctx, store, func(ring *keyset.Ring) error {
		if step == "forget" {
			return ring.Forget(key, o.text)
		}
		if step == "add" {
			k, err := o.read(key, ring.Load().Private())
			if err != nil {
				return err
			}
			return ring.Add(ctx, k, "file:"+key)
		}
		k, err := ring.Load().Find(key)
		if err != nil {
			return err
		}
		switch step {
		case "acknowledge":
			return ring.Acknowledge(k.ID(), o.text)
		case "promote":
			return ring.Promote(k.ID())
		case "probe":
			probe, err = ring.Probe(k.ID())
			return err
		case "retire":
			return ring.Retire(k.ID())
		case "remove":
			return ring.Remove(k.ID(), idle)
		case "revoke":
			return ring.Revoke(k.ID())
		}
		return fmt.Errorf("there is no step %q", step)
	}, opts...)
	switch {
	case errors.Is(err, keyset.ErrLagging):
		return &exitError{lagging, err}
	case errors.Is(err, keyset.ErrBusy), errors.Is(err, keyset.ErrUnproven):
		return &exitError{early, err}
	case err != nil || probe == nil:
		return err
	}
	return o.seal(ctx, probe)
}

// read reads the half of a key that the manifest lists.
func (o *operator) read(name string, private bool) (keyset.Material, error) {
	raw, err := o.secrets.ReadFile(name)
	if err != nil {
		return nil, err
	}
	k, err := jwe.ReadKey(bytes.NewReader(raw), 0)
	if err != nil || private {
		return k, err
	}
	return k.Public(), nil
}

// seal writes a message that is sealed with the probed key alone.
func (o *operator) seal(ctx context.Context, probe keyset.Source) error {
	other := map[string]string{"own.json": "peer.json", "peer.json": "own.json"}[o.manifest]
	store, err := o.where.store(other)
	if err != nil {
		return err
	}
	raw, _, err := store.Load(ctx, "")
	if err != nil {
		return err
	}
	m, err := keyset.ReadManifest(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	set, err := m.Open(ctx, jwe.OpenFile(o.secrets.FS()))
	if err != nil {
		return err
	}
	config := jwe.Config{Own: set, Peer: probe}
	if o.manifest == "own.json" {
		config.Own, config.Peer = probe, set
	}
	env, err := jwe.New(config)
	if err != nil {
		return err
	}
	sealed, err := env.Seal(ctx, []byte(o.text))
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(sealed)
	return err
}

// evidence opens an echo, as the partner does.
func evidence(ctx context.Context, env envelope.Envelope, sealed []byte) (string, error) {
	m, err := env.Open(ctx, sealed)
	if err != nil {
		return "", err
	}
	var signers []string
	for _, s := range m.Signers {
		signers = append(signers, string(s.ID))
	}
	return fmt.Sprintf("echo, signed by %s, read by %s", strings.Join(signers, " "), m.Decrypter.ID), nil
}
