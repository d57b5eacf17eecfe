package jwe_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// The public keys of RFC 7515, Appendix A.3, and of RFC 8037, Appendix A.2.
const (
	rfcEC = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"`
	rfcEd = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"`
)

// Digests stand in the manifests of users: a release that computes another value would
// refuse all of their keys.
func TestDigestsAreForEver(t *testing.T) {
	for jwk, want := range map[string]string{
		rfcEC + `,"use":"sig"}`:               "75b9356fb078778619f8d81e5f0ef9c8a5eea88e79a718f7c3e940710e6988e6",
		rfcEC + `,"use":"enc"}`:               "07dcbe4c02c68707324f7b82eccde575c7739754a0ae5deea27223a0d06fdacd",
		rfcEC + `,"use":"sig","alg":"ES256"}`: "cd0fbc6a314e805c2a1640042b3cbacafaa31258c22c98afc1c1bd89ac653afd",
		rfcEd + `,"use":"sig"}`:               "c147cdf932c902994763e59baf6da06156fb790a52ea1ed1ed5f8bfa9ea8a144",
	} {
		k, err := jwe.ReadKey(strings.NewReader(jwk), 0)
		require.NoError(t, err)
		assert.Equal(t, want, k.Digest(), jwk)
		assert.Equal(t, want, k.WithName("another kid").Digest(), "the name stands in the manifest")
		var b bytes.Buffer
		require.NoError(t, k.WritePublicJWK(&b))
		again, err := jwe.ReadKey(&b, 0)
		require.NoError(t, err)
		assert.Equal(t, want, again.Digest(), "written and read")
	}
	k := signing(t, "k", newEd(t))
	assert.Equal(t, k.Digest(), k.Public().(*jwe.Key).Digest(), "of both halves")
}

// certificate returns a certificate of the key in PEM.
func certificatePEM(t *testing.T, k *rsa.PrivateKey, end time.Time) []byte {
	c := &x509.Certificate{SerialNumber: big.NewInt(end.Unix()), Subject: pkix.Name{CommonName: "partner"}, NotBefore: end.AddDate(-3, 0, 0), NotAfter: end}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// The daily case: the partner's certificate is renewed for the same key, in the same
// file, under the kid that the partner asks for.
func TestReloadOfARenewedCertificate(t *testing.T) {
	end := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	files := fstest.MapFS{}
	write := func(end time.Time) *jwe.Key {
		files["peer.crt"] = &fstest.MapFile{Data: certificatePEM(t, rsaKeys[0](), end)}
		k, err := jwe.ReadKey(bytes.NewReader(files["peer.crt"].Data), keyset.Encryption)
		require.NoError(t, err)
		return k
	}
	var ring keyset.Ring
	reload := func(revision uint64, name string, digest string) keyset.Outcome {
		id := write(end).Info().ID // of the key, whatever the certificate
		m := &keyset.Manifest{Version: 1, Revision: revision, Format: keyset.JOSE, Keys: []keyset.ManifestKey{
			{ID: id, Name: name, Use: "encryption", State: keyset.Active, Source: "file:peer.crt", Digest: digest}}}
		o, err := ring.Reload(context.Background(), m, jwe.OpenFile(files))
		require.NoError(t, err)
		return o
	}
	held := func() (keyset.Info, time.Time) {
		for k := range ring.Load().All() {
			_, at := k.Bounds()
			return k.Material.Info(), at
		}
		return keyset.Info{}, time.Time{}
	}
	require.Empty(t, reload(1, "", "").Refused)
	info, _ := held()
	assert.Equal(t, string(info.ID), info.Name)

	require.Empty(t, reload(2, "mle-2026", "").Refused)
	info, at := held()
	assert.Equal(t, "mle-2026", info.Name, "a new name reaches a running ring")
	assert.Equal(t, end, at)
	assert.Equal(t, "mle-2026", kidOfSealed(t, &ring), "it is the kid on the wire")

	end = end.AddDate(1, 0, 0)
	require.Empty(t, reload(3, "mle-2026", "").Refused)
	_, at = held()
	assert.Equal(t, end, at, "and so does a later end")

	renewed := write(end.AddDate(1, 0, 0))
	o := reload(4, "mle-2026", renewed.Digest()) // the file is written back with the former end
	assert.ErrorIs(t, o.Err(), keyset.ErrOtherCopy, "the file is not the one that the manifest means")
	_, at = held()
	assert.Equal(t, end, at)

	// A program that renews the key itself keeps the kid too.
	require.NoError(t, ring.Refresh(t.Context(), renewed, ""))
	info, at = held()
	assert.Equal(t, "mle-2026", info.Name)
	assert.Equal(t, end.AddDate(1, 0, 0), at)
	assert.ErrorContains(t, ring.Refresh(t.Context(), encryption(t, "x", rsaKeys[1]()).Public(), ""), "not found")
	assert.ErrorIs(t, ring.Add(t.Context(), renewed, ""), keyset.ErrDuplicate)
	assert.ErrorContains(t, ring.Add(t.Context(), renewed, ""), "a newer copy of it enters with Refresh")
}

// kidOfSealed is the kid of the JWE that is sealed to the ring.
func kidOfSealed(t *testing.T, peer keyset.Source) string {
	e := newEnvelope(t, jwe.Config{Own: set(t, signing(t, "ours", newEd(t))), Peer: peer})
	sealed := seal(t, e, "{}")
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(string(sealed), ".")[0])
	require.NoError(t, err)
	var header struct{ Kid string }
	require.NoError(t, json.Unmarshal(raw, &header))
	return header.Kid
}
