package envelopetest

import (
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

// A service is a key service in this process that keeps every promise, unless a test
// changes how it answers.
type service struct {
	key crypto.PrivateKey

	mu    sync.Mutex
	state string        // "", "down", "busy", or "stuck"
	stuck chan struct{} // closed when it is not stuck any more

	public        func() crypto.PublicKey
	sign          func(digest []byte, opts crypto.SignerOpts) ([]byte, error)
	decrypt       func(ciphertext []byte, opts crypto.DecrypterOpts) ([]byte, error)
	agree         func(*ecdh.PublicKey) ([]byte, error)
	undecryptable func(error) bool
	deaf          bool // does not give up when ctx does
	impolite      bool // Bind asks
	fragile       bool // stays down
}

var (
	errService = errors.New("service unavailable")
	errInput   = errors.New("invalid ciphertext")
)

func newService(key crypto.PrivateKey) *service { return &service{key: key} }

func (s *service) subject(use keyset.Use) RemoteSubject {
	enter := func(state string) func() func() {
		return func() func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.state, s.stuck = state, make(chan struct{})
			return func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				close(s.stuck)
				if !s.fragile {
					s.state = ""
				}
			}
		}
	}
	return RemoteSubject{Remote: s, Use: use, Stop: enter("down"), Stall: enter("stuck"), Throttle: enter("busy")}
}

func (s *service) Public() crypto.PublicKey {
	if s.public != nil {
		return s.public()
	}
	switch k := s.key.(type) {
	case *ecdh.PrivateKey:
		return k.PublicKey()
	default:
		return k.(crypto.Signer).Public()
	}
}

func (s *service) Bind(ctx context.Context) crypto.PrivateKey {
	if s.impolite {
		if err := s.reach(ctx); err != nil {
			panic(err)
		}
	}
	if _, ok := s.key.(*ecdh.PrivateKey); ok {
		return boundExchanger{s, ctx}
	}
	return boundKey{s, ctx}
}

func (s *service) Undecryptable(err error) bool {
	if s.undecryptable != nil {
		return s.undecryptable(err)
	}
	return errors.Is(err, errInput)
}

func (s *service) reach(ctx context.Context) error {
	s.mu.Lock()
	state, stuck := s.state, s.stuck
	s.mu.Unlock()
	switch {
	case ctx.Err() != nil && !s.deaf:
		return context.Cause(ctx)
	case state == "stuck" && s.deaf:
		<-stuck
	case state == "stuck":
		select {
		case <-stuck:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	case state != "":
		return errService
	}
	return nil
}

type boundKey struct {
	s   *service
	ctx context.Context
}

func (b boundKey) Public() crypto.PublicKey { return b.s.Public() }

func (b boundKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := b.s.reach(b.ctx); err != nil {
		return nil, err
	}
	if b.s.sign != nil {
		return b.s.sign(digest, opts)
	}
	return b.s.key.(crypto.Signer).Sign(rand.Reader, digest, opts)
}

func (b boundKey) Decrypt(_ io.Reader, ciphertext []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	if err := b.s.reach(b.ctx); err != nil {
		return nil, err
	}
	if b.s.decrypt != nil {
		return b.s.decrypt(ciphertext, opts)
	}
	return b.s.decrypted(ciphertext, opts)
}

func (s *service) decrypted(ciphertext []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	key, ok := s.key.(*rsa.PrivateKey)
	if o, oaep := opts.(*rsa.OAEPOptions); !ok || oaep && (o.Hash == crypto.MD5 || o.MGFHash != 0) {
		return nil, errors.ErrUnsupported
	}
	out, err := key.Decrypt(rand.Reader, ciphertext, opts)
	if err != nil {
		return nil, errInput
	}
	return out, nil
}

type boundExchanger struct {
	s   *service
	ctx context.Context
}

func (b boundExchanger) PublicKey() *ecdh.PublicKey { return b.s.Public().(*ecdh.PublicKey) }
func (b boundExchanger) Curve() ecdh.Curve          { return b.PublicKey().Curve() }

func (b boundExchanger) ECDH(remote *ecdh.PublicKey) ([]byte, error) {
	if err := b.s.reach(b.ctx); err != nil {
		return nil, err
	}
	if b.s.agree != nil {
		return b.s.agree(remote)
	}
	if remote.Curve() != b.Curve() {
		return nil, errInput
	}
	return b.s.key.(*ecdh.PrivateKey).ECDH(remote)
}

// serviceKeys are keys of every kind, made once.
var serviceKeys = sync.OnceValue(func() map[string]crypto.PrivateKey {
	rsaKey, err1 := rsa.GenerateKey(rand.Reader, 2048)
	other, err2 := rsa.GenerateKey(rand.Reader, 2048)
	ec, err3 := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	_, ed, err4 := ed25519.GenerateKey(rand.Reader)
	x, err5 := ecdh.X25519().GenerateKey(rand.Reader)
	p, err6 := ecdh.P256().GenerateKey(rand.Reader)
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		panic(err)
	}
	return map[string]crypto.PrivateKey{"RSA": rsaKey, "another RSA": other, "P-384": ec, "Ed25519": ed, "X25519": x, "P-256": p}
})

func TestRemotesThatKeepTheirPromises(t *testing.T) {
	for name, use := range map[string]keyset.Use{"RSA": keyset.Signing | keyset.Encryption, "P-384": keyset.Signing, "Ed25519": keyset.Signing, "X25519": keyset.Encryption, "P-256": keyset.Encryption} {
		t.Run(name, func(t *testing.T) {
			TestRemote(t, func(*testing.T) RemoteSubject { return newService(serviceKeys()[name]).subject(use) })
		})
	}
}

func TestCapabilities(t *testing.T) {
	s := newService(serviceKeys()["RSA"])
	s.decrypt = func(ciphertext []byte, opts crypto.DecrypterOpts) ([]byte, error) {
		if o, ok := opts.(*rsa.OAEPOptions); !ok || o.Hash != crypto.SHA1 {
			return nil, errors.ErrUnsupported
		}
		return s.decrypted(ciphertext, opts)
	}
	does := map[string]bool{}
	for _, c := range Capabilities(bg, s.subject(keyset.Encryption)) {
		does[c.Operation] = c.Does
		assert.Contains(t, c.String(), map[bool]string{true: " yes", false: "no: unsupported operation"}[c.Does])
	}
	assert.Equal(t, map[string]bool{"decrypt RSA-OAEP": true, "decrypt RSA-OAEP-256": false, "decrypt RSA-OAEP-384": false, "decrypt RSA-OAEP-512": false, "decrypt RSA1_5": false}, does)
}

// Every promise is broken in turn, as services break it.
func TestBrokenRemotes(t *testing.T) {
	const all = keyset.Signing | keyset.Encryption
	key := func() *rsa.PrivateKey { return serviceKeys()["RSA"].(*rsa.PrivateKey) }
	kept := make([]byte, 0, 1024)
	tested := map[string]bool{}
	for name, tt := range map[string]struct {
		promise, key string
		use          keyset.Use
		damage       func(*service)
	}{
		"another public half each time": {"Public", "RSA", all, func(s *service) {
			n := 0
			s.public = func() crypto.PublicKey {
				n++
				return serviceKeys()[[]string{"RSA", "another RSA"}[n%2]].(crypto.Signer).Public()
			}
		}},
		"no decrypter":             {"Bind", "Ed25519", all, func(s *service) { s.key = exchangerOnly() }},
		"binding asks the service": {"Bind", "RSA", all, func(s *service) { s.impolite = true }},
		"the longest salt":         {"Sign", "RSA", all, func(s *service) { s.sign = longestSalt(s) }},
		"ECDSA as r and s": {"Sign", "P-384", keyset.Signing, func(s *service) {
			s.sign = func(d []byte, _ crypto.SignerOpts) ([]byte, error) { return make([]byte, 96), nil }
		}},
		"it signs nothing": {"Sign", "RSA", all, func(s *service) { s.sign = func([]byte, crypto.SignerOpts) ([]byte, error) { return nil, errService } }},
		"signing panics":   {"Sign", "RSA", all, func(s *service) { s.sign = func([]byte, crypto.SignerOpts) ([]byte, error) { panic("nil session") } }},
		"OAEP with another hash": {"Decrypt", "RSA", all, func(s *service) {
			s.decrypt = func(c []byte, _ crypto.DecrypterOpts) ([]byte, error) { return []byte("x"), nil }
		}},
		"it decrypts nothing": {"Decrypt", "RSA", all, func(s *service) {
			s.decrypt = func([]byte, crypto.DecrypterOpts) ([]byte, error) { return nil, errService }
		}},
		"another secret":              {"Agree", "X25519", keyset.Encryption, func(s *service) { s.agree = func(*ecdh.PublicKey) ([]byte, error) { return make([]byte, 32), nil } }},
		"bad padding is an outage":    {"Undecryptable", "RSA", all, func(s *service) { s.undecryptable = func(error) bool { return false } }},
		"whatever comes is decrypted": {"Undecryptable", "RSA", all, func(s *service) { s.decrypt = trusting(s) }},
		"what it lacks is an outage":  {"Unsupported", "RSA", all, func(s *service) { s.decrypt = onlyPKCS1(s) }},
		"another curve is an outage":  {"Unsupported", "P-256", keyset.Encryption, func(s *service) { s.agree = otherCurves(s) }},
		"an outage is bad padding":    {"Outage", "RSA", all, func(s *service) { s.undecryptable = func(error) bool { return true } }},
		"an outage is for ever":       {"Outage", "RSA", all, func(s *service) { s.fragile = true }},
		"it waits for ever":           {"Context", "RSA", all, func(s *service) { s.deaf = true }},
		"the digest is changed": {"Ownership", "RSA", all, func(s *service) {
			s.sign = func(d []byte, o crypto.SignerOpts) ([]byte, error) {
				out, err := key().Sign(rand.Reader, d, o)
				d[0]++
				return out, err
			}
		}},
		"one buffer for all answers": {"Ownership", "RSA", all, func(s *service) {
			s.sign = func(d []byte, o crypto.SignerOpts) ([]byte, error) {
				out, err := key().Sign(rand.Reader, d, o)
				return append(kept[:0], out...), err
			}
		}},
		"two at once get in the way": {"Concurrency", "RSA", all, func(s *service) { s.sign = oneAtATime(s) }},
	} {
		t.Run(name, func(t *testing.T) {
			n := slices.IndexFunc(remotePromises, func(p promise[RemoteSubject]) bool { return p.name == tt.promise })
			require.GreaterOrEqual(t, n, 0)
			damaged := newService(serviceKeys()[tt.key])
			tt.damage(damaged)
			synctest.Test(t, func(t *testing.T) { // patience costs nothing here
				assert.NotEmpty(t, remotePromises[n].check(damaged.subject(tt.use)), "nothing is found")
			})
			tested[tt.promise] = true
		})
	}
	for _, p := range remotePromises {
		assert.True(t, tested[p.name], "nothing breaks %s", p.name)
	}
}

func exchangerOnly() crypto.PrivateKey { return serviceKeys()["X25519"] }

func longestSalt(s *service) func([]byte, crypto.SignerOpts) ([]byte, error) {
	return func(d []byte, opts crypto.SignerOpts) ([]byte, error) {
		if o, ok := opts.(*rsa.PSSOptions); ok {
			opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto, Hash: o.Hash}
		}
		return s.key.(crypto.Signer).Sign(rand.Reader, d, opts)
	}
}

func trusting(s *service) func([]byte, crypto.DecrypterOpts) ([]byte, error) {
	return func(c []byte, opts crypto.DecrypterOpts) ([]byte, error) {
		if out, err := s.decrypted(c, opts); err == nil {
			return out, nil
		}
		return []byte("sixteen and more octets of anything"), nil
	}
}

func onlyPKCS1(s *service) func([]byte, crypto.DecrypterOpts) ([]byte, error) {
	return func(c []byte, opts crypto.DecrypterOpts) ([]byte, error) {
		if _, ok := opts.(*rsa.OAEPOptions); ok {
			return nil, errService
		}
		return s.decrypted(c, opts)
	}
}

func otherCurves(s *service) func(*ecdh.PublicKey) ([]byte, error) {
	return func(k *ecdh.PublicKey) ([]byte, error) {
		if k.Curve() != ecdh.P256() {
			return nil, errService
		}
		return s.key.(*ecdh.PrivateKey).ECDH(k)
	}
}

func oneAtATime(s *service) func([]byte, crypto.SignerOpts) ([]byte, error) {
	var busy sync.Mutex
	return func(d []byte, o crypto.SignerOpts) ([]byte, error) {
		if !busy.TryLock() {
			return nil, errService
		}
		defer busy.Unlock()
		return s.key.(crypto.Signer).Sign(rand.Reader, d, o)
	}
}

// What is done wrongly breaks its own promise, and no other.
func TestWrongAlone(t *testing.T) {
	for _, p := range remotePromises {
		damaged := newService(serviceKeys()["RSA"])
		damaged.sign = longestSalt(damaged)
		synctest.Test(t, func(t *testing.T) {
			assert.Equal(t, p.name == "Sign", len(p.check(damaged.subject(keyset.Signing|keyset.Encryption))) != 0, p.name)
		})
	}
}
