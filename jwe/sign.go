package jwe

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // for crypto.Hash
	_ "crypto/sha512"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync"

	"github.com/sealwax/sealwax/internal/base64url"
	"github.com/sealwax/sealwax/internal/mldsa"
	remotely "github.com/sealwax/sealwax/internal/remote"
)

// saltAsHash requires the salt to be as long as the hash, in both directions: RFC
// 7518, Section 3.5.
var saltAsHash = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}

// pss reports whether the algorithm is RSASSA-PSS.
func (a Algorithm) pss() bool { return a == PS256 || a == PS384 || a == PS512 }

// digest returns what is signed in place of the input: its hash, or the input
// itself for EdDSA and ML-DSA.
func (a Algorithm) digest(input ...[]byte) []byte {
	if a.whole() {
		if len(input) == 1 {
			return input[0]
		}
		return bytes.Join(input, nil)
	}
	h := a.hash().New()
	for _, part := range input {
		h.Write(part)
	}
	return h.Sum(nil)
}

// appendDigested appends bytes in base64url to out, and returns the digest of all
// of it. Of many bytes, what is encoded is hashed while the rest is.
func appendDigested(alg Algorithm, out, octets []byte) (all, digest []byte) {
	if alg.whole() || len(octets) < base64url.Halves {
		out = base64url.AppendEncode(out, octets)
		return out, alg.digest(out)
	}
	const piece = base64url.Halves / 4 * 3 // not so large that it is encoded in halves itself
	h := alg.hash().New()
	h.Write(out)
	start := len(out)
	out = slices.Grow(out, base64url.EncodedLen(len(octets)))[:start+base64url.EncodedLen(len(octets))]
	ready := make(chan []byte, len(octets)/piece+1)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(ready)
		for text := out[start:]; len(octets) != 0; {
			n := min(len(octets), piece)
			m := base64url.EncodedLen(n)
			base64url.Encode(text, octets[:n])
			ready <- text[:m]
			octets, text = octets[n:], text[m:]
		}
	})
	for text := range ready {
		h.Write(text)
	}
	wg.Wait()
	return out, h.Sum(nil)
}

// signatureSize is that of every signature by k.
func (k *Key) signatureSize() int {
	switch k.kind {
	case kindRSA:
		return k.rsaPublic().Size()
	case kindP256:
		return 2 * 32
	case kindP384:
		return 2 * 48
	case kindP521:
		return 2 * 66
	case kindEd25519:
		return ed25519.SignatureSize
	}
	return mldsa.SignatureSize(string(k.kind))
}

// sign returns the signature of a digest.
func (k *Key) sign(ctx context.Context, alg Algorithm, digest []byte) ([]byte, error) {
	switch private := k.private.(type) {
	case *remotely.Key:
		return k.signRemote(ctx, private, alg, digest)
	case *rsa.PrivateKey:
		if alg == RS256 || alg == RS384 || alg == RS512 {
			return rsa.SignPKCS1v15(nil, private, alg.hash(), digest)
		}
		return rsa.SignPSS(rand.Reader, private, alg.hash(), digest, saltAsHash)
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, private, digest)
		if err != nil {
			return nil, err
		}
		return k.joined(r, s)
	case ed25519.PrivateKey:
		return private.Sign(nil, digest, crypto.Hash(0))
	case *mldsa.PrivateKey:
		return mldsa.Sign(private, digest)
	}
	return nil, errors.New("key does not sign")
}

// joined writes a signature of ECDSA as RFC 7518, Section 3.4, has it.
func (k *Key) joined(r, s *big.Int) ([]byte, error) {
	out := make([]byte, k.signatureSize())
	for i, n := range []*big.Int{r, s} {
		if n.Sign() <= 0 || n.BitLen() > len(out)/2*8 {
			return nil, errors.New("a signature out of range")
		}
		n.FillBytes(out[i*len(out)/2 : (i+1)*len(out)/2])
	}
	return out, nil
}

// signRemote checks what the service returns: that it is a signature at all must
// not be for the partner to find out.
func (k *Key) signRemote(ctx context.Context, r *remotely.Key, alg Algorithm, digest []byte) ([]byte, error) {
	raw, err := r.Sign(ctx, k.info.ID, digest, alg.signerOpts())
	if err != nil {
		return nil, err
	}
	out := raw
	if _, ec := k.public.(*ecdsa.PublicKey); ec {
		var rs struct{ R, S *big.Int }
		rest, err := asn1.Unmarshal(raw, &rs)
		if err == nil && len(rest) == 0 {
			out, err = k.joined(rs.R, rs.S)
		}
		if err != nil || len(rest) != 0 {
			out = nil
		}
	}
	switch {
	case k.verify(alg, digest, out):
		return out, nil
	case k.verify(alg, digest, raw):
		return nil, remotely.Mistake(k.info.ID, "its signatures are r and s side by side, where crypto.Signer has them in ASN.1 (DER)")
	case k.verifyAnySalt(alg, digest, raw):
		return nil, remotely.Mistake(k.info.ID, "the salt of its signatures is not as long as the hash, which RFC 7518, Section 3.5, asks for")
	}
	return nil, remotely.Mistake(k.info.ID, fmt.Sprintf("what it returns is no signature of the key under %s", alg))
}

// verify reports whether the signature of a digest is good.
func (k *Key) verify(alg Algorithm, digest, signature []byte) bool {
	if len(signature) != k.signatureSize() {
		return false
	}
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		if alg == RS256 || alg == RS384 || alg == RS512 {
			return rsa.VerifyPKCS1v15(public, alg.hash(), digest, signature) == nil
		}
		return rsa.VerifyPSS(public, alg.hash(), digest, signature, saltAsHash) == nil
	case *ecdsa.PublicKey:
		half := len(signature) / 2
		r, s := new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:])
		return ecdsa.Verify(public, digest, r, s)
	case ed25519.PublicKey:
		return ed25519.Verify(public, digest, signature)
	case *mldsa.PublicKey:
		return mldsa.Verify(public, digest, signature)
	}
	return false
}

// verifyAnySalt reports whether the signature of a digest would be good if the length
// of its salt did not matter.
func (k *Key) verifyAnySalt(alg Algorithm, digest, signature []byte) bool {
	public, ok := k.public.(*rsa.PublicKey)
	return ok && alg.pss() && rsa.VerifyPSS(public, alg.hash(), digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto}) == nil
}
