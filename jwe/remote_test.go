package jwe_test

import (
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

func (b boundDecrypter) Decrypt(r io.Reader, ciphertext []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	if out, err := b.trouble(); out != nil || err != nil {
		return out, err
	}
	b.opts.Store(&opts)
	m, err := b.private.(crypto.Decrypter).Decrypt(r, ciphertext, opts)
	if err != nil {
		return nil, errors.Join(errBadPadding, err)
	}
	return m, nil
}

func (b boundExchanger) PublicKey() *ecdh.PublicKey { return b.private.(*ecdh.PrivateKey).PublicKey() }

func (b boundExchanger) Curve() ecdh.Curve { return b.PublicKey().Curve() }

func (b boundExchanger) ECDH(epk *ecdh.PublicKey) ([]byte, error) {
	if out, err := b.trouble(); out != nil || err != nil {
		return out, err
	}
	return b.private.(*ecdh.PrivateKey).ECDH(epk)
}

func dhOf(t testing.TB, k *ecdsa.PrivateKey) *ecdh.PrivateKey {
	p, err := k.ECDH()
	require.NoError(t, err)
	return p
}

func TestRemoteKeysSign(t *testing.T) {
	for _, alg := range slices.Concat(signAlgorithms, mldsaAlgorithms) {
		private := material(t, alg).(crypto.Signer)
		for name, remote := range map[string]crypto.PrivateKey{"Remote": newKMS(private), "Signer": plainSigner{private}} {
			t.Run(string(alg)+" "+name, func(t *testing.T) {
				w := newWorld(t)
				w.theirSign = signing(t, "far", remote)
				assert.Equal(t, signing(t, "far", private).Info(), w.theirSign.Info(), "nothing tells that it is elsewhere")
				assert.NotContains(t, w.theirSign.String(), "kms")
				them := w.theirs(t, jwe.Config{Seal: jwe.Algorithms{Signature: alg}})
				m := open(t, w.ours(t, jwe.Config{}), seal(t, them, "payload"))
				assert.Equal(t, string(alg), m.Signers[0].Algorithm)
				require.NoError(t, w.theirSign.SelfTest(t.Context()))
				assert.ErrorIs(t, w.theirSign.WriteInsecurePrivateJWK(io.Discard), errors.ErrUnsupported)
				var b strings.Builder
				require.NoError(t, w.theirSign.WritePublicJWK(&b))
			})
		}
	}
}

func TestRemoteKeysDecrypt(t *testing.T) {
	ec := dhOf(t, newEC(t, curve256))
	x := newX(t)
	for _, tt := range []struct {
		name   string
		remote crypto.PrivateKey
		algs   []jwe.Algorithm
	}{
		{"RSA", newKMS(rsaKeys[1]()), []jwe.Algorithm{jwe.RSAOAEP, jwe.RSAOAEP256, jwe.RSA1_5}},
		{"EC", newKMS(ec), []jwe.Algorithm{jwe.ECDHES, jwe.ECDHESA128KW, jwe.ECDHESA256KW}},
		{"X25519", newKMS(x), []jwe.Algorithm{jwe.ECDHES, jwe.ECDHESA128KW, jwe.ECDHESA256KW}},
		{"EC exchanger", plainExchanger{ec}, []jwe.Algorithm{jwe.ECDHES, jwe.ECDHESA256KW}},
		{"X25519 exchanger", plainExchanger{x}, []jwe.Algorithm{jwe.ECDHES, jwe.ECDHESA256KW}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.ourDecrypt = encryption(t, "far", tt.remote)
			require.NoError(t, w.ourDecrypt.SelfTest(t.Context()))
			ring := keyset.NewRing(set(t, w.ourSign))
			require.NoError(t, ring.Add(t.Context(), w.ourDecrypt, "kms"), "the self-test uses the service")
			for _, alg := range tt.algs {
				w.ourDecrypt = mustKey(encryption(t, "far", tt.remote).WithAlgorithm(alg))
				us := w.ours(t, jwe.Config{Waive: waivedRSA15()})
				m := open(t, us, seal(t, w.theirs(t, jwe.Config{Seal: jwe.Algorithms{Key: alg}, Waive: waivedRSA15()}), "payload"))
				assert.Equal(t, string(alg), m.Decrypter.Algorithm)
			}
		})
	}
	service := newKMS(rsaKeys[1]())
	w := newWorld(t)
	w.ourDecrypt = encryption(t, "far", service)
	for alg, hash := range map[jwe.Algorithm]crypto.Hash{jwe.RSAOAEP: crypto.SHA1, jwe.RSAOAEP256: crypto.SHA256} {
		open(t, w.ours(t, jwe.Config{}), seal(t, w.theirs(t, jwe.Config{Seal: jwe.Algorithms{Key: alg}}), "x"))
		assert.Equal(t, hash, (*service.opts.Load()).(*rsa.OAEPOptions).Hash)
	}
}

// A remote RSA key without an algorithm is bound by its self-test to what it was seen
// to do: what a stranger sends in another algorithm is not for us, and no outage.
func TestRemoteKeysAreBoundToWhatTheyDo(t *testing.T) {
	w := newWorld(t)
	sha256Alone := func(opts any) bool {
		o, ok := opts.(*rsa.OAEPOptions)
		return ok && o.Hash == crypto.SHA256
	}
	for _, flaky := range []int64{0, 1, 2, 3} {
		service := &paddedService{PrivateKey: rsaKeys[1](), knows: sha256Alone, flaky: flaky}
		w.ourDecrypt = encryption(t, "far", service)
		us := w.ours(t, jwe.Config{})
		other := seal(t, w.theirs(t, jwe.Config{Seal: jwe.Algorithms{Key: jwe.RSAOAEP}}), "x")
		good := seal(t, w.theirs(t, jwe.Config{}), "x")
		if flaky == 0 {
			_, err := us.Open(t.Context(), other)
			assert.ErrorIs(t, err, keyset.ErrUnavailable, "nobody knows yet")
		}
		service.calls.Store(0)
		digest := w.ourDecrypt.Digest()
		if err := w.ourDecrypt.SelfTest(t.Context()); err != nil {
			require.NotZero(t, flaky)
			require.NoError(t, w.ourDecrypt.SelfTest(t.Context()))
		}
		open(t, us, good)
		rejects(t, us, other, envelope.NotForUs)
		assert.Equal(t, digest, w.ourDecrypt.Digest(), "what was seen is no part of the key")
	}
	all := &paddedService{PrivateKey: rsaKeys[1](), knows: func(any) bool { return true }, flaky: 1}
	w.ourDecrypt = encryption(t, "far", all)
	require.NoError(t, w.ourDecrypt.SelfTest(t.Context()))
	for _, alg := range []jwe.Algorithm{jwe.RSAOAEP, jwe.RSAOAEP256} {
		open(t, w.ours(t, jwe.Config{}), seal(t, w.theirs(t, jwe.Config{Seal: jwe.Algorithms{Key: alg}}), "x"))
	}

	pkcs1 := &paddedService{PrivateKey: rsaKeys[0](), knows: func(opts any) bool { _, pss := opts.(*rsa.PSSOptions); return !pss }}
	w.theirSign = signing(t, "far", pkcs1)
	require.NoError(t, w.theirSign.SelfTest(t.Context()))
	m := open(t, w.ours(t, jwe.Config{}), seal(t, w.theirs(t, jwe.Config{}), "x"))
	assert.Equal(t, "RS256", m.Signers[0].Algorithm)

	down := encryption(t, "far", &paddedService{PrivateKey: rsaKeys[1](), knows: func(any) bool { return false }})
	assert.ErrorIs(t, down.SelfTest(t.Context()), keyset.ErrUnavailable)
}

// What a service does wrong each time is told as that, and not as an outage.
func TestLastingMistakesOfAService(t *testing.T) {
	ec, rsaKey := newEC(t, curve256), rsaKeys[0]()
	for want, private := range map[string]crypto.PrivateKey{
		"r and s side by side": &signerFunc{&ec.PublicKey, func(digest []byte, _ crypto.SignerOpts) ([]byte, error) {
			r, s, err := ecdsa.Sign(rand.Reader, ec, digest)
			return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), err
		}},
		"not as long as the hash": &signerFunc{&rsaKey.PublicKey, func(digest []byte, opts crypto.SignerOpts) ([]byte, error) {
			return rsa.SignPSS(rand.Reader, rsaKey, opts.HashFunc(), digest, &rsa.PSSOptions{SaltLength: 20})
		}},
		"no signature of the key under PS256": &signerFunc{&rsaKey.PublicKey, func(digest []byte, opts crypto.SignerOpts) ([]byte, error) {
			return rsa.SignPKCS1v15(nil, rsaKey, opts.HashFunc(), digest)
		}},
	} {
		w := newWorld(t)
		w.ourSign = signing(t, "far", private)
		_, err := w.ours(t, jwe.Config{}).Seal(t.Context(), []byte("x"))
		assert.ErrorContains(t, err, "remote key "+string(w.ourSign.Info().ID)+" answers wrongly: ")
		assert.ErrorContains(t, err, want)
		assert.NotErrorIs(t, err, keyset.ErrUnavailable)
	}
}

// What goes wrong in a service is ours, and what it says of a ciphertext is the
// message's.
func TestRemoteKeysInTrouble(t *testing.T) {
	outages := []string{"fails", "says so", "panics", "sleeps"}
	check := func(t *testing.T, mode string, run func(context.Context) error) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, nil)
		if mode == "sleeps" {
			ctx, cancel = context.WithTimeout(t.Context(), 10*time.Millisecond)
		}
		defer cancel()
		err := run(ctx)
		require.Error(t, err)
		assert.NotErrorIs(t, err, envelope.ErrRejected)
		switch mode {
		case "sleeps":
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		case "garbage": // asking again does not help
			assert.NotErrorIs(t, err, keyset.ErrUnavailable)
			assert.ErrorContains(t, err, "answers wrongly: what it returns is no signature of the key")
		default:
			assert.ErrorIs(t, err, keyset.ErrUnavailable)
		}
	}
	for name, private := range map[string]crypto.PrivateKey{"RSA": rsaKeys[0](), "ECDSA": newEC(t, curve256), "Ed25519": newEd(t)} {
		service := newKMS(private)
		w := newWorld(t)
		w.ourSign = signing(t, "far", service)
		us := w.ours(t, jwe.Config{})
		for _, mode := range append(outages, "garbage", "bad padding") {
			t.Run(name+" signing "+mode, func(t *testing.T) {
				service.set(mode)
				check(t, mode, func(ctx context.Context) error {
					sealed, err := us.Seal(ctx, []byte("x"))
					assert.Nil(t, sealed)
					return err
				})
				check(t, mode, w.ourSign.SelfTest)
			})
		}
		service.set("")
		seal(t, us, "x")
	}
	for name, tt := range map[string]struct {
		private crypto.PrivateKey
		alg     jwe.Algorithm
	}{
		"RSA-OAEP": {rsaKeys[1](), jwe.RSAOAEP256}, "RSA1_5": {rsaKeys[1](), jwe.RSA1_5}, "ECDH-ES": {newX(t), jwe.ECDHES},
		"ECDH-ES+A256KW": {dhOf(t, newEC(t, curve256)), jwe.ECDHESA256KW},
	} {
		service := newKMS(tt.private)
		w := newWorld(t)
		w.ourDecrypt = mustKey(encryption(t, "far", service).WithAlgorithm(tt.alg))
		us := w.ours(t, jwe.Config{Waive: waivedRSA15()})
		sealed := seal(t, w.theirs(t, jwe.Config{Seal: jwe.Algorithms{Key: tt.alg}, Waive: waivedRSA15()}), "x")
		for _, mode := range outages {
			t.Run(name+" "+mode, func(t *testing.T) {
				service.set(mode)
				check(t, mode, func(ctx context.Context) error {
					m, err := us.Open(ctx, sealed)
					assert.Nil(t, m)
					return err
				})
			})
		}
		for _, mode := range []string{"garbage", "bad padding"} {
			t.Run(name+" "+mode, func(t *testing.T) {
				service.set(mode)
				m, err := us.Open(t.Context(), sealed)
				assert.Nil(t, m)
				assert.ErrorIs(t, err, envelope.ErrRejected)
			})
		}
		service.set("")
		open(t, us, sealed)
		if tt.alg == jwe.RSA1_5 {
			service.set("fails")
			garbage := part(string(sealed), 1, func(string) string { return b64(append([]byte{0}, random(255)...)) })
			_, err := us.Open(t.Context(), []byte(garbage))
			assert.ErrorIs(t, err, keyset.ErrUnavailable, "an outage says nothing about the padding")
		}
	}
}

// A remote key is asked when it is named, or else after all local keys, and at
// most four times for one message.
func TestRemoteKeysAreAskedLast(t *testing.T) {
	w := newWorld(t)
	local := encryption(t, "local", rsaKeys[1]())
	var services []*kms
	own := []*jwe.Key{}
	for range 6 {
		s := newKMS(dhOf(t, newEC(t, curve256)))
		services, own = append(services, s), append(own, encryption(t, "far", s))
	}
	far := newKMS(rsaKeys[2]())
	own = append(own, encryption(t, "rsa-far", far), local, w.ourSign)
	calls := func() (n int64) {
		for _, s := range append(services, far) {
			n += s.calls.Swap(0)
		}
		return n
	}
	signKey := newEC(t, curve256)
	us := w.ours(t, jwe.Config{Own: set(t, own...), Peer: set(t, public(signing(t, "sig", signKey))...)})
	signed := signES256(t, signKey, goodJWS, "{}")
	calls()

	const header = `{"alg":"RSA-OAEP-256","enc":"A256GCM"%s}`
	open(t, us, []byte(encryptTo(t, &rsaKeys[1]().PublicKey, strings.Replace(header, "%s", "", 1), signed)))
	assert.Zero(t, calls(), "a local key opens it")
	open(t, us, []byte(encryptTo(t, &rsaKeys[2]().PublicKey, strings.Replace(header, "%s", "", 1), signed)))
	assert.Equal(t, int64(1), calls(), "no local key opens it")
	open(t, us, []byte(encryptTo(t, &rsaKeys[2]().PublicKey, strings.Replace(header, "%s", `,"kid":"rsa-far"`, 1), signed)))
	assert.Equal(t, int64(1), calls(), "it is named")
	rejects(t, us, []byte(agreeWith(t, ecdhOf(t, newEC(t, curve256)), func(epk string) string {
		return `{"alg":"ECDH-ES","enc":"A256GCM","epk":` + epk + `}`
	}, signed)), envelope.NotForUs)
	assert.Equal(t, int64(4), calls(), "for a stranger's message")

	// An outage of one is no harm where another opens the message.
	far.set("fails")
	open(t, us, []byte(encryptTo(t, &rsaKeys[1]().PublicKey, strings.Replace(header, "%s", `,"kid":"rsa-far"`, 1), signed)))
	_, err := us.Open(t.Context(), []byte(encryptTo(t, &rsaKeys[3]().PublicKey, strings.Replace(header, "%s", "", 1), signed)))
	assert.ErrorIs(t, err, keyset.ErrUnavailable)
}

// An ephemeral key of low order is refused here: what the service would say to it
// is its own affair.
func TestRemoteX25519OfLowOrder(t *testing.T) {
	w := newWorld(t)
	service := newKMS(newX(t))
	w.ourDecrypt = encryption(t, "far", service)
	us := w.ours(t, jwe.Config{})
	token := encryptWith(t, random(32), random(40), `{"alg":"ECDH-ES+A256KW","enc":"A256GCM","epk":{"kty":"OKP","crv":"X25519","x":"`+b64(make([]byte, 32))+`"}}`, "x")
	rejects(t, us, []byte(token), envelope.NotForUs)
	assert.Zero(t, service.calls.Load())
}

type brokenRemote struct{ keyset.Remote }

func (brokenRemote) Public() crypto.PublicKey { panic("not connected") }

func TestNewKeyRefusesRemotes(t *testing.T) {
	ec := newEC(t, curve256)
	for _, tt := range []struct {
		name    string
		private crypto.PrivateKey
		use     keyset.Use
		want    string
	}{
		{"a decrypter", plainDecrypter{rsaKeys[1]()}, keyset.Encryption, "make it a keyset.Remote"},
		{"a signer to decrypt", plainSigner{rsaKeys[1]()}, keyset.Encryption, "no crypto.Decrypter"},
		{"a signer to agree", plainSigner{ec}, keyset.Encryption, "no ecdh.KeyExchanger"},
		{"an exchanger to sign", plainExchanger{dhOf(t, ec)}, keyset.Signing, "no crypto.Signer"},
		{"a Remote to agree that signs", newKMS(ec), keyset.Encryption, "no ecdh.KeyExchanger"},
		{"a Remote that panics", brokenRemote{}, keyset.Signing, "panicked"},
		{"Ed25519 to decrypt", newKMS(newEd(t)), keyset.Encryption, "no ecdh.KeyExchanger"},
		{"a signer with a strange key", plainSigner{strange{}}, keyset.Signing, "public key of type string"},
		{"a signer with a short key", plainSigner{strange{short: true}}, keyset.Signing, "1024 bits"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k, err := jwe.NewKey("kid", tt.private, tt.use)
			assert.Nil(t, k)
			assert.ErrorContains(t, err, tt.want)
		})
	}
	both, err := jwe.NewKey("both", newKMS(rsaKeys[1]()), keyset.Signing|keyset.Encryption)
	require.NoError(t, err)
	require.NoError(t, both.SelfTest(t.Context()))
}

type strange struct{ short bool }

func (s strange) Public() crypto.PublicKey {
	if s.short {
		return &rsa.PublicKey{N: new(big.Int).Rsh(rsaKeys[0]().N, 1024), E: 65537}
	}
	return "alias/key"
}

func (strange) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, nil }
