package command

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// A fault is a mistake that an endpoint makes on purpose. None of them is a setting of the
// library: each is a wrapper, or keys that are left out.
type fault struct {
	name, what string
	format     keyset.Format // empty for both
	make       func(*endpoint) error
}

func faults() []fault {
	return []fault{
		{"first-key", "opens with the first of our keys alone", "", (*endpoint).firstKey},
		{"first-signature", "judges the first signature alone (OpenPGP)", keyset.OpenPGP, (*endpoint).firstSignature},
		{"kid-required", `refuses a JWE without a "kid", or with one that is not ours (JOSE)`, keyset.JOSE, (*endpoint).kidRequired},
		{"expired-signer", "accepts the signature of an expired key", "", accepting(isExpired)},
		{"revoked-signer", "accepts the signature of a revoked key", "", accepting(isRevoked)},
		{"unsigned", "accepts a message without a signature", "", (*endpoint).unsigned},
		{"text", "tells the sender why a message is rejected", "", (*endpoint).tell},
		{"outage", "answers 503 where a message is at fault", "", (*endpoint).outage},
		{"lax-json", "reads JSON with comments, trailing commas, members twice, and more", "", rewriting(lax)},
		{"stale", "does not look at the timestamp", "", rewriting(stampedNow)},
		{"no-limit", "reads bodies of any length", "", func(e *endpoint) error { e.config.MaxBody = 1 << 40; return nil }},
		{"reply-old-key", "signs replies with our oldest key alone", "", (*endpoint).replyOldKey},
		{"reply-wrong-recipient", "encrypts replies to somebody else", "", (*endpoint).replyWrongRecipient},
		{"reply-plain", "sends replies as they are", "", func(e *endpoint) error { e.seal = unsealed{e.seal}; return nil }},
	}
}

func faultNamed(name string, format keyset.Format) (fault, error) {
	var names []string
	for _, f := range faults() {
		if f.format != "" && f.format != format {
			if f.name == name {
				return fault{}, misuse("-fault %s: there is no such mistake in %s", name, format)
			}
			continue
		}
		if f.name == name {
			return f, nil
		}
		names = append(names, f.name)
	}
	return fault{}, misuse("-fault %s: the names for these keys are %s", name, strings.Join(names, ", "))
}

// An opener is an envelope with another Open.
type opener struct {
	envelope.Envelope
	open func(ctx context.Context, sealed []byte) (*envelope.Message, error)
}

func (o opener) Open(ctx context.Context, sealed []byte) (*envelope.Message, error) {
	return o.open(ctx, sealed)
}

// before has a look at each message before it is opened.
func (e *endpoint) before(look func(sealed []byte) error) {
	right := e.open
	e.open = opener{right, func(ctx context.Context, sealed []byte) (*envelope.Message, error) {
		if err := look(sealed); err != nil {
			return nil, err
		}
		return right.Open(ctx, sealed)
	}}
}

// otherwise gives each message that is rejected another chance.
func (e *endpoint) otherwise(open func(ctx context.Context, sealed []byte) (*envelope.Message, error)) {
	right := e.open
	e.open = opener{right, func(ctx context.Context, sealed []byte) (*envelope.Message, error) {
		m, err := right.Open(ctx, sealed)
		if errors.Is(err, envelope.ErrRejected) {
			if wrong, wrongErr := open(ctx, sealed); wrongErr == nil {
				return wrong, nil
			}
		}
		return m, err
	}}
}

func (e *endpoint) firstKey() (err error) {
	e.open, err = e.s.over(picked{e.own, firstOpener}, e.peer)
	return err
}

func (e *endpoint) kidRequired() error {
	e.before(func(sealed []byte) error {
		o, err := jwe.Inspect(sealed)
		if err != nil {
			return err
		}
		for _, kid := range o.Recipients {
			for k := range e.own.Load().Opening() {
				if i := k.Material.Info(); kid == i.ID || string(kid) == i.Name {
					return nil
				}
			}
		}
		return envelope.Reject(envelope.NotForUs, errors.New("no kid of ours"))
	})
	return nil
}

func (e *endpoint) unsigned() error {
	var lenient envelope.Envelope
	var err error
	const why = "a fault that sealctl serve was asked for"
	if e.own.Load().Format() == keyset.OpenPGP {
		lenient, err = pgp.New(pgp.Config{Own: e.own, Peer: e.peer, Waive: []envelope.Waiver{pgp.InsecureUnsigned(why)}})
	} else {
		lenient, err = jwe.New(jwe.Config{Own: e.own, Peer: e.peer, Waive: []envelope.Waiver{jwe.InsecureEncryptOnly(why)}})
	}
	if err != nil {
		return err
	}
	e.otherwise(lenient.Open)
	return nil
}

func (e *endpoint) outage() error {
	right := e.open
	e.open = opener{right, func(ctx context.Context, sealed []byte) (*envelope.Message, error) {
		m, err := right.Open(ctx, sealed)
		if errors.Is(err, envelope.ErrRejected) {
			return nil, fmt.Errorf("a message at fault: %w", keyset.ErrUnavailable)
		}
		return m, err
	}}
	return nil
}

// toldKey is where the context of a request keeps the error that its sender is told.
type toldKey struct{}

func (e *endpoint) tell() error {
	right := e.open
	e.open = opener{right, func(ctx context.Context, sealed []byte) (*envelope.Message, error) {
		m, err := right.Open(ctx, sealed)
		if rejected, ok := errors.AsType[*envelope.OpenError](err); ok {
			*ctx.Value(toldKey{}).(*string) = explain(rejected)
		}
		return m, err
	}}
	e.around = func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			why := new(string)
			h.ServeHTTP(teller{w, why}, r.WithContext(context.WithValue(r.Context(), toldKey{}, why)))
		})
	}
	return nil
}

// A teller adds the reason to an answer.
type teller struct {
	http.ResponseWriter
	why *string
}

func (t teller) WriteHeader(status int) {
	if *t.why != "" {
		http.Error(t.ResponseWriter, *t.why, status)
		return
	}
	t.ResponseWriter.WriteHeader(status)
}

func (e *endpoint) replyOldKey() (err error) {
	e.seal, err = e.s.over(picked{e.own, oldestSigner}, e.peer)
	return err
}

func (e *endpoint) replyWrongRecipient() error {
	var stranger keyset.Material
	var err error
	if e.own.Load().Format() == keyset.OpenPGP {
		stranger, err = pgp.GenerateKey("Stranger", pgp.Curve25519, time.Hour)
	} else {
		stranger, err = jwe.GenerateKey("stranger", jwe.ECDHESA256KW)
	}
	if err != nil {
		return err
	}
	set, err := keyset.New(1, keyset.Key{Material: stranger.Public(), State: keyset.Active})
	if err != nil {
		return err
	}
	e.seal, err = e.s.over(e.own, set)
	return err
}

// unsealed seals nothing.
type unsealed struct{ envelope.Envelope }

func (unsealed) Seal(_ context.Context, payload []byte) ([]byte, error) { return payload, nil }
