package envelopetest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdh"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sealwax/sealwax/keyset"
)

// A RemoteSubject is a key in a service under test, and the switches of the service.
type RemoteSubject struct {
	Remote keyset.Remote

	// Use is what the key is for: Signing; Encryption, which is to decrypt or to agree;
	// or both.
	Use keyset.Use

	// Stop makes the service unreachable, and Stall makes it take what it is asked and
	// never answer; Throttle makes it refuse for now, as one does that is asked too often.
	// Each returns the function that ends this. Nil, where it cannot be done, leaves its
	// promise untested, which the test logs.
	Stop, Stall, Throttle func() (end func())
}

// TestRemote runs subtests for every promise of [keyset.Remote]. A failure quotes the
// promise. It logs what the key can do, as a table: see [Capabilities].
//
// newSubject is called for each subtest. What a service cannot do is no failure; what it
// does wrongly is, and so is one that does nothing at all for the use of its key.
func TestRemote(t *testing.T, newSubject func(t *testing.T) RemoteSubject) {
	onlyInTests(t, "TestRemote")
	t.Run("Capabilities", func(t *testing.T) {
		for _, c := range Capabilities(bg, newSubject(t)) {
			t.Log(c)
		}
	})
	hold(t, remotePromises, newSubject)
}

var remotePromises = []promise[RemoteSubject]{
	{"Public", "Public returns the public half, the same each time, and so does what Bind returns.", remotePublic},
	{"Bind", "Bind returns a crypto.Signer, a crypto.Decrypter, an ecdh.KeyExchanger, or several of them, and does not leave the process.", remoteBind},
	{"Sign", "What it signs verifies under the public half: RSASSA-PSS with a salt as long as the hash, PKCS #1 v1.5, ECDSA as DER, Ed25519 over the message.", remoteSigns},
	{"Decrypt", "Decrypt is called with the options that the standard library's RSA key takes for the same padding, and returns what was encrypted.", remoteDecrypts},
	{"Agree", "ECDH returns the secret that the other side computes.", remoteAgrees},
	{"Undecryptable", "Undecryptable reports whether err says that the ciphertext does not decrypt under this key: wrong key, bad padding, bad length.", remoteUndecryptable},
	{"Unsupported", "What the service does not do is Undecryptable, or wraps errors.ErrUnsupported: a stranger can choose it.", remoteUnsupported},
	{"Outage", "Every other error is an outage: a service that is down, or refuses for now, is not Undecryptable, and works again afterwards.", remoteOutage},
	{"Context", "They give up when ctx does.", remoteContext},
	{"Ownership", "They neither keep nor modify what they are given.", remoteOwnership},
	{"Concurrency", "A Remote is safe for concurrent use.", remoteConcurrent},
}

// asked is what came of one question.
type asked struct {
	out []byte
	err error
}

// guarded asks, and makes an error of a panic.
func guarded(f func() ([]byte, error)) (a asked, panicked bool) {
	defer func() {
		if r := recover(); r != nil {
			a, panicked = asked{err: fmt.Errorf("panic: %v", r)}, true
		}
	}()
	out, err := f()
	return asked{out, err}, false
}

// outage reports whether an error is one: neither a ciphertext nor a stranger's choice.
func (s RemoteSubject) outage(err error) bool {
	return err != nil && !errors.Is(err, errors.ErrUnsupported) && !s.Remote.Undecryptable(err)
}

func remotePublic(s RemoteSubject) []string {
	var r report
	type equal interface{ Equal(crypto.PublicKey) bool }
	public, ok := s.Remote.Public().(equal)
	if r.add(ok, "the public half is a %T", s.Remote.Public()); !ok {
		return r
	}
	r.add(public.Equal(s.Remote.Public()), "another public half the second time")
	switch k := s.Remote.Bind(bg).(type) {
	case crypto.Signer:
		r.add(public.Equal(k.Public()), "the signer has another public half")
	case crypto.Decrypter:
		r.add(public.Equal(k.Public()), "the decrypter has another public half")
	case ecdh.KeyExchanger:
		r.add(k.PublicKey() != nil && public.Equal(anyPublic(k.PublicKey(), public)), "the key exchanger has another public half")
	}
	return r
}

func remoteBind(s RemoteSubject) []string {
	var r report
	bound := s.Remote.Bind(bg)
	if s.Use&keyset.Signing != 0 {
		_, ok := bound.(crypto.Signer)
		r.add(ok, "a key for signing is bound to %T, which is no crypto.Signer", bound)
	}
	if s.Use&keyset.Encryption != 0 {
		_, decrypts := bound.(crypto.Decrypter)
		_, agrees := bound.(ecdh.KeyExchanger)
		r.add(decrypts || agrees, "a key for encryption is bound to %T, which is no crypto.Decrypter, and no ecdh.KeyExchanger", bound)
	}
	if s.Stop != nil {
		end := s.Stop()
		began := time.Now()
		_, panicked := guarded(func() ([]byte, error) { s.Remote.Bind(bg); return nil, nil })
		r.add(!panicked && time.Since(began) < promptly, "Bind asks the service")
		end()
	}
	return r
}

func remoteSigns(s RemoteSubject) []string    { return s.works("sign", keyset.Signing) }
func remoteDecrypts(s RemoteSubject) []string { return s.works("decrypt", keyset.Encryption) }
func remoteAgrees(s RemoteSubject) []string   { return s.works("agree", keyset.Encryption) }

// works checks every operation of a kind: each is done rightly, or not at all, and one is
// done.
func (s RemoteSubject) works(kind string, use keyset.Use) []string {
	var r report
	done, tried := 0, 0
	for _, o := range operations(s) {
		if o.kind != kind {
			continue
		}
		tried++
		a, panicked := guarded(func() ([]byte, error) { return o.ask(bg, s) })
		r.add(!panicked, "%s: %v", o.name, a.err)
		if a.err == nil {
			wrong := o.wrong(a.out)
			r.add(wrong == "", "%s: %s", o.name, wrong)
			done++
		}
	}
	r.add(tried == 0 || done != 0 || s.Use&use == 0, "it does none of %d operations", tried)
	return r
}

func remoteUndecryptable(s RemoteSubject) []string {
	var r report
	for _, o := range operations(s) {
		if o.kind != "decrypt" {
			continue
		}
		if a, _ := guarded(func() ([]byte, error) { return o.ask(bg, s) }); a.err != nil {
			continue // it does not do that at all
		}
		for what, ciphertext := range o.bad() {
			a, panicked := guarded(func() ([]byte, error) { return s.decrypt(bg, ciphertext, o.opts) })
			r.add(!panicked, "%s, %s: %v", o.name, what, a.err)
			switch {
			case a.err == nil:
				// A service may take a random key in place of bad padding, as RFC 8017 wants it.
				r.add(o.implicit && !bytes.Equal(a.out, o.plain), "%s, %s: it is decrypted", o.name, what)
			default:
				r.add(s.Remote.Undecryptable(a.err), "%s, %s: taken for an outage: %v", o.name, what, a.err)
			}
		}
	}
	return r
}

func remoteUnsupported(s RemoteSubject) []string {
	var r report
	for _, o := range operations(s) {
		if o.kind == "sign" { // nothing that a stranger sent is signed
			continue
		}
		a, panicked := guarded(func() ([]byte, error) { return o.ask(bg, s) })
		r.add(!panicked, "%s: %v", o.name, a.err)
		r.add(!s.outage(a.err), "%s is not done, and taken for an outage: %v", o.name, a.err)
	}
	for what, ask := range unknownOptions(s) {
		a, panicked := guarded(ask)
		r.add(!panicked && a.err != nil, "%s: panicked %v, error %v", what, panicked, a.err)
		r.add(!s.outage(a.err), "%s is taken for an outage: %v", what, a.err)
	}
	return r
}

// first returns an operation that the key does, and rightly: one that is done wrongly
// breaks its own promise, and no other.
func (s RemoteSubject) first() (operation, bool) {
	for _, o := range operations(s) {
		if a, _ := guarded(func() ([]byte, error) { return o.ask(bg, s) }); a.err == nil && o.wrong(a.out) == "" {
			return o, true
		}
	}
	return operation{}, false
}

func remoteOutage(s RemoteSubject) []string {
	var r report
	o, ok := s.first() // one is enough: they are asked in the same way
	if r.add(ok, "it does nothing"); !ok {
		return r
	}
	for what, begin := range map[string]func() func(){"a service that is stopped": s.Stop, "a service that is asked too often": s.Throttle} {
		if begin == nil {
			continue
		}
		end := begin()
		ctx, cancel := context.WithTimeout(bg, promptly)
		a, panicked := guarded(func() ([]byte, error) { return o.ask(ctx, s) })
		cancel()
		end()
		r.add(!panicked && a.err != nil, "%s, %s: panicked %v, error %v", o.name, what, panicked, a.err)
		r.add(s.outage(a.err), "%s, %s: it says that the message is at fault: %v", o.name, what, a.err)
		r.add(s.again(o), "%s: not done any more after %s", o.name, what)
	}
	return r
}

// again reports whether the service does it again, after an outage.
func (s RemoteSubject) again(o operation) bool {
	for began := time.Now(); time.Since(began) < patience; time.Sleep(50 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(bg, promptly)
		a, _ := guarded(func() ([]byte, error) { return o.ask(ctx, s) })
		cancel()
		if a.err == nil && o.wrong(a.out) == "" {
			return true
		}
	}
	return false
}

func remoteContext(s RemoteSubject) []string {
	var r report
	o, ok := s.first()
	if r.add(ok, "it does nothing"); !ok {
		return r
	}
	canceled, cancel := context.WithCancel(bg)
	cancel()
	began := time.Now()
	a, panicked := guarded(func() ([]byte, error) { return o.ask(canceled, s) })
	r.add(!panicked && a.err != nil && time.Since(began) < promptly, "with a ctx that has ended: panicked %v, error %v, after %v", panicked, a.err, time.Since(began))
	if s.Stall == nil {
		return r
	}
	end := s.Stall()
	ctx, cancel := context.WithTimeout(bg, 300*time.Millisecond)
	defer cancel()
	began = time.Now()
	answer := make(chan asked, 1)
	go func() {
		a, _ := guarded(func() ([]byte, error) { return o.ask(ctx, s) })
		answer <- a
	}()
	a = asked{}
	select { // one that never gives up is not waited for
	case a = <-answer:
	case <-time.After(promptly):
	}
	took := time.Since(began)
	end()
	r.add(a.err != nil && took < promptly, "a service that does not answer: error %v, after %v, and ctx ended after 300ms", a.err, took)
	r.add(s.again(o), "not done any more after a service that did not answer")
	return r
}

func remoteOwnership(s RemoteSubject) []string {
	var r report
	for _, o := range operations(s) {
		before := bytes.Clone(o.in)
		a, _ := guarded(func() ([]byte, error) { return o.ask(bg, s) })
		r.add(bytes.Equal(before, o.in), "%s: what it was given is changed", o.name)
		if a.err != nil {
			continue
		}
		out := bytes.Clone(a.out)
		_, _ = guarded(func() ([]byte, error) { return o.ask(bg, s) })
		r.add(bytes.Equal(out, a.out), "%s: what it returned is changed by the next call", o.name)
	}
	return r
}

func remoteConcurrent(s RemoteSubject) []string {
	var r report
	o, ok := s.first()
	if r.add(ok, "it does nothing"); !ok {
		return r
	}
	add := r.shared()
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 4 {
				a, panicked := guarded(func() ([]byte, error) { return o.ask(bg, s) })
				add(!panicked && a.err == nil && o.wrong(a.out) == "", "%s, by many at once: %v", o.name, a.err)
			}
		})
	}
	wg.Wait()
	return r
}

// A Capability is one operation, and whether a key in a service does it.
type Capability struct {
	Operation string // such as "sign PS256" or "decrypt RSA-OAEP-256"
	Does      bool
	Says      string // what the service says if it does not, or what is wrong with what it does
}

// String returns the capability as a line.
func (c Capability) String() string {
	switch {
	case c.Does:
		return fmt.Sprintf("%-22s yes", c.Operation)
	default:
		return fmt.Sprintf("%-22s no: %s", c.Operation, c.Says)
	}
}

// Capabilities tries every operation that sealwax may ask of the kind of key that s has.
func Capabilities(ctx context.Context, s RemoteSubject) []Capability {
	var all []Capability
	for _, o := range operations(s) {
		a, _ := guarded(func() ([]byte, error) { return o.ask(ctx, s) })
		c := Capability{Operation: o.name, Does: a.err == nil}
		if a.err != nil {
			c.Says = a.err.Error()
		} else if wrong := o.wrong(a.out); wrong != "" {
			c.Does, c.Says = false, wrong
		}
		all = append(all, c)
	}
	return all
}
