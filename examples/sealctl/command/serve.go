package command

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/sealwax/sealwax/envelope"
	payments "github.com/sealwax/sealwax/examples/standardpayments"
	"github.com/sealwax/sealwax/keyset"
)

var serve = command{
	name: "serve", args: "-own KEYS -peer KEYS",
	what: "answer echo requests on this machine",
	help: settingsHelp + `
It is the echo of the Standard Payments family, for rehearsals of the other side: as a
partner, or with -reply-signed-by and -reply-to as the network in the middle of a rotation.
It listens on loopback alone, prints its address first, and ends on an interrupt.
Manifests are followed: what sealctl rotate does beside it takes effect within seconds.

  sealctl serve -own own.json -peer peer.json
  sealctl serve -own own.json -peer peer.json -reply-signed-by own-2027
  sealctl serve -own own.asc -peer peer.asc -fault first-key

A fault is a mistake that endpoints are known to make; with it, sealctl serve shows that
a rehearsal finds the mistake. Give -fault again for each.

` + faultsHelp(),
	run: runServe,
}

func runServe(ctx context.Context, c *call) error {
	s := newSettings(c)
	s.way, s.observer = serves, nil
	s.sealing()
	s.opening()
	var mistakes list
	addr := c.flags.String("addr", "127.0.0.1:0", "the loopback `address` to listen on; port 0 is any that is free")
	advised := c.flags.Bool("advised", false, "answer what cannot be opened with 401 and 400 in place of 404")
	refuse := c.flags.Bool("refuse-unknown", false, "refuse requests with members that are not known")
	signedBy := c.flags.String("reply-signed-by", "", "sign replies with this `key` of ours alone, as it is before it is promoted")
	to := c.flags.String("reply-to", "", "encrypt replies to this `key` of the partner alone")
	c.flags.Var(&mistakes, "fault", "make this mistake: a `NAME` of the list above, again for each")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	if err := loopback(*addr); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var following sync.WaitGroup
	defer following.Wait()
	defer cancel()
	own, err := s.follow(ctx, &following, "own", s.own, private)
	if err != nil {
		return err
	}
	peer, err := s.follow(ctx, &following, "peer", s.peer, publics)
	if err != nil {
		return err
	}
	e := &endpoint{s: s, own: own, peer: peer}
	e.config.Log = slog.New(slog.NewTextHandler(c.err, nil))
	if *advised {
		e.config.Rejections = payments.Advised
	}
	if *refuse {
		e.config.Unknown = payments.RefuseUnknown
	}
	handler, err := e.handler(mistakes, *signedBy, *to)
	if err != nil {
		return err
	}
	return c.listen(ctx, *addr, handler)
}

// loopback refuses an address that others than this machine can reach.
func loopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return misuse("-addr: %w", err)
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return misuse("-addr %s: sealctl serve is for rehearsals on this machine: 127.0.0.1, ::1, or localhost", addr)
	}
	return nil
}

// listen serves until ctx ends.
func (c *call) listen(ctx context.Context, addr string, handler http.Handler) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	if tcp, ok := listener.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		return fmt.Errorf("%s is no loopback address here", addr)
	}
	url := "http://" + listener.Addr().String() + "/echo"
	if err := c.say(map[string]string{"serving": url}, "serving "+url+"\n", false); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/echo", handler)
	server := &http.Server{
		Handler: mux, ErrorLog: log.New(c.err, "sealctl serve: ", 0),
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute, IdleTimeout: time.Minute,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err = server.Shutdown(grace)
	<-ended
	return errors.Join(err, server.Close())
}

// An endpoint is an echo under construction. Faults change its parts.
type endpoint struct {
	s          *settings
	own, peer  *keyset.Ring
	open, seal envelope.Envelope
	config     payments.Config
	around     func(http.Handler) http.Handler
}

// handler returns the echo with its mistakes, of which the keys for the reply are none.
func (e *endpoint) handler(mistakes []string, signedBy, to string) (http.Handler, error) {
	var err error
	if e.open, err = e.s.over(e.own, e.peer); err != nil {
		return nil, err
	}
	signers, err := probe("reply-signed-by", e.own, signedBy)
	if err != nil {
		return nil, err
	}
	recipients, err := probe("reply-to", e.peer, to)
	if err != nil {
		return nil, err
	}
	if e.seal, err = e.s.over(signers, recipients); err != nil {
		return nil, err
	}
	for _, name := range mistakes {
		f, err := faultNamed(name, e.own.Load().Format())
		if err != nil {
			return nil, err
		}
		if err := f.make(e); err != nil {
			return nil, fmt.Errorf("-fault %s: %w", name, err)
		}
	}
	e.config.Envelope = twoWays{e.open, e.seal}
	var h http.Handler = payments.NewHandler(e.config, payments.Echo("sealctl serve"))
	if e.around != nil {
		h = e.around(h)
	}
	return h, nil
}

// probe returns a source that seals with one key of the ring, or the ring.
func probe(flag string, ring *keyset.Ring, key string) (keyset.Source, error) {
	if key == "" {
		return ring, nil
	}
	k, err := find(ring.Load(), key)
	if err != nil {
		return nil, fmt.Errorf("-%s: %w", flag, err)
	}
	return ring.Probe(k.ID())
}

// twoWays opens with one envelope and seals with another.
type twoWays struct{ open, seal envelope.Envelope }

func (t twoWays) Open(ctx context.Context, sealed []byte) (*envelope.Message, error) {
	return t.open.Open(ctx, sealed)
}

func (t twoWays) Seal(ctx context.Context, payload []byte) ([]byte, error) {
	return t.seal.Seal(ctx, payload)
}

func (t twoWays) ContentType() string { return t.seal.ContentType() }

// faultsHelp lists the faults.
func faultsHelp() string {
	var b strings.Builder
	for _, f := range faults() {
		fmt.Fprintf(&b, "  %-22s %s\n", f.name, f.what)
	}
	return b.String()
}
