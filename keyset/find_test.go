package keyset_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

func TestFind(t *testing.T) {
	const (
		a = "8A1C22F0AAAAAAAAAAAAAAAAAAAAAAAAAAAA0001"
		b = "04D7BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB0002"
		c = "8A1C22F0CCCCCCCCCCCCCCCCCCCCCCCCCCCC0003"
		d = "DDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDD0004"
		e = "EEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEE0005"
	)
	sourced := func(k keyset.Key, source string) keyset.Key { k.Source = source; return k }
	s := newSet(t, 1,
		sourced(peerCert.in(keyset.Active, a, named("Example Bank")), "file:a.asc"),
		sourced(peerCert.in(keyset.Retiring, b, named("Example Bank")), "file:b.asc"),
		peerCert.in(keyset.Pending, c, named("own-2027")),
		peerCert.in(keyset.Pending, d, named(b)),                  // calls itself by the ID of another
		peerCert.in(keyset.Revoked, e, named("BBBBBBBBBBBB0002")), // and by the short ID of another
	)
	tests := []struct {
		name, text string
		want       keyset.ID
		candidates []string // of the error
	}{
		{"ID", a, a, nil},
		{"ID that is the name of another", b, b, nil},
		{"revoked", e, e, nil},
		{"name", "own-2027", c, nil},
		{"source", "file:b.asc", b, nil},
		{"beginning", "04D7BBBB", b, nil},
		{"end", "CCCC0003", c, nil},
		{"lower case", "cccc0003", c, nil},
		{"as gpg prints it", "8a1c 22f0 aaaa aaaa aaaa  aaaa aaaa aaaa aaaa 0001", a, nil},
		{"0x", "0xCCCCCCCC0003", c, nil},
		{"too short", "CCC0003", "", []string{}},
		{"only 0x", "0x", "", []string{}},
		{"empty", "", "", []string{}},
		{"blank", "        ", "", []string{}},
		{"not there", "nobody\n", "", []string{}},
		{"middle", "AAAAAAAA", "", []string{}},
		{"name in another case", "OWN-2027", "", []string{}},
		{"shared name", "Example Bank", "", []string{a, b}},
		{"shared beginning", "8A1C22F0", "", []string{a, c}},
		{"short ID that is the name of another", "BBBBBBBBBBBB0002", "", []string{b, e}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k, err := s.Find(tt.text)
			if tt.want != "" {
				require.NoError(t, err)
				assert.Equal(t, tt.want, k.ID())
				return
			}
			require.Error(t, err)
			assert.Nil(t, k.Material)
			assert.NotContains(t, err.Error(), "\n")
			assert.Equal(t, len(tt.candidates) == 0, errors.Is(err, keyset.ErrNotFound))
			for _, id := range tt.candidates {
				assert.ErrorContains(t, err, id)
			}
		})
	}
}

// TestFindJOSE: thumbprints are case-sensitive, and base64url has no spaces.
func TestFindJOSE(t *testing.T) {
	s := newSet(t, 1, ownSign.in(keyset.Active, "abcdefghIJKL"), ownSign.in(keyset.Active, "ABCDEFGHijkl"))
	k, err := s.Find("abcdefgh")
	require.NoError(t, err)
	assert.Equal(t, keyset.ID("abcdefghIJKL"), k.ID())
	for _, text := range []string{"abcdefghijkl", "abcd efgh", "0xabcdefgh"} {
		_, err = s.Find(text)
		assert.ErrorIs(t, err, keyset.ErrNotFound, text)
	}
}

// People name keys by what they typed a minute ago, and by whom they write to.
func TestFindByFileAndAddress(t *testing.T) {
	in := func(k keyset.Key, source string) keyset.Key { k.Source = source; return k }
	s := newSet(t, 1,
		in(peerCert.in(keyset.Active, "1", named("Bank <keys@bank.example>")), "file:keys/own-2026.asc"),
		in(peerCert.in(keyset.Pending, "2", named("Bank <keys@bank.example>")), "file:keys/own-2027.asc#RSA1_5"),
		in(peerCert.in(keyset.Revoked, "3", named("<old@bank.example>")), "kms:own-2028.asc"),
		in(peerCert.in(keyset.Active, "4", named("no <address> here")), "file:own-2026.jwk"),
		in(peerCert.in(keyset.Active, "5", named("own-2027")), ""),
	)
	for text, want := range map[string]keyset.ID{
		"own-2026.asc": "1", "keys/own-2026.asc": "1", "own-2027.asc": "2", "own-2026.jwk": "4", "old@bank.example": "3",
		"keys@bank.example": "", "own-2026": "", "own-2027": "", "own-2028.asc": "", "own-2028": "", "keys": "", "address": "", ".asc": "", "#RSA1_5": "", "": "",
	} {
		k, err := s.Find(text)
		if want == "" {
			assert.Error(t, err, text)
		} else if assert.NoError(t, err, text) {
			assert.Equal(t, want, k.ID(), text)
		}
	}
	_, err := s.Find("own-2027")
	assert.ErrorContains(t, err, "fits 2 keys", "the file of one, and the name of another")
}
