package pgp_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// A kms is a key service as it is met in the field, with everything that can go
// wrong in one. It is a keyset.Remote.
type kms struct {
	crypto.Signer
	mode  atomic.Pointer[string]
	calls atomic.Int64
}

var errBadPadding = errors.New("INVALID_CIPHERTEXT: padding")

func newKMS(s crypto.Signer) *kms { return &kms{Signer: s} }

func (k *kms) set(mode string) { k.mode.Store(&mode) }

func (k *kms) Bind(ctx context.Context) crypto.PrivateKey { return &boundKMS{k, ctx} }

func (k *kms) Undecryptable(err error) bool { return errors.Is(err, errBadPadding) }

type boundKMS struct {
	*kms
	ctx context.Context
}

func (b *boundKMS) trouble() ([]byte, error) {
	b.calls.Add(1)
	mode := b.mode.Load()
	if mode == nil {
		return nil, nil
	}
	switch *mode {
	case "sleeps":
		<-b.ctx.Done()
		return nil, context.Cause(b.ctx)
	case "fails":
		return nil, errors.New("connection refused by kms-7")
	case "says so":
		return nil, errors.Join(errors.New("503"), keyset.ErrUnavailable)
	case "panics":
		panic("kms client of 2011")
	case "garbage":
		return bytes.Repeat([]byte{0x42}, 35), nil
	case "empty":
		return []byte{}, nil
	}
	return nil, nil
}

func (b *boundKMS) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if out, err := b.trouble(); out != nil || err != nil {
		return out, err
	}
	return b.Signer.Sign(r, digest, opts)
}

func (b *boundKMS) Decrypt(r io.Reader, ciphertext []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	if out, err := b.trouble(); out != nil || err != nil {
		return out, err
	}
	m, err := b.Signer.(crypto.Decrypter).Decrypt(r, ciphertext, opts)
	if err != nil {
		return nil, errors.Join(errBadPadding, err)
	}
	return m, nil
}

var rsaKeys = sync.OnceValue(func() [2]*rsa.PrivateKey {
	var out [2]*rsa.PrivateKey
	for i := range out {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		out[i] = k
	}
	return out
})

// remoteKey returns a certificate over two fake remote keys.
func remoteKey(t testing.TB) (k *pgp.Key, sign, decrypt *kms) {
	sign, decrypt = newKMS(rsaKeys()[0]), newKMS(rsaKeys()[1])
	k, err := pgp.NewRemoteCertificate(context.Background(), "Bank in a KMS", sign, decrypt, year)
	require.NoError(t, err)
	sign.calls.Store(0)
	decrypt.calls.Store(0)
	return k, sign, decrypt
}

func TestRemoteKeys(t *testing.T) {
	k, sign, decrypt := remoteKey(t)
	i := k.Info()
	assert.True(t, i.Private)
	assert.Equal(t, keyset.Signing|keyset.Encryption, i.Use)
	assert.Equal(t, 2048, i.Bits)
	assert.ErrorIs(t, k.WriteInsecurePrivateKey(io.Discard), errors.ErrUnsupported)
	_, err := k.WithNewSubkey(t.Context(), year)
	assert.ErrorIs(t, err, errors.ErrUnsupported)

	// The stored certificate and the same keys make the same key again.
	again, err := pgp.NewRemoteKey(bytes.NewReader(mustCertificate(t, k)), sign, decrypt)
	require.NoError(t, err)
	assert.Equal(t, i, again.Info())
	ring := keyset.NewRing(active(t, bank()))
	require.NoError(t, ring.Add(t.Context(), again, "kms:bank"), "the self-test uses the service")

	ours, theirs := conversation(t, again, partner())
	sign.calls.Store(0)
	decrypt.calls.Store(0)
	m := open(t, theirs, seal(t, ours, body))
	assert.Equal(t, "RSA-2048/SHA-384", m.Signers[0].Algorithm)
	assert.Equal(t, int64(1), sign.calls.Load())
	open(t, ours, seal(t, theirs, body))
	assert.Equal(t, int64(2), decrypt.calls.Load(), "once by Open, once by both passes of OpenTo")

	ec, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	k, err = pgp.NewRemoteCertificate(t.Context(), "ECDSA", ec, decrypt, year)
	require.NoError(t, err)
	ours, theirs = conversation(t, k, partner())
	m = open(t, theirs, seal(t, ours, body))
	assert.Equal(t, "ECDSA-P384/SHA-384", m.Signers[0].Algorithm)
	assert.NoError(t, k.SelfTest(t.Context()))
	var b bytes.Buffer
	assert.NoError(t, k.WriteRevocation(t.Context(), &b, "moved"))
}

// Trap T23: the library swallows the error of a signer, and panics on kinds of
// keys that it does not expect.
func TestT23RemoteKeysAreCheckedAtLoad(t *testing.T) {
	sign, decrypt := newKMS(rsaKeys()[0]), newKMS(rsaKeys()[1])
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	for name, make := range map[string]func() (*pgp.Key, error){
		"Ed25519 signer": func() (*pgp.Key, error) {
			return pgp.NewRemoteCertificate(t.Context(), "x", ed, decrypt, year)
		},
		"a name of a key": func() (*pgp.Key, error) {
			return pgp.NewRemoteCertificate(t.Context(), "x", "alias/sign", decrypt, year)
		},
		"nothing to decrypt with": func() (*pgp.Key, error) {
			return pgp.NewRemoteCertificate(t.Context(), "x", sign, nil, year)
		},
		"one key for both": func() (*pgp.Key, error) {
			return pgp.NewRemoteCertificate(t.Context(), "x", sign, sign, year)
		},
		"short": func() (*pgp.Key, error) {
			return pgp.NewRemoteCertificate(t.Context(), "x", newKMS(short), decrypt, year)
		},
		"no name":     func() (*pgp.Key, error) { return pgp.NewRemoteCertificate(t.Context(), "", sign, decrypt, year) },
		"no validity": func() (*pgp.Key, error) { return pgp.NewRemoteCertificate(t.Context(), "x", sign, decrypt, 0) },
		"of another certificate": func() (*pgp.Key, error) {
			return pgp.NewRemoteKey(bytes.NewReader(mustCertificate(t, bankRSA())), sign)
		},
		"Ed25519 certificate": func() (*pgp.Key, error) {
			return pgp.NewRemoteKey(bytes.NewReader(mustCertificate(t, bank())), ed)
		},
		"no key": func() (*pgp.Key, error) { return pgp.NewRemoteKey(bytes.NewReader(mustCertificate(t, bank()))) },
		"binds to nothing": func() (*pgp.Key, error) {
			return pgp.NewRemoteKey(bytes.NewReader(mustCertificate(t, bankRSA())), bindsNothing{sign})
		},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := make()
			assert.Error(t, err)
			assert.Nil(t, k)
		})
	}
	for _, mode := range []string{"fails", "panics", "garbage", "empty"} {
		t.Run("service "+mode, func(t *testing.T) {
			sign := newKMS(rsaKeys()[0])
			sign.set(mode)
			k, err := pgp.NewRemoteCertificate(t.Context(), "x", sign, decrypt, year)
			assert.Error(t, err)
			assert.Nil(t, k)
		})
	}
}

type bindsNothing struct{ *kms }

func (bindsNothing) Bind(context.Context) crypto.PrivateKey { return nil }

func TestRemoteSignerFails(t *testing.T) {
	k, sign, _ := remoteKey(t)
	for _, mode := range []string{"fails", "panics", "garbage", "empty", "says so"} {
		t.Run(mode, func(t *testing.T) {
			sign.set(mode)
			ours, _ := conversation(t, k, partner())
			sealed, err := ours.Seal(t.Context(), body)
			assert.Nil(t, sealed)
			if mode == "garbage" || mode == "empty" { // asking again does not help
				assert.NotErrorIs(t, err, keyset.ErrUnavailable)
				assert.ErrorContains(t, err, "answers wrongly")
			} else {
				assert.ErrorIs(t, err, keyset.ErrUnavailable)
			}
			assert.NotErrorIs(t, err, envelope.ErrRejected)
			assert.Contains(t, err.Error(), string(k.Info().ID))
		})
	}
	t.Run("sleeps", func(t *testing.T) {
		sign.set("sleeps")
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		ours, _ := conversation(t, k, partner())
		_, err := ours.Seal(ctx, body)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.NotErrorIs(t, err, envelope.ErrRejected)
	})
}

// An outage is not a rejection, and a bad padding is not an outage: outcome and
// error of the latter are those of a local key.
func TestRemoteDecrypterFails(t *testing.T) {
	k, _, decrypt := remoteKey(t)
	ours, theirs := conversation(t, k, partner())
	f := newForger(t, k)
	sealed := seal(t, theirs, body)
	for _, mode := range []string{"fails", "panics", "says so"} {
		t.Run(mode, func(t *testing.T) {
			decrypt.set(mode)
			m, err := ours.Open(t.Context(), sealed)
			assert.Nil(t, m)
			assert.ErrorIs(t, err, keyset.ErrUnavailable)
			assert.NotErrorIs(t, err, envelope.ErrRejected)
		})
	}
	for _, mode := range []string{"garbage", "empty"} {
		t.Run(mode, func(t *testing.T) {
			decrypt.set(mode)
			rejected(t, ours, sealed, envelope.NotForUs)
		})
	}
	t.Run("sleeps", func(t *testing.T) {
		decrypt.set("sleeps")
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err := ours.Open(ctx, sealed)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.NotErrorIs(t, err, envelope.ErrRejected)
	})
	decrypt.set("")
	t.Run("bad padding is like that of a local key", func(t *testing.T) {
		local, theirsToLocal := conversation(t, bankRSA(), partner())
		_ = theirsToLocal
		g := newForger(t, bankRSA())
		lit, sig := literalPacket(body), signaturePacket(t, partner(), body, nil)
		session := f.pkesk()
		remote := rejected(t, ours, append(flip(session, len(session)-9), f.seipd(lit, sig)...), envelope.NotForUs)
		session = g.pkesk()
		other := rejected(t, local, append(flip(session, len(session)-9), g.seipd(lit, sig)...), envelope.NotForUs)
		assert.Equal(t, other.Cause(), remote.Cause())
	})
	t.Run("another key opens in spite of the outage", func(t *testing.T) {
		decrypt.set("fails")
		both := newEnvelope(t, pgp.Config{Own: active(t, k, bank()), Peer: active(t, public(partner()))})
		toBoth := newEnvelope(t, pgp.Config{Own: active(t, partner()), Peer: active(t, public(k), public(bank()))})
		m := open(t, both, seal(t, toBoth, body))
		assert.Equal(t, bank().Info().ID, m.Decrypter.ID)
		decrypt.set("")
	})
	t.Run("asked last, and at most four times, if not named", func(t *testing.T) {
		decrypt.calls.Store(0)
		own := newEnvelope(t, pgp.Config{Own: active(t, k, bankRSA()), Peer: active(t, public(partner()))})
		lit, sig := literalPacket(body), signaturePacket(t, partner(), body, nil)
		h := newForger(t, bankRSA())
		h.hidden = true
		open(t, own, h.message(lit, sig))
		assert.Zero(t, decrypt.calls.Load(), "the local key came first")
		stranger := newForger(t, partRSA())
		stranger.hidden = true
		rejected(t, own, append(bytes.Repeat(stranger.pkesk(), 8), stranger.message(lit, sig)...), envelope.NotForUs)
		assert.LessOrEqual(t, decrypt.calls.Load(), int64(4))
		f.hidden = true
		open(t, own, f.message(lit, sig))
	})
}

func TestWithNewSubkey(t *testing.T) {
	for name, k := range map[string]*pgp.Key{
		"Curve25519": newKey(t, "grows"),
		"RSA":        bankRSA(),
		"v6":         v6Own(t),
	} {
		t.Run(name, func(t *testing.T) {
			grown, err := k.WithNewSubkey(t.Context(), year/2)
			require.NoError(t, err)
			assert.Equal(t, k.Info().ID, grown.Info().ID)
			require.NoError(t, grown.SelfTest(t.Context()))

			// The partner refreshes, and encrypts to the new subkey from then on.
			peer := keyset.NewRing(active(t, public(k)))
			theirs := newEnvelope(t, pgp.Config{Own: active(t, partner()), Peer: peer})
			own := keyset.NewRing(active(t, k))
			ours := newEnvelope(t, pgp.Config{Own: own, Peer: active(t, public(partner()))})
			before := open(t, ours, seal(t, theirs, body))
			require.NoError(t, own.Refresh(t.Context(), grown, ""))
			require.NoError(t, peer.Refresh(t.Context(), grown.Public(), ""))
			after := open(t, ours, seal(t, theirs, body))
			assert.NotEqual(t, before.Decrypter.Subkey, after.Decrypter.Subkey)
			assert.Equal(t, before.Decrypter.ID, after.Decrypter.ID)
		})
	}
	_, err := public(bank()).WithNewSubkey(t.Context(), year)
	assert.ErrorIs(t, err, errors.ErrUnsupported)
	_, err = bank().WithNewSubkey(t.Context(), 0)
	assert.Error(t, err)
}

func TestWriteRevocation(t *testing.T) {
	k := newKey(t, "to be revoked")
	ours, theirs := conversation(t, bank(), k)
	sealed := seal(t, theirs, body)
	open(t, ours, sealed)
	var b bytes.Buffer
	require.NoError(t, k.WriteRevocation(t.Context(), &b, "laptop lost"))
	assert.NotContains(t, b.String(), "PRIVATE")
	revoked, err := pgp.ReadKey(&b)
	require.NoError(t, err)
	peer := keyset.NewRing(active(t, public(k)))
	require.NoError(t, peer.Refresh(t.Context(), revoked, ""))
	e := newEnvelope(t, pgp.Config{Own: active(t, bank()), Peer: peer})
	rejected(t, e, sealed, envelope.RevokedSigner)
	_, err = e.Seal(t.Context(), body)
	assert.ErrorIs(t, err, envelope.ErrNoKey)
	open(t, ours, sealed) // who has not heard of it does not know
	assert.ErrorIs(t, public(k).WriteRevocation(t.Context(), &b, ""), errors.ErrUnsupported)
}
