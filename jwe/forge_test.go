package jwe_test

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// What follows makes tokens with any header whatsoever, and shares no code with
// the package under test.

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func unb64(t testing.TB, s string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(s)
	require.NoError(t, err)
	return b
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func gcm(t testing.TB, key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	require.NoError(t, err)
	aead, err := cipher.NewGCM(block)
	require.NoError(t, err)
	return aead
}

// encryptWith returns a token with AES-GCM content under the key.
func encryptWith(t testing.TB, key, encryptedKey []byte, header, content string) string {
	iv := random(12)
	aad := b64([]byte(header))
	body := gcm(t, key).Seal(nil, iv, []byte(content), []byte(aad))
	n := len(body) - 16
	return strings.Join([]string{aad, b64(encryptedKey), b64(iv), b64(body[:n]), b64(body[n:])}, ".")
}

// encryptTo is RSA-OAEP-256 and A256GCM, whatever the header says.
func encryptTo(t testing.TB, to *rsa.PublicKey, header, content string) string {
	cek := random(32)
	ek, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, to, cek, nil)
	require.NoError(t, err)
	return encryptWith(t, cek, ek, header, content)
}

// agreeWith is ECDH-ES and A256GCM on P-256, with the epk and the KDF input
// as they are given.
func agreeWith(t testing.TB, to *ecdh.PublicKey, header func(epk string) string, content string) string {
	e, err := to.Curve().GenerateKey(rand.Reader)
	require.NoError(t, err)
	z, err := e.ECDH(to)
	require.NoError(t, err)
	p := e.PublicKey().Bytes()
	epk := fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":"%s","y":"%s"}`, b64(p[1:33]), b64(p[33:]))
	return encryptWith(t, concatKDF(z, "A256GCM", 32), nil, header(epk), content)
}

// concatKDF is one round of RFC 7518, Section 4.6.2.
func concatKDF(z []byte, alg string, size int, party ...string) []byte {
	var in bytes.Buffer
	u32 := func(n int) { _ = binary.Write(&in, binary.BigEndian, uint32(n)) }
	u32(1)
	in.Write(z)
	for _, s := range append([]string{alg}, append(party, "", "")[:2]...) {
		u32(len(s))
		in.WriteString(s)
	}
	u32(size * 8)
	sum := sha256.Sum256(in.Bytes())
	return sum[:size]
}

func ecdhOf(t testing.TB, k *ecdsa.PrivateKey) *ecdh.PublicKey {
	p, err := k.PublicKey.ECDH()
	require.NoError(t, err)
	return p
}

func signES256(t testing.TB, key *ecdsa.PrivateKey, header, payload string) string {
	input := b64([]byte(header)) + "." + b64([]byte(payload))
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	require.NoError(t, err)
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return input + "." + b64(sig)
}

func signPSS(t testing.TB, key *rsa.PrivateKey, salt int, header, payload string) string {
	input := b64([]byte(header)) + "." + b64([]byte(payload))
	sum := sha256.Sum256([]byte(input))
	sig, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: salt})
	require.NoError(t, err)
	return input + "." + b64(sig)
}

func signHS256(secret []byte, header, payload string) string {
	input := b64([]byte(header)) + "." + b64([]byte(payload))
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(input))
	return input + "." + b64(h.Sum(nil))
}

// part replaces one part of a token.
func part(token string, i int, f func(string) string) string {
	parts := strings.Split(token, ".")
	parts[i] = f(parts[i])
	return strings.Join(parts, ".")
}

// flip flips one bit of what a part spells.
func flip(t testing.TB, at int) func(string) string {
	return func(s string) string {
		b, err := base64.RawURLEncoding.DecodeString(s)
		require.NoError(t, err)
		if at < 0 {
			at += len(b)
		}
		b[at] ^= 1
		return b64(b)
	}
}

// alias spells the same bytes with another last character, which a lax decoder
// takes.
func alias(t testing.TB, s string) string {
	want, err := base64.RawURLEncoding.DecodeString(s)
	require.NoError(t, err)
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		other := s[:len(s)-1] + string(c)
		got, err := base64.RawURLEncoding.DecodeString(other)
		if other != s && err == nil && bytes.Equal(got, want) {
			return other
		}
	}
	require.Fail(t, "no other spelling", s)
	return ""
}

// oracleDate is what encoding/json says of a member "iat" that appears once, and is a date
// up to the year 9999, in seconds or milliseconds.
func oracleDate(payload string) (float64, bool) {
	if !utf8.ValidString(payload) || !json.Valid([]byte(payload)) {
		return 0, false
	}
	d := json.NewDecoder(strings.NewReader(payload))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return 0, false
	}
	var dates []any
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return 0, false
		}
		var v any
		if err := d.Decode(&v); err != nil {
			v = nil
		}
		if name == "iat" {
			dates = append(dates, v)
		}
	}
	if len(dates) != 1 {
		return 0, false
	}
	at, ok := dates[0].(float64)
	return at, ok && at >= 0 && at <= 253402300799_000
}
