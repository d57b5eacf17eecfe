package rehearsal

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// sealJOSE writes a JWS in a JWE, both compact, or what is not signed in a JWE.
func (n *Network) sealJOSE(l letter) ([]byte, error) {
	inner := string(l.payload)
	if len(l.by) != 0 {
		var err error
		if inner, err = n.signJOSE(l); err != nil {
			return nil, err
		}
	}
	if l.signedOnly {
		return []byte(inner), nil
	}
	to := l.to[0].jwk
	r := jose.Recipient{Algorithm: n.profile.keyAlgorithm(to), Key: to.Key, KeyID: l.kidOf(to.KeyID)}
	o := &jose.EncrypterOptions{}
	if len(l.by) != 0 {
		o = o.WithContentType("JWT")
	}
	if l.zip {
		o.Compression = jose.DEFLATE
	}
	e, err := jose.NewEncrypter(n.profile.content(l), r, o)
	if err != nil {
		return nil, err
	}
	sealed, err := e.Encrypt([]byte(inner))
	if err != nil {
		return nil, err
	}
	out, err := sealed.CompactSerialize()
	return []byte(out), err
}

func (l letter) kidOf(kid string) string {
	if l.kid != nil {
		return l.kid(kid)
	}
	return kid
}

// signJOSE returns the compact JWS.
func (n *Network) signJOSE(l letter) (string, error) {
	k := n.parties[l.by[0]].sign
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	o := (&jose.SignerOptions{}).WithHeader("iat", time.Now().Unix()).WithHeader("jti", base64.RawURLEncoding.EncodeToString(id))
	if kid := l.kidOf(k.KeyID); kid != "" {
		o = o.WithHeader("kid", kid)
	}
	if l.signAs != "" {
		return n.signWithAnother(l, o, k)
	}
	o.EmbedJWK = l.carried
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(k.Algorithm), Key: k.Key}, o)
	if err != nil {
		return "", err
	}
	signed, err := s.Sign(l.payload)
	if err != nil {
		return "", err
	}
	out, err := signed.CompactSerialize()
	if l.badSig {
		at := strings.LastIndexByte(out, '.') + 5
		out = out[:at] + flipped(out[at:at+1]) + out[at+1:]
	}
	return out, err
}

// signWithAnother writes what no library signs: "none", or a MAC whose key is the public
// key (RFC 8725, section 2.1).
func (n *Network) signWithAnother(l letter, o *jose.SignerOptions, k jose.JSONWebKey) (string, error) {
	header := map[string]any{"alg": l.signAs}
	for name, value := range o.ExtraHeaders {
		header[string(name)] = value
	}
	raw, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	input := base64.RawURLEncoding.EncodeToString(raw) + "." + base64.RawURLEncoding.EncodeToString(l.payload)
	if l.signAs == "none" {
		return input + ".", nil
	}
	der, err := x509.MarshalPKIXPublicKey(k.Public().Key)
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, der)
	mac.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), nil
}

// flipped is another letter of base64url.
func flipped(letter string) string {
	if letter == "A" {
		return "B"
	}
	return "A"
}
