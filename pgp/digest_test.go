package pgp_test

import (
	"bytes"
	"context"
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// Digests stand in the manifests of users: a release that computes another value would
// refuse all of their keys.
func TestDigestsAreForEver(t *testing.T) {
	for file, want := range map[string]string{
		"testdata/fuzz-ours.asc":   "2e94afab311e0d8e9d744df5eb4e4b0e83ee599e8fb74db79ff56ae47daf5ff4",
		"testdata/fuzz-theirs.asc": "100d9860d1e9fc1c708627c27d9e9f0dee69027efe83876e3e19ecabdf1d4fa0",
	} {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		k, err := pgp.ReadKey(bytes.NewReader(raw))
		require.NoError(t, err)
		assert.Equal(t, want, k.Digest(), file)
		assert.Equal(t, want, public(k).Digest(), "%s: of the public half", file)

		var private, cert, copied bytes.Buffer
		require.NoError(t, k.WriteCertificate(&cert))
		if k.Info().Private {
			require.NoError(t, k.WriteInsecurePrivateKey(&private))
		}
		for _, written := range []*bytes.Buffer{&private, &cert} {
			if written.Len() == 0 {
				continue
			}
			again, err := pgp.ReadKey(bytes.NewReader(written.Bytes()))
			require.NoError(t, err)
			assert.Equal(t, want, again.Digest(), "%s: written and read", file)
		}
		copied.Write(cert.Bytes())
		copied.Write(cert.Bytes())
		twice, err := pgp.ReadKeys(&copied)
		require.NoError(t, err)
		assert.Equal(t, want, twice[0].Digest(), "%s: twice in one file", file)
	}
}

func TestDigestTellsCopiesApart(t *testing.T) {
	k := newKey(t, "Bank")
	grown, err := k.WithNewSubkey(t.Context(), year)
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, k.WriteRevocation(t.Context(), &b, "leaked"))
	revoked, err := pgp.ReadKey(&b)
	require.NoError(t, err)
	digests := map[string]bool{k.Digest(): true, grown.Digest(): true, revoked.Digest(): true, newKey(t, "Bank").Digest(): true}
	assert.Len(t, digests, 4)
}

func TestLacks(t *testing.T) {
	k := newKey(t, "Bank")
	grown, err := k.WithNewSubkey(t.Context(), year)
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, k.WriteRevocation(t.Context(), &b, "leaked"))
	revoked, err := pgp.ReadKey(&b)
	require.NoError(t, err)

	assert.Empty(t, k.Lacks(k))
	assert.Empty(t, public(k).Lacks(public(grown)), "a renewed copy")
	assert.Empty(t, k.Lacks(grown))
	lost := public(grown).Lacks(public(k))
	require.Len(t, lost, 1)
	assert.Regexp(t, "^subkey [0-9A-F]{40}$", lost[0])
	assert.Equal(t, []string{"a revocation of the primary key"}, revoked.Lacks(public(k)))
	halves := k.Lacks(public(k))
	require.Len(t, halves, 2)
	assert.Equal(t, "the private half of the primary key", halves[0])
	assert.Len(t, k.Lacks(keyset.Tombstone(k.Info())), 1)
}

// A running server takes a renewed certificate, and not one that lost a subkey.
func TestReloadOfARenewedCertificate(t *testing.T) {
	k := newKey(t, "Bank")
	grown, err := k.WithNewSubkey(t.Context(), year)
	require.NoError(t, err)
	files := fstest.MapFS{}
	manifest := func(revision uint64, k *pgp.Key) *keyset.Manifest {
		var b bytes.Buffer
		require.NoError(t, k.WriteInsecurePrivateKey(&b))
		files["bank.asc"] = &fstest.MapFile{Data: b.Bytes()}
		s, err := keyset.New(revision, keyset.Key{Material: k, State: keyset.Active, Source: "file:bank.asc"})
		require.NoError(t, err)
		return s.Manifest()
	}
	var ring keyset.Ring
	for n, tt := range []struct {
		copied, want *pgp.Key
		err          error
	}{{k, k, nil}, {grown, grown, nil}, {k, grown, keyset.ErrIncomplete}, {grown, grown, nil}} {
		o, err := ring.Reload(context.Background(), manifest(uint64(n+1), tt.copied), pgp.OpenFile(files, nil))
		require.NoError(t, err)
		assert.ErrorIs(t, o.Err(), tt.err)
		held, _ := ring.Load().Lookup(k.Info().ID)
		assert.Equal(t, tt.want.Digest(), held.Material.(*pgp.Key).Digest())
	}
}
