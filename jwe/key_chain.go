package jwe

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/sealwax/sealwax/keyset"
)

// maxChain is how many certificates are taken for one key.
const maxChain = 8

var errNoChain = errors.New("certificates that do not chain: one is to be that of the key, and each of the others is to have signed another; write each key into a file of its own")

// certify takes what the certificate of the key says of it: the key itself if none is
// known, its end, what it is for. by is the certificate, in errors.
func (f *finding) certify(ders [][]byte, by string) error {
	if len(ders) > maxChain {
		return fmt.Errorf("%d certificates; %d are the most", len(ders), maxChain)
	}
	var all []*x509.Certificate
	for _, der := range ders {
		c, err := parseCertificate(der)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(all, c.Equal) {
			all = append(all, c)
		}
	}
	of := f.publicHalf()
	chain, err := chained(all, func(c *x509.Certificate) bool { return of == nil || equalPublic(of, c.PublicKey) })
	if err != nil {
		return err
	}
	leaf := chain[0]
	if leaf.PublicKeyAlgorithm == x509.UnknownPublicKeyAlgorithm { // but see parseCertificate
		if leaf.PublicKey, f.algs, err = parsePublic(leaf.RawSubjectPublicKeyInfo); err != nil {
			return err
		}
		f.says = append(f.says, claim{"the type of the key", keyset.Signing})
	}
	if of == nil {
		f.public = leaf.PublicKey
	}
	if leaf.KeyUsage != 0 {
		use := x509Uses(leaf.KeyUsage)
		if use == 0 {
			return fmt.Errorf("the key usage of %s does not allow signing or encryption", by)
		}
		f.says = append(f.says, claim{"the key usage of " + by, use})
	}
	sum := sha256.Sum256(leaf.Raw)
	f.hints = append(f.hints, rawURL.EncodeToString(sum[:]), hex.EncodeToString(sum[:]))
	f.notBefore, f.notAfter, f.endsWith, f.chain = leaf.NotBefore, leaf.NotAfter, by, nil
	for _, c := range chain {
		f.chain = append(f.chain, c.Raw)
	}
	return nil
}

// x509Uses are the purposes of a certificate: RFC 5280, Section 4.2.1.3.
func x509Uses(usage x509.KeyUsage) keyset.Use {
	var use keyset.Use
	if usage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) != 0 {
		use |= keyset.Signing
	}
	if usage&(x509.KeyUsageKeyEncipherment|x509.KeyUsageDataEncipherment|x509.KeyUsageKeyAgreement) != 0 {
		use |= keyset.Encryption
	}
	return use
}

// chained returns the certificates from the leaf up. The leaf is about the key, if one is
// known, and no other certificate names it as its issuer. That they chain makes none of
// them trusted: it shows which of them is meant.
func chained(all []*x509.Certificate, ofKey func(*x509.Certificate) bool) ([]*x509.Certificate, error) {
	leaves := slices.DeleteFunc(slices.Clone(all), func(c *x509.Certificate) bool {
		return !ofKey(c) || slices.ContainsFunc(all, func(o *x509.Certificate) bool {
			return o != c && bytes.Equal(c.RawSubject, o.RawIssuer)
		})
	})
	switch {
	case !slices.ContainsFunc(all, ofKey):
		return nil, errors.New("the certificate is about another key")
	case len(leaves) != 1:
		return nil, errNoChain
	}
	chain := leaves
	for len(chain) < len(all) {
		last := chain[len(chain)-1]
		i := slices.IndexFunc(all, func(c *x509.Certificate) bool { return !slices.Contains(chain, c) && issued(c, last) })
		if i < 0 {
			return nil, errNoChain
		}
		chain = append(chain, all[i])
	}
	return chain, nil
}

// issued reports whether the one certificate signed the other. A signature under an
// algorithm that is out of use, such as SHA-1, is not checked.
func issued(by, c *x509.Certificate) bool {
	if !bytes.Equal(by.RawSubject, c.RawIssuer) {
		return false
	}
	err := by.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature)
	_, old := errors.AsType[x509.InsecureAlgorithmError](err)
	return err == nil || old
}

// parseCertificate returns a certificate with its key if that is of use: the standard
// library leaves those of RSASSA-PSS out.
func parseCertificate(der []byte) (*x509.Certificate, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		if err := whyNoKey(der); err != nil {
			return nil, err
		}
		return nil, errors.New("a certificate that does not parse")
	}
	if c.PublicKey == nil {
		c.PublicKey, _, _ = parsePublic(c.RawSubjectPublicKeyInfo)
	}
	return c, nil
}
