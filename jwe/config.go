package jwe

import (
	"context"
	"crypto/fips140"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/internal/scratch"
	"github.com/sealwax/sealwax/keyset"
)

// A Config configures an [Envelope]. Own and Peer are required; the zero value
// of every other field is the recommended setting. New copies the Config.
type Config struct {
	// Own holds our private keys, which sign and decrypt, and Peer the public
	// keys of the partner, which verify and encrypt. Give the [keyset.Ring]
	// itself, as in Own: ring. Own: ring.Load() would freeze the keys as they are
	// now, so that no rotation and no revocation ever reached the envelope.
	//
	// A ring that is still empty is accepted. Until it has read its first
	// manifest, Seal returns [envelope.ErrNoKey], and Open an error that wraps
	// [keyset.ErrUnavailable].
	Own, Peer keyset.Source

	// JSON makes Seal use the general JSON serialization, with a signature
	// by each active key of ours and a recipient for each active key of the
	// partner. Open accepts both serializations whatever it is.
	JSON bool

	// Layers is in which order Seal signs and encrypts, and the only one that Open
	// accepts. It is [SignThenEncrypt] if zero.
	Layers Layers

	// Members has Seal write the JWS inside of the JWE as a JSON object with the
	// members "header", "payload", and "signature", which are the three parts of
	// the compact serialization, and Open accept that beside the serializations
	// of RFC 7515. It excludes JSON.
	Members bool

	// Seal overrides the algorithms to seal with. Where empty, they follow
	// from the keys: the algorithm that a key is bound to, or else
	// RSA-OAEP-256 or ECDH-ES+A256KW, A256GCM, and PS256, ES256 (or its larger
	// siblings), EdDSA, or ML-DSA. It is an error of Seal if a key is bound to another
	// algorithm, or does not fit.
	Seal Algorithms

	// Accept narrows the algorithms to open with. If nil, all that are
	// allowed are accepted; a purpose of which it names none is not narrowed.
	// It cannot widen them; see Waive.
	Accept []Algorithm

	// Compress makes Seal compress the JWS ("zip":"DEF"). It needs the waiver
	// [InsecureCompression].
	Compress bool

	// Header and SignedHeader hold further protected header parameters, of
	// the JWE and of the JWS, that a partner asks for, such as "typ", "cty", or
	// the path of the request. A parameter that the envelope itself sets or
	// interprets there is an error in New: "alg", "enc", "zip", "kid", "crit",
	// "epk", "apu", "apv", "p2s", "p2c", "b64", "jwk", "jku", "x5c", "x5u",
	// "x5t", "x5t#S256", and, in SignedHeader, what the fields below set.
	//
	// A value that is a func(context.Context, time.Time) any is called once for
	// each message, with the context of the call, and once by New, with
	// [context.Background]. What it returns becomes JSON.
	//
	// The "cty" of the JWE is "JWT", or "JOSE+JSON" with JSON, unless Header
	// says otherwise.
	Header, SignedHeader map[string]any

	// Bare makes Seal leave out "iat" (in seconds) and "jti" (random). Those two date and
	// number each message in the protected header of the JWS, so that the partner can
	// refuse old and repeated messages. Bare is for partners that refuse parameters that
	// they do not know, and for a SignedHeader that sets them otherwise.
	Bare bool

	// Self and Partner name the two parties, and differ. If set, Seal binds
	// each message to them: "iss" and "aud" in the protected header of the JWS.
	// Open rejects a message that is bound to others, there or, if the payload
	// is a JSON object, in its members "iss" and "aud". A payload that begins as
	// such an object and cannot be read as one is rejected as well, because
	// another program may read in it what this one does not see. Set both or
	// neither.
	Self, Partner string

	// RequireBound makes Open reject messages that are bound to nobody. A
	// message signed for somebody else, or for nobody in particular, can
	// otherwise be passed on to us by whoever received it. It needs Self and
	// Partner.
	RequireBound bool

	// SealContext and OpenContext keep conversations under the same keys apart: an order
	// from a refund, a request from a reply. Seal signs SealContext with each message, in
	// the protected header of the JWS, as "sealwax-context"; if OpenContext is set, Open
	// rejects messages without it or with another. A server's SealContext is its client's
	// OpenContext, and the other way round.
	SealContext, OpenContext string

	// RequirePostQuantum is [keyset.Signing] or zero. With [keyset.Signing], Seal signs
	// with a key of ML-DSA, and Open asks for at least one signature of ML-DSA that
	// counts, so that the signature holds against a quantum computer as well. Seal
	// returns an error that wraps [envelope.ErrNoKey] and names the keys that are not;
	// Open rejects with [envelope.Forbidden]. Of SignEncryptSign either of the two will
	// do.
	//
	// [keyset.Encryption] is an error of New, because JOSE has no such key agreement yet:
	// RFC 9964 is about signatures alone, and HPKE with ML-KEM is a draft. See the
	// documentation of the package.
	RequirePostQuantum keyset.Use

	// RequireTyp and RequireCty make Open reject messages unless the protected
	// header of the JWS has this "typ" or "cty": RFC 8725, Section 3.11. They are
	// compared as media types are, RFC 7515, Section 4.1.9.
	RequireTyp, RequireCty string

	// MaxSize limits payloads in Seal and in Open, in bytes. Open also rejects
	// a message that is longer than one with such a payload can be. If zero,
	// the limit is 8 MiB.
	MaxSize int64

	// MaxAge rejects messages whose signatures are all older, or undated. The
	// date of a JWS is its protected "iat", in seconds, or that of a JSON
	// payload; the header of the JWE dates nothing. It is at least one
	// second, or zero: then age is not limited, and an undated JWS counts as made
	// on arrival. In any case a signature that is dated further in the future than
	// Skew does not count.
	//
	// "exp" and "nbf" in the protected header of the JWS are judged whatever MaxAge
	// is. In a payload they are judged if Self is set, or if the "typ" or "cty" of
	// the JWS says "JWT". In any other payload they are the caller's: they may be
	// the end of a card.
	MaxAge time.Duration

	// Skew is how far the clock of the partner may differ from ours: between one
	// second and one hour, or five minutes if zero.
	Skew time.Duration

	// Replays, if not nil, remembers what was accepted, and a message that was
	// accepted before is rejected as [envelope.Replayed], however it was encrypted
	// and spelled anew. It is asked last, when everything else about a message
	// holds. It needs MaxAge, and a signature on every message.
	// [envelope.NewMemory] makes one for a single process, and package
	// envelope/valkey one for many; each partner needs its own.
	//
	// If the memory cannot be asked, is full, or began after the message was made,
	// Open returns an error that wraps [keyset.ErrUnavailable], and no payload:
	// the sender has to seal anew, as after any other error of ours. What is sent
	// once more as it was is refused if it was accepted the first time.
	//
	// A message is remembered until MaxAge and Skew after the date of its latest
	// signature. Now has to follow the clock of the memory: what is given the time of
	// its receipt, and waited longer than that, cannot be remembered.
	Replays envelope.Replays

	Waive   []envelope.Waiver // exceptions to the defaults, each with its reason
	Observe envelope.Observer // if not nil, told about every call
	Now     func() time.Time  // if nil, time.Now
}

// An Envelope seals and opens JOSE messages. It is safe for concurrent use.
type Envelope struct {
	c            Config
	x            *exchange.Exchange
	accept       acceptance
	waived       waivers
	scratch      scratch.Pool
	inflated     scratch.Pool
	deflated     scratch.Pool
	deflaters    sync.Pool   // of *flate.Writer
	inflaters    sync.Pool   // of *inflate.Reader
	header       []parameter // of the JWE, by name
	signedHeader []parameter // of the JWS, by name
}

var _ envelope.Envelope = (*Envelope)(nil)

// New returns an envelope. It returns an error if a source is missing, holds
// keys of another format, or holds public keys where private ones belong or the
// reverse. It returns one if an algorithm is not allowed, if fields
// contradict each other, or if a waiver is unknown or has no reason.
//
// In a program that runs with GODEBUG=fips140=only, New returns an error that wraps
// [errors.ErrUnsupported] for what the standard library does without there: RSA1_5,
// RSA-OAEP, which is one with SHA-1, and [InsecureLongIV]. Open then rejects such
// messages as [envelope.Forbidden]. Keys for X25519 cannot be read.
func New(c Config) (*Envelope, error) {
	e := &Envelope{c: c}
	if e.c.MaxSize == 0 {
		e.c.MaxSize = defaultMaxSize
	}
	var err error
	var errs []error
	e.x, err = exchange.New(exchange.Config{
		Format: keyset.JOSE, Own: c.Own, Peer: c.Peer, MaxAge: c.MaxAge, Skew: c.Skew, Replays: c.Replays,
		Waive: c.Waive, Observe: c.Observe, Now: c.Now,
		PostQuantum: c.RequirePostQuantum,
		Evidence:    waiveEvidence, Unsigned: waiveEncryptOnly, Forgetful: waiveForgetful,
	}, waiveEvidence, waiveForgetful, waiveEncryptOnly, waiveRSA15, waiveCompression, waiveLongIV, waiveCarried, waiveRSADualUse)
	errs = append(errs, err)
	if err == nil {
		e.waived = waiversOf(c.Waive)
		if e.x.Waived(waiveEvidence) && !e.waived.encryptOnly {
			errs = append(errs, errors.New("InsecureUnsignedEvidence without InsecureEncryptOnly: no message opens without a signature"))
		}
	}
	errs = append(errs, e.c.check(&e.waived))
	e.accept, err = accepting(c.Accept, e.waived.rsa15)
	errs = append(errs, err)
	e.header, err = parameters("Header", c.Header, reserved)
	errs = append(errs, err)
	e.signedHeader, err = parameters("SignedHeader", c.SignedHeader, c.reservedSigned())
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("jwe: %w", err)
	}
	if err := e.tryHeaders(); err != nil {
		return nil, fmt.Errorf("jwe: %w", err)
	}
	e.c.Accept, e.c.Header, e.c.SignedHeader, e.c.Waive = nil, nil, nil, nil
	return e, nil
}

func (c *Config) check(w *waivers) error {
	var errs []error
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	for _, s := range []struct {
		name string
		alg  Algorithm
		want purpose
	}{{"Key", c.Seal.Key, forKey}, {"Content", c.Seal.Content, forContent}, {"Signature", c.Seal.Signature, forSignature}} {
		if s.alg != "" && s.alg.purpose() != s.want {
			bad("Seal.%s: %q is not allowed", s.name, s.alg)
		} else if err := s.alg.runs(); err != nil {
			bad("Seal.%s: %w", s.name, err)
		}
	}
	if c.Seal.Key == RSA1_5 && !w.rsa15 {
		bad("Seal.Key: %q is not allowed without InsecureRSA1_5", c.Seal.Key)
	}
	if err := RSA1_5.runs(); err != nil && w.rsa15 {
		bad("InsecureRSA1_5: %w", err)
	}
	if w.longIV && fips140.Enforced() {
		bad("InsecureLongIV: this program runs with GODEBUG=fips140=only, which has no GCM with such an IV: %w", errors.ErrUnsupported)
	}
	if c.Compress && !w.compression {
		bad("Compress is not allowed without InsecureCompression")
	}
	if c.MaxSize < 0 || c.MaxSize > largestMaxSize {
		bad("MaxSize is %d, not between 0 and %d", c.MaxSize, int64(largestMaxSize))
	}
	if (c.Self == "") != (c.Partner == "") {
		bad("set both Self and Partner, or neither")
	}
	if c.Self != "" && c.Self == c.Partner {
		bad("Self and Partner are the same: %q", c.Self)
	}
	if c.RequireBound && c.Self == "" {
		bad("RequireBound needs Self and Partner")
	}
	for _, s := range []struct {
		name, text string
		most       int
	}{
		{"RequireTyp", c.RequireTyp, maxName}, {"RequireCty", c.RequireCty, maxName}, {"Self", c.Self, maxName}, {"Partner", c.Partner, maxName},
	} {
		if !utf8.ValidString(s.text) || len(s.text) > s.most {
			bad("%s is not valid UTF-8 of at most %d bytes", s.name, s.most)
		}
	}
	switch {
	case c.RequirePostQuantum == 0:
	case c.RequirePostQuantum&keyset.Encryption != 0:
		bad("RequirePostQuantum of %s: JOSE has no post-quantum key agreement yet; it can be asked of signatures alone", c.RequirePostQuantum)
	case c.RequirePostQuantum != keyset.Signing:
		bad("RequirePostQuantum is %d", c.RequirePostQuantum)
	case w.encryptOnly:
		bad("RequirePostQuantum without a signature")
	default:
		if err := MLDSA65.runs(); err != nil {
			bad("RequirePostQuantum: %w", err)
		}
	}
	if err := exchange.CheckContexts(c.SealContext, c.OpenContext); err != nil {
		errs = append(errs, err)
	}
	switch {
	case c.Layers > SignEncryptSign:
		bad("Layers is %d", c.Layers)
	case c.Layers != SignThenEncrypt && w.encryptOnly:
		bad("Layers with InsecureEncryptOnly: a message is signed, or it is not")
	case c.Layers == EncryptThenSign && c.RequireBound:
		bad("RequireBound with EncryptThenSign: a message that is signed only around the outside is never bound")
	case c.Members && (c.JSON || w.encryptOnly || c.Layers == EncryptThenSign):
		bad("Members is how a JWS is written inside of a JWE in compact serialization, and there is none")
	}
	if w.encryptOnly && (len(c.SignedHeader) != 0 || c.Bare || c.Self != "" || c.RequireTyp != "" || c.RequireCty != "" ||
		c.SealContext != "" || c.OpenContext != "" || c.MaxAge != 0 || c.Seal.Signature != "") {
		bad("without a signature there is nothing to hold SignedHeader, Bare, Self, RequireTyp, RequireCty, SealContext, OpenContext, MaxAge, or Seal.Signature")
	}
	return errors.Join(errs...)
}

// Layers are orders in which a message is signed and encrypted.
type Layers uint8

const (
	// SignThenEncrypt is a JWS inside of a JWE.
	SignThenEncrypt Layers = iota

	// EncryptThenSign is a JWS around a JWE. Open verifies the signature before it
	// decrypts. Who signed need not have known the payload: such a message is never
	// Bound, and its signers have the layer [envelope.Outer]. Whoever can remove one
	// signature and put another in its place passes a payload off as his own; where
	// that matters, the payload has to name its sender.
	EncryptThenSign

	// SignEncryptSign is a JWS around a JWE around a JWS, and both signatures have
	// to count. SignedBy, MaxAge, Bound, the context, and the header speak of the
	// inner one.
	SignEncryptSign
)

// ContentType implements [envelope.Envelope]. It is
// "application/jose; charset=utf-8", or "application/jose+json; charset=utf-8"
// with [Config.JSON].
func (e *Envelope) ContentType() string {
	if e.c.JSON {
		return "application/jose+json; charset=utf-8"
	}
	return "application/jose; charset=utf-8"
}

// reserved are parameters that only the envelope sets.
var reserved = []string{
	"alg", "enc", "zip", "kid", "crit", "epk", "apu", "apv", "p2s", "p2c", "b64",
	"jwk", "jku", "x5c", "x5u", "x5t", "x5t#S256",
}

func (c *Config) reservedSigned() []string {
	out := append(slices.Clone(reserved), contextParameter)
	if c.Self != "" {
		out = append(out, "iss", "aud")
	}
	if !c.Bare {
		out = append(out, "iat", "jti")
	}
	return out
}

// A parameter is one header parameter of the Config: its JSON, or the function
// that makes its value for each message.
type parameter struct {
	name string
	json json.RawMessage
	make func(context.Context, time.Time) any
}

// parameters returns those of a Config by name. The values become JSON at once,
// so that nothing the caller does to them later reaches a message.
func parameters(field string, m map[string]any, reserved []string) ([]parameter, error) {
	var out []parameter
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(m)) {
		p := parameter{name: name}
		if slices.ContainsFunc(reserved, func(r string) bool { return strings.EqualFold(r, name) }) {
			errs = append(errs, fmt.Errorf("%s: the envelope itself sets or refuses %q", field, name))
			continue
		}
		if slices.ContainsFunc(out, func(o parameter) bool { return strings.EqualFold(o.name, name) }) {
			errs = append(errs, fmt.Errorf("%s: %q appears in two letter cases", field, name))
			continue
		}
		var err error
		if f, ok := m[name].(func(context.Context, time.Time) any); ok && f != nil {
			p.make = f
		} else if p.json, err = json.Marshal(m[name]); err != nil {
			errs = append(errs, fmt.Errorf("%s: %q is neither JSON nor a func(context.Context, time.Time) any: %w", field, name, err))
		}
		out = append(out, p)
	}
	return out, errors.Join(errs...)
}

// made returns the parameters of one message.
func made(ctx context.Context, list []parameter, at time.Time) ([]parameter, error) {
	out := slices.Clone(list)
	for i, p := range out {
		if p.make == nil {
			continue
		}
		text, err := json.Marshal(p.make(ctx, at))
		if err != nil {
			return nil, fmt.Errorf("header parameter %q: %w", p.name, err)
		}
		out[i].json = text
	}
	return out, nil
}

// tryHeaders makes the parameters once, to find in New what would fail in each Seal.
func (e *Envelope) tryHeaders() error {
	var errs []error
	for _, f := range []struct {
		field string
		list  []parameter
	}{{"Header", e.header}, {"SignedHeader", e.signedHeader}} {
		list, err := made(context.Background(), f.list, e.x.Now())
		if err == nil {
			_, err = newWriter().finish(list)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", f.field, err))
		}
	}
	return errors.Join(errs...)
}
