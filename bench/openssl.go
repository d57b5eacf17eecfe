package main

import (
	"crypto"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"time"
)

// An operation is one of Go's standard library that OpenSSL measures, too.
type operation struct {
	name string
	do   func() error
	arg  string // of "openssl speed"
	at   int    // which of its figures
}

func operations() ([]operation, error) {
	var all []operation
	for _, c := range []struct {
		name, arg string
		key       func() (private, error)
	}{{"RSA-2048", "rsa2048", newRSA(2048)}, {"RSA-3072", "rsa3072", newRSA(3072)}, {"ECDSA P-256", "ecdsap256", newP256}, {"Ed25519", "ed25519", newEd25519}} {
		key, err := c.key()
		if err != nil {
			return nil, err
		}
		p, err := signature(key, crypto.SHA256, false)
		if err != nil {
			return nil, err
		}
		all = append(all, operation{c.name + ", private key", p.do, c.arg, 0}, operation{c.name + ", public key", p.undo, c.arg, 1})
	}
	for arg, curve := range map[string]ecdh.Curve{"ecdhp256": ecdh.P256(), "ecdhx25519": ecdh.X25519()} {
		key, err := curve.GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		all = append(all, operation{fmt.Sprintf("ECDH %v", curve), func() error { _, err := key.ECDH(key.PublicKey()); return err }, arg, 0})
	}
	return all, nil
}

// A figures is a line of "openssl speed -mr": operations in a second.
var figures = regexp.MustCompile(`(?m)^\+F\d+:\d+:\d+:(?:\w+:)?([\d.]+):([\d.]+)`)

// beside measures each operation in turn with the program "openssl", in rounds. Without the
// program there is no table.
func (o options) beside() (rows [][]string, err error) {
	all, err := operations()
	if err != nil {
		return nil, err
	}
	if _, err := exec.LookPath("openssl"); errors.Is(err, exec.ErrNotFound) {
		return nil, nil
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	const rounds = 5
	for _, op := range all {
		m := measured{{name: "Go"}, {name: "OpenSSL"}}
		for range rounds {
			s := once("Go", op.do)
			s.cores = 1
			n, err := schedule{visit: 10 * o.visit}.calibrate(s, 1)
			if err != nil {
				return nil, err
			}
			p, err := visit(s, n, 1)
			if err != nil {
				return nil, err
			}
			began := time.Now()
			out, err := exec.Command("openssl", "speed", "-seconds", "1", "-mr", op.arg).Output()
			found := figures.FindSubmatch(out)
			if err != nil || found == nil {
				return nil, errors.Join(fmt.Errorf("openssl speed %s printed %q", op.arg, out), err)
			}
			rate, err := strconv.ParseFloat(string(found[1+op.at]), 64)
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(o.progress, "%6.1f s  %s beside OpenSSL\n", time.Since(began).Seconds(), op.name)
			p.time = p.processor // which OpenSSL measures
			m[0].points, m[1].points = append(m[0].points, p), append(m[1].points, point{time: 1e9 / rate})
		}
		rows = append(rows, []string{op.name, duration(m[0].time()), duration(m[1].time()), m.ratio("Go", "OpenSSL").String()})
	}
	return rows, nil
}
