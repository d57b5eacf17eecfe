package remote

import (
	"crypto"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
)

// DER returns an ECDSA signature that a service made as r and s side by side, IEEE P1363, as
// DER, which [crypto.Signer] returns.
func DER(raw []byte) ([]byte, error) {
	if len(raw) == 0 || len(raw)%2 != 0 {
		return nil, fmt.Errorf("an ECDSA signature of %d bytes", len(raw))
	}
	r, s := raw[:len(raw)/2], raw[len(raw)/2:]
	return asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(r), new(big.Int).SetBytes(s)})
}

// DigestInfo returns what RSASSA-PKCS1-v1_5 signs of a digest, for a service that pads and
// does not hash: RFC 8017, Section 9.2.
func DigestInfo(h crypto.Hash, digest []byte) ([]byte, error) {
	last, ok := map[crypto.Hash]int{crypto.SHA256: 1, crypto.SHA384: 2, crypto.SHA512: 3}[h]
	if !ok || len(digest) != h.Size() {
		return nil, fmt.Errorf("RSASSA-PKCS1-v1_5 over %d bytes of %v: %w", len(digest), h, errors.ErrUnsupported)
	}
	return asn1.Marshal(struct {
		Algorithm pkix.AlgorithmIdentifier
		Digest    []byte
	}{pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, last}, Parameters: asn1.NullRawValue}, digest})
}
