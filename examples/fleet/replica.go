package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// What one party asks of the other. A real fleet waits for days before it removes a key;
// here the messages of a moment are all there are.
const (
	maxAge = time.Minute
	idle   = 3 * time.Second
)

// replica is one process of the shop. It prints its address when it has keys.
func replica(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("replica", flag.ContinueOnError)
	name := flags.String("name", "", "the `name` of the replica, the same after each restart")
	keys := flags.String("keys", "", "the `folder` with the key files")
	at := flags.String("store", "", "etcd://HOST:PORT/PREFIX, or a `folder`")
	memory := flags.String("memory", "", "valkey://HOST:PORT; nothing for the memory of this process")
	if err := flags.Parse(args); err != nil {
		return err
	}
	where, err := openPlace(*at)
	if err != nil {
		return err
	}
	secrets, err := os.OpenRoot(*keys)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil)).With("replica", *name)
	var off cutOff
	var followers []*keyset.Follower
	rings := map[string]*keyset.Ring{"own.json": {}, "peer.json": {}}
	for manifest, ring := range rings {
		store, err := where.store(manifest)
		if err != nil {
			return err
		}
		reports, err := where.reports(manifest)
		if err != nil {
			return err
		}
		f, err := keyset.Follow(ctx, ring, &cutStore{store, &off}, jwe.OpenFile(secrets.FS()),
			keyset.ReportTo(&cutReports{reports, &off}, *name, time.Second),
			keyset.ReloadWith(keyset.IdleFor(idle)),
			keyset.TryAgain(time.Second),
			keyset.OnOutcome(func(o keyset.Outcome, err error) { log.Info("keys", "manifest", manifest, "outcome", o, "error", err) }))
		if err != nil {
			return err
		}
		followers = append(followers, f)
	}
	seen, err := openMemory(ctx, *memory)
	if err != nil {
		return err
	}
	env, err := jwe.New(jwe.Config{Own: rings["own.json"], Peer: rings["peer.json"], MaxAge: maxAge, Replays: seen})
	if err != nil {
		return err
	}

	mux := http.NewServeMux()
	mux.HandleFunc("POST /messages", serve(env, log))
	mux.HandleFunc("POST /cut", func(w http.ResponseWriter, r *http.Request) {
		d, err := time.ParseDuration(r.FormValue("for"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		off.until(time.Now().Add(d))
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	var wg sync.WaitGroup
	for _, f := range followers {
		wg.Go(func() { _ = f.Run(ctx) })
	}
	wg.Go(func() {
		<-ctx.Done()
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(bounded)
	})
	fmt.Println(listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	wg.Wait()
	for _, f := range followers { // nothing uses the rings any more
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		err = errors.Join(err, f.End(bounded))
		cancel()
	}
	return nil
}

// serve answers each message with its payload. The same bytes are answered once: a
// partner without an answer seals anew.
func serve(env envelope.Envelope, log *slog.Logger) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "cannot read the request", http.StatusBadRequest)
			return
		}
		m, err := env.Open(r.Context(), body)
		switch {
		case errors.Is(err, envelope.ErrRejected):
			log.Warn("rejected", envelope.LogAttr(err))
			http.Error(w, envelope.ErrRejected.Error(), http.StatusBadRequest)
			return
		case err != nil:
			log.Error("not opened", envelope.LogAttr(err))
			http.Error(w, "seal anew, and try again", http.StatusServiceUnavailable)
			return
		}
		reply, err := env.Seal(r.Context(), m.Payload)
		if err != nil {
			log.Error("not sealed", envelope.LogAttr(err))
			http.Error(w, "no reply", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", env.ContentType())
		_, _ = w.Write(reply)
	}
}
