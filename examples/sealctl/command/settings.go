package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// settings are the flags that make an envelope.
type settings struct {
	c         *call
	keys      keyReader
	own, peer list
	waive     list

	context       string
	way           way
	layers        string
	members       bool
	bare          bool
	encoding      string
	json          bool
	algorithms    jwe.Algorithms
	compress      bool
	self, partner string
	maxAge        span
	maxSize       int64
	requireBound  bool
	probe         string
	probed        keyset.Key // of -probe, as it is without it

	observer envelope.Observer
	used     []envelope.KeyUse // by the last call
}

// A way is the direction that a command goes.
type way int

const (
	opens  way = iota // it opens, and seals nothing
	seals             // it seals, and opens nothing
	serves            // it opens requests, and seals replies
)

func (s *settings) observe(_ context.Context, e envelope.Event) {
	s.used = slices.Clone(e.Keys)
	for i, u := range s.used {
		if s.probe != "" && u.ID == s.probed.ID() && u.Own == s.probed.Material.Info().Private {
			s.used[i].State = s.probed.State // a probe seals as if the key were active
		}
	}
}

const settingsHelp = keyFileHelp + `
The format follows from the keys. What a partner's profile asks for beside its
algorithms is permitted by -waive NAME=REASON, where NAME is that of a function in
package pgp or jwe: -waive jwe.InsecureRSA1_5="their older profile".
`

// newSettings adds the flags of both directions.
func newSettings(c *call) *settings {
	s := &settings{c: c, keys: keyReader{c: c}}
	s.observer = s.observe
	c.flags.Var(&s.own, "own", "our private keys: a key `file`, again for each file, or a manifest")
	c.flags.Var(&s.peer, "peer", "the partner's public keys, likewise a `file`")
	c.flags.Var(&s.waive, "waive", "permit what is refused by default: `NAME=REASON`, again for each")
	c.flags.StringVar(&s.context, "context", "", "what the message is about, a `text` that both sides agree on, such as \"request\"")
	c.flags.StringVar(&s.layers, "layers", "sign-encrypt", "JOSE: the `order` in which the partner signs and encrypts: sign-encrypt, encrypt-sign, or sign-encrypt-sign")
	c.flags.BoolVar(&s.members, "members", false, "JOSE: the JWS is an object with header, payload, and signature")
	c.flags.StringVar(&s.self, "self", "", "JOSE: our `name`, to bind messages to the parties; with -partner")
	c.flags.StringVar(&s.partner, "partner", "", "JOSE: the partner's `name`")
	c.flags.Int64Var(&s.maxSize, "max-size", 0, "the largest payload, in `bytes`; 0 is the default of the format")
	s.keys.flag()
	return s
}

// sealing adds the flags that only Seal has.
func (s *settings) sealing() {
	f := s.c.flags
	f.StringVar(&s.encoding, "encoding", "", "OpenPGP: base64url, armor, or binary `encoding`; default base64url")
	f.BoolVar(&s.json, "json-serialization", false, "JOSE: the general JSON serialization")
	f.StringVar((*string)(&s.algorithms.Key), "key-alg", "", "JOSE: the \"alg\" of the encryption, such as `RSA-OAEP-256`")
	f.StringVar((*string)(&s.algorithms.Content), "content-alg", "", "JOSE: the \"enc\", such as `A256GCM`")
	f.StringVar((*string)(&s.algorithms.Signature), "sign-alg", "", "JOSE: the \"alg\" of the signature, such as `PS256`")
	f.BoolVar(&s.bare, "bare", false, "JOSE: leave out \"iat\" and \"jti\"")
	f.BoolVar(&s.compress, "compress", false, "JOSE: compress; needs -waive jwe.InsecureCompression=REASON")
}

// opening adds the flags that only Open has.
func (s *settings) opening() {
	s.c.flags.Var(&s.maxAge, "max-age", "refuse messages that were signed longer ago than this: `5m`")
	s.c.flags.BoolVar(&s.requireBound, "require-bound", false, "refuse messages that are signed for nobody in particular")
}

// envelope reads the keys and returns the envelope over them.
func (s *settings) envelope(ctx context.Context) (e envelope.Envelope, own, peer *keyset.Set, err error) {
	if own, err = s.keys.set(ctx, "own", s.own, private); err != nil {
		return nil, nil, nil, err
	}
	if peer, err = s.keys.set(ctx, "peer", s.peer, publics); err != nil {
		return nil, nil, nil, err
	}
	ownSource, peerSource, err := s.sources(own, peer)
	if err != nil {
		return nil, nil, nil, err
	}
	e, err = s.over(ownSource, peerSource)
	return e, own, peer, err
}

// over returns the envelope over keys of either format.
func (s *settings) over(own, peer keyset.Source) (envelope.Envelope, error) {
	ours, theirs := own.Load().Format(), peer.Load().Format()
	if ours != theirs {
		return nil, fmt.Errorf("our keys are for %s, the partner's for %s", ours, theirs)
	}
	if ours == keyset.OpenPGP {
		return s.pgp(own, peer)
	}
	return s.jwe(own, peer)
}

// sources are the sets or, with -probe, the one that seals with that key alone.
func (s *settings) sources(own, peer *keyset.Set) (ownSource, peerSource keyset.Source, err error) {
	if s.probe == "" {
		return own, peer, nil
	}
	ours, ourErr := own.Find(s.probe)
	theirs, theirErr := peer.Find(s.probe)
	switch {
	case ourErr == nil && theirErr == nil:
		return nil, nil, fmt.Errorf("-probe %s: it is our key %s, and the partner's %s: name one by its ID", s.probe, describe(ours), describe(theirs))
	case ourErr == nil && errors.Is(theirErr, keyset.ErrNotFound):
		s.probed = ours
		ownSource, err = keyset.NewRing(own).Probe(ours.ID())
		return ownSource, peer, err
	case theirErr == nil && errors.Is(ourErr, keyset.ErrNotFound):
		s.probed = theirs
		peerSource, err = keyset.NewRing(peer).Probe(theirs.ID())
		return own, peerSource, err
	case !errors.Is(ourErr, keyset.ErrNotFound):
		return nil, nil, fmt.Errorf("-probe: %w", ourErr)
	case !errors.Is(theirErr, keyset.ErrNotFound):
		return nil, nil, fmt.Errorf("-probe: %w", theirErr)
	}
	_, ourErr = find(own, s.probe)
	_, theirErr = find(peer, s.probe)
	return nil, nil, fmt.Errorf("-probe: it is no key of ours, nor of the partner: ours: %w; the partner's: %w", ourErr, theirErr)
}

func (s *settings) pgp(own, peer keyset.Source) (envelope.Envelope, error) {
	if err := s.unfit("JOSE", "json-serialization", "key-alg", "content-alg", "sign-alg", "compress", "layers", "members", "bare", "self", "partner"); err != nil {
		return nil, err
	}
	encodings := map[string]pgp.Encoding{"": pgp.Base64URL, "base64url": pgp.Base64URL, "armor": pgp.Armor, "binary": pgp.Binary}
	encoding, ok := encodings[s.encoding]
	if !ok {
		return nil, misuse("-encoding %s: it is base64url, armor, or binary", s.encoding)
	}
	waivers, err := s.waivers(map[string]func(string) envelope.Waiver{
		"pgp.InsecureRSADualUse":       func(reason string) envelope.Waiver { return pgp.InsecureRSADualUse(reason, idsOf(own, peer)...) },
		"pgp.InsecureSHA1Certificates": pgp.InsecureSHA1Certificates,
		"pgp.InsecureUnsigned":         pgp.InsecureUnsigned,
	})
	if err != nil {
		return nil, err
	}
	seal, open := s.contexts()
	return pgp.New(pgp.Config{
		Own: own, Peer: peer, Encoding: encoding, Waive: waivers, Observe: s.observer,
		SealContext: seal, OpenContext: open,
		MaxAge: time.Duration(s.maxAge), MaxSize: s.maxSize, RequireBound: s.requireBound,
	})
}

// contexts are those of the way that the command goes.
func (s *settings) contexts() (seal, open string) {
	reply := "reply to " + s.context
	switch {
	case s.context == "":
		return "", ""
	case s.way == seals:
		return s.context, reply
	case s.way == serves:
		return reply, s.context
	}
	return "", s.context
}

func (s *settings) jwe(own, peer keyset.Source) (envelope.Envelope, error) {
	if err := s.unfit("OpenPGP", "encoding"); err != nil {
		return nil, err
	}
	waivers, err := s.waivers(map[string]func(string) envelope.Waiver{
		"jwe.InsecureCarriedKeys": jwe.InsecureCarriedKeys,
		"jwe.InsecureCompression": jwe.InsecureCompression,
		"jwe.InsecureEncryptOnly": jwe.InsecureEncryptOnly,
		"jwe.InsecureLongIV":      jwe.InsecureLongIV,
		"jwe.InsecureRSADualUse":  func(reason string) envelope.Waiver { return jwe.InsecureRSADualUse(reason, idsOf(own)...) },
		"jwe.InsecureRSA1_5":      func(reason string) envelope.Waiver { return jwe.InsecureRSA1_5(reason) },
	})
	if err != nil {
		return nil, err
	}
	layers, ok := map[string]jwe.Layers{"sign-encrypt": jwe.SignThenEncrypt, "encrypt-sign": jwe.EncryptThenSign, "sign-encrypt-sign": jwe.SignEncryptSign}[s.layers]
	if !ok {
		return nil, misuse("-layers %s: it is sign-encrypt, encrypt-sign, or sign-encrypt-sign", s.layers)
	}
	seal, open := s.contexts()
	return jwe.New(jwe.Config{
		Own: own, Peer: peer, JSON: s.json, Seal: s.algorithms, Compress: s.compress, Waive: waivers, Observe: s.observer,
		SealContext: seal, OpenContext: open, Layers: layers, Members: s.members, Bare: s.bare, Self: s.self, Partner: s.partner,
		MaxAge: time.Duration(s.maxAge), MaxSize: s.maxSize, RequireBound: s.requireBound,
	})
}

// idsOf lists the keys of the sources, for waivers that name keys: here all were named
// on the command line.
func idsOf(sources ...keyset.Source) (ids []keyset.ID) {
	for _, s := range sources {
		for k := range s.Load().All() {
			ids = append(ids, k.ID())
		}
	}
	return ids
}

// unfit refuses flags that say nothing in the format of the keys.
func (s *settings) unfit(format string, names ...string) (err error) {
	s.c.flags.Visit(func(f *flag.Flag) {
		if slices.Contains(names, f.Name) && err == nil {
			err = misuse("-%s is for %s: the keys are not", f.Name, format)
		}
	})
	return err
}

func (s *settings) waivers(known map[string]func(reason string) envelope.Waiver) ([]envelope.Waiver, error) {
	var out []envelope.Waiver
	for _, text := range s.waive {
		name, reason, _ := strings.Cut(text, "=")
		waive, ok := known[name]
		switch {
		case !ok:
			return nil, misuse("-waive %s: the names for these keys are %s", name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		case reason == "":
			return nil, misuse("-waive %s: say why: -waive %s=REASON", name, name)
		}
		out = append(out, waive(reason))
	}
	return out, nil
}
