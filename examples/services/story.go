package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// A tale is one run of the example.
type tale struct {
	began   time.Time
	traffic *traffic
	sides   []*side

	mu  sync.Mutex
	out io.Writer
}

// say prints a line. An empty one before it has no time.
func (t *tale) say(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	format, blank := strings.CutPrefix(format, "\n")
	if blank {
		fmt.Fprintln(t.out)
	}
	fmt.Fprintf(t.out, "%6.1f s  %s\n", time.Since(t.began).Seconds(), fmt.Sprintf(format, args...))
}

func run(ctx context.Context, out io.Writer) error {
	dir, err := os.MkdirTemp("", "services")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	bank, shop := &party{name: "bank"}, &party{name: "shop"}
	token, err := newHSM(dir, &bank.calls)
	if err != nil {
		return err
	}
	defer token.module.Close()
	cloud, err := newCloud(dir)
	if err != nil {
		return err
	}
	defer cloud.close()
	bank.service, shop.service = token, cloud

	t := &tale{began: time.Now(), out: out, traffic: &traffic{client: &http.Client{Timeout: patience}}}
	following, stop := context.WithCancel(ctx)
	defer func() {
		stop()
		for _, s := range t.sides {
			s.close()
		}
	}()
	for _, f := range []*format{openPGP, jose} {
		if err := t.meet(following, dir, f, bank, shop); err != nil {
			return err
		}
	}
	t.say("\nAWS KMS does not decrypt what OpenPGP encrypts: the certificates of the shop sign in local-kms, and decrypt with keys in files.")
	t.say("A manifest that asks it to is refused when it is loaded: %v", cloud.refused(ctx, t.sides[1]))

	sending, end := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for _, s := range t.sides {
		wg.Go(func() { t.traffic.send(sending, s) })
		wg.Go(func() {
			if err := t.traffic.attack(sending, s); err != nil {
				t.traffic.fail("%v: a stranger: %v", s, err)
			}
		})
	}
	err = t.rotate(ctx, token, cloud)
	end()
	wg.Wait()
	return errors.Join(err, t.sum())
}

// stop stops a service for two seconds.
func (t *tale) stop(what string, s service) error {
	t.say("\n%s", what)
	began := time.Now()
	t.traffic.note(func(*tally) { t.traffic.outages = append(t.traffic.outages, time.Time{}) })
	start, err := s.stop()
	if err != nil {
		return err
	}
	time.Sleep(2 * time.Second)
	if err := start(); err != nil {
		return err
	}
	t.traffic.note(func(n *tally) {
		t.traffic.outages[len(t.traffic.outages)-1] = time.Now()
		t.say("it is back after %.1f s: 503 was answered %d times until now, and %d times a sender could not ask its own service",
			time.Since(began).Seconds(), n.unavailable, n.unsealed)
	})
	return nil
}

// sum prints what came of all, and is an error if that is not as it must be.
func (t *tale) sum() error {
	n, keys := t.traffic.tally, 0
	for _, s := range t.sides {
		keys += len(s.now)
	}
	for _, f := range t.traffic.failures[:min(len(t.traffic.failures), 10)] {
		t.say("FAILED: %s", f)
	}
	t.say("\nrequests %d, succeeded %d, rejected %d", n.requests, n.succeeded, n.rejected)
	t.say("answered by 503 %d, not sealed or opened by their sender %d, of both outside of an outage %d", n.unavailable, n.unsealed, n.outside)
	t.say("bad messages %d, rejected %d, answered by 503 in an outage %d", n.bad, n.badRejected, n.badUnavailable)
	t.say("keys %d, rotated %d", keys, n.rotated)
	switch {
	case n.requests == 0 || n.succeeded != n.requests || n.rejected != 0 || n.outside != 0 || len(t.traffic.failures) != 0:
		return errors.New("right messages were lost")
	case n.unavailable == 0:
		return errors.New("no outage was noticed")
	case n.badRejected == 0 || n.bad != n.badRejected+n.badUnavailable:
		return errors.New("bad messages were not rejected")
	case n.rotated != keys:
		return errors.New("a rotation did not reach its end")
	}
	return nil
}
