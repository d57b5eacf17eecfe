package jwe

import (
	"crypto"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"github.com/sealwax/sealwax/keyset"
)

var (
	_ keyset.Digester  = (*Key)(nil)
	_ keyset.Refresher = (*Key)(nil)
)

// Digest implements [keyset.Digester]: SHA-256 over the use, the algorithms that the
// key is bound to with spaces between them, the thumbprint of RFC 7638, which covers "kty" and its members, and
// each certificate as DER. The "kid" is not part of it: it is the name in the manifest,
// and stands there.
//
// Stored digests are compared with it: it must never change.
func (k *Key) Digest() string {
	h := sha256.New()
	field := func(b []byte) {
		_, _ = h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(b))))
		_, _ = h.Write(b)
	}
	thumbprint, _ := rawURL.DecodeString(string(k.info.ID))
	field([]byte(k.info.Use.String()))
	var algs []string
	for _, a := range k.algs {
		algs = append(algs, string(a))
	}
	field([]byte(strings.Join(algs, " ")))
	field(thumbprint)
	for _, der := range k.chain {
		field(der)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Refresh implements [keyset.Refresher]: newer takes the place of k, under the "kid" of
// k if it brings none of its own. A key has no parts to merge. It returns an error if
// newer is another key, and k itself if both are public and newer says the same.
func (k *Key) Refresh(newer keyset.Material) (merged keyset.Material, resealed bool, err error) {
	n, ok := newer.(*Key)
	if !ok || n == nil || n.info.ID != k.info.ID || !n.samePublic(k) {
		return nil, false, errors.New("the copy is another key")
	}
	if n.info.Name == string(n.info.ID) && k.info.Name != n.info.Name {
		n = n.WithName(k.info.Name)
	}
	if n.private == nil && n.info == k.info && n.Digest() == k.Digest() {
		return k, false, nil
	}
	return n, n.info.Name != k.info.Name || n.kid(keyset.Encryption) != k.kid(keyset.Encryption) || n.info.Use != k.info.Use || !slices.Equal(n.algs, k.algs), nil
}

func (k *Key) samePublic(other *Key) bool {
	public, ok := k.public.(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(other.public)
}
