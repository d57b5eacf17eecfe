package sealedhttp

import (
	"io"
	"time"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// ReadKeys reads our private key and the partner's certificate. The rings are
// what a running program keeps: every rotation happens in them.
func ReadKeys(private, certificate io.Reader) (own, peer *keyset.Ring, err error) {
	if own, err = read(private); err != nil {
		return nil, nil, err
	}
	peer, err = read(certificate)
	return own, peer, err
}

func read(r io.Reader) (*keyset.Ring, error) {
	key, err := pgp.ReadKey(r)
	if err != nil {
		return nil, err
	}
	set, err := keyset.New(1, keyset.Key{Material: key, State: keyset.Active})
	if err != nil {
		return nil, err
	}
	return keyset.NewRing(set), nil
}

// Server and client differ in their contexts, so that no reply that somebody
// recorded is ever taken for a request.
func Server(own, peer keyset.Source) (*pgp.Envelope, error) {
	return pgp.New(pgp.Config{Own: own, Peer: peer, OpenContext: "request", SealContext: "reply", MaxAge: 5 * time.Minute})
}

func Client(own, peer keyset.Source) (*pgp.Envelope, error) {
	return pgp.New(pgp.Config{Own: own, Peer: peer, SealContext: "request", OpenContext: "reply", MaxAge: 5 * time.Minute})
}
