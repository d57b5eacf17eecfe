package main

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// A party is the bank, or the shop.
type party struct {
	name    string
	service service
	calls   sync.RWMutex // held for reading while the service may be asked
}

// A side is one party in one format: a folder with two manifests, and what follows them.
type side struct {
	party    *party
	format   *format
	partner  *side
	folder   *os.Root
	own      *ledger // our private keys
	peer     *ledger // the public keys of the partner
	replicas []*replica
	now      []keyset.Key // of ours: the first ones
	next     []keyset.Key // those that come in their place
}

func (s *side) String() string { return s.party.name + ", " + s.format.title }

// A ledger is a manifest, and what its replicas say of it.
type ledger struct {
	manifest string
	store    keyset.Store
	reports  keyset.Reports
}

func newLedger(folder *os.Root, name string) (*ledger, error) {
	if err := folder.Mkdir(name+"-reports", 0o700); err != nil {
		return nil, err
	}
	reports, err := folder.OpenRoot(name + "-reports")
	if err != nil {
		return nil, err
	}
	return &ledger{name + ".json", keyset.File(folder, name+".json"), keyset.ReportFiles(reports)}, nil
}

// replicaNames are those of each side.
var replicaNames = []string{"replica-1", "replica-2"}

// idle is how long a key is out of use before it is removed. It is days where messages are
// longer under way.
const idle = time.Second

// pair is the entries of two JOSE keys.
func (s *side) pair(n int, sign, read string) []keyset.ManifestKey {
	return []keyset.ManifestKey{
		{Name: fmt.Sprintf("%s-sign-%d", s.party.name, n), Use: keyset.Signing.String(), Source: sign},
		{Name: fmt.Sprintf("%s-read-%d", s.party.name, n), Use: keyset.Encryption.String(), Source: read},
	}
}

// certify makes the OpenPGP certificate of two keys, as a file, and returns its entry.
func (s *side) certify(ctx context.Context, n int, source string, sign crypto.PrivateKey, read keyset.Remote) ([]keyset.ManifestKey, error) {
	name := fmt.Sprintf("%s-%d", s.party.name, n)
	k, err := pgp.NewRemoteCertificate(ctx, name, sign, read, validity)
	if err != nil {
		return nil, err
	}
	certificate, err := s.format.handOver(k)
	if err != nil {
		return nil, err
	}
	return []keyset.ManifestKey{{Name: name, Source: source + "?certificate=" + name + ".asc"}}, s.folder.WriteFile(name+".asc", certificate, 0o644)
}

// make makes the n-th keys in the service, and opens them as the replicas will.
func (s *side) make(ctx context.Context, n int) (keys []keyset.Key, err error) {
	entries, err := s.party.service.newKeys(ctx, s, n)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		m, err := s.party.service.opener(s.format, s.folder.FS())(ctx, e)
		if err != nil {
			return nil, err
		}
		keys = append(keys, keyset.Key{Material: m, State: keyset.Active, Source: e.Source})
	}
	return keys, nil
}

// give hands the public half of a key to the partner, who has it as a file.
func (s *side) give(ctx context.Context, k keyset.Key) (keyset.Key, error) {
	raw, err := s.format.handOver(k.Material)
	if err != nil {
		return keyset.Key{}, err
	}
	to, file := s.partner.folder, "of-"+k.Material.Info().Name
	if err := to.WriteFile(file, raw, 0o644); err != nil {
		return keyset.Key{}, err
	}
	m, err := s.format.open(to.FS())(ctx, keyset.ManifestKey{ID: k.ID(), Source: "file:" + file})
	return keyset.Key{Material: m, State: keyset.Active, Source: "file:" + file}, err
}

// A replica has rings of its own, and an endpoint.
type replica struct {
	side           *side
	own, peer      *keyset.Ring
	server, client envelope.Envelope
	listener       net.Listener
	running        sync.WaitGroup
}

// start follows both manifests, and listens.
func (s *side) start(ctx context.Context, name string, say func(string, ...any)) error {
	r := &replica{side: s, own: new(keyset.Ring), peer: new(keyset.Ring)}
	for ring, from := range map[*keyset.Ring]*ledger{r.own: s.own, r.peer: s.peer} {
		open := s.format.open(s.folder.FS())
		if ring == r.own {
			open = s.party.service.opener(s.format, s.folder.FS())
		}
		f, err := keyset.Follow(ctx, ring, from.store, open, keyset.ReportTo(from.reports, name, 300*time.Millisecond),
			keyset.ReloadWith(keyset.IdleFor(idle)), keyset.TryAgain(time.Second),
			keyset.OnOutcome(func(o keyset.Outcome, err error) {
				if err = errors.Join(err, o.Err()); err != nil {
					say("%v, %s, %s: %v", s, name, from.manifest, err)
				}
			}))
		if err != nil {
			return fmt.Errorf("%v: %w", s, err)
		}
		r.running.Go(func() { _ = f.Run(ctx) })
	}
	var err error
	if r.server, err = s.format.envelope(r.own, r.peer, "reply", "request"); err != nil {
		return err
	}
	if r.client, err = s.format.envelope(r.own, r.peer, "request", "reply"); err != nil {
		return err
	}
	if r.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	r.running.Go(func() { _ = http.Serve(r.listener, r) }) // until it is closed
	s.replicas = append(s.replicas, r)
	return nil
}

// seal and open use the service of the party.
func (s *side) seal(ctx context.Context, env envelope.Envelope, payload []byte) ([]byte, error) {
	s.party.calls.RLock()
	defer s.party.calls.RUnlock()
	return env.Seal(ctx, payload)
}

func (s *side) open(ctx context.Context, env envelope.Envelope, sealed []byte) (*envelope.Message, error) {
	s.party.calls.RLock()
	defer s.party.calls.RUnlock()
	return env.Open(ctx, sealed)
}

// ServeHTTP answers a message with its payload, sealed anew. Nobody acts on a payload here,
// so that a reply which cannot be sealed is an outage like any other.
func (r *replica) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	var m *envelope.Message
	body, err := io.ReadAll(http.MaxBytesReader(w, q.Body, 1<<20))
	if err == nil {
		m, err = r.side.open(q.Context(), r.server, body)
	}
	if err == nil {
		body, err = r.side.seal(q.Context(), r.server, m.Payload)
	}
	switch {
	case errors.Is(err, envelope.ErrRejected):
		http.Error(w, envelope.ErrRejected.Error(), http.StatusBadRequest)
	case err != nil:
		http.Error(w, "seal anew, and try again", http.StatusServiceUnavailable)
	default:
		_, _ = w.Write(body)
	}
}
