package rehearsal

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// ofSignatures marks cases that a profile without signatures does not have.
func ofSignatures(cases ...Case) []Case {
	for i := range cases {
		cases[i].signing = true
	}
	return cases
}

// unsigned returns cases for a profile without signatures, and none for another.
func (r *run) unsigned(cases ...Case) []Case {
	if r.Network.profile.Signed() {
		return nil
	}
	return cases
}

// contentCases are the ways in which the older profile encrypts content.
func contentCases() []Case {
	encrypted := func(enc jose.ContentEncryption, level Level) Case {
		return Case{Name: "keys/content-" + strings.ToLower(string(enc)), Demand: "a message whose content is under " + string(enc) + " is answered", Source: ofJWE, Level: level,
			try: sends(answers, sending{letter: letter{enc: enc}})}
	}
	return []Case{
		encrypted(jose.A128CBC_HS256, Demanded), encrypted(jose.A256CBC_HS512, Demanded),
		encrypted(jose.A192CBC_HS384, Advice), // "and larger" says no name, and some software has no AES-192
		{Name: "keys/compressed", Demand: `a message that is compressed ("zip":"DEF") is answered`, Source: ofJWE, Level: Demanded, try: sends(answers, sending{letter: letter{zip: true}})},
	}
}

// tryBomb sends a request in JSON, with more blanks after it than any request has bytes.
// It is compressed, so that the body is not long. The blanks are in lines that end
// differently: some hundred bytes for each of the body, whoever compresses it, so that an
// endpoint that refuses a suspicious ratio does not pass for one that refuses the size.
func tryBomb(ctx context.Context, r *run) (Outcome, string, error) {
	q := newRequest("hello")
	ends := make([]byte, tooLarge/64)
	_, _ = rand.Read(ends)
	blanks := bytes.Repeat([]byte(" "), tooLarge)
	for i, b := range ends {
		blanks[64*i] = "\t\n\r "[b%4]
	}
	x, err := r.exchange(ctx, q, letter{zip: true, payload: append(r.payload(q), blanks...)})
	if err != nil {
		return "", "", err
	}
	out, saw := r.rejected(x)
	return out, saw, nil
}

// underRSA15 is a message with other keys for its content, each encrypted under RSA1_5: an
// endpoint that tells one of them from another decrypts for a stranger.
func (r *run) underRSA15(good Message) (out []labelled, err error) {
	to := r.partner.opening[0].jwk
	k, ok := to.Key.(*rsa.PublicKey)
	if !ok || r.Network.profile.keyAlgorithm(to) != jose.RSA1_5 {
		return nil, nil
	}
	parts := strings.Split(string(good.Body), ".")
	for _, t := range []struct {
		what string
		size int // bytes
	}{{"no key for the content", 0}, {"a key for the content that is too short", 16}, {"a key for the content that is too long", 64}, {"another key for the content", 32}} {
		key := make([]byte, t.size)
		_, _ = rand.Read(key)
		//lint:ignore SA1019 an endpoint that is an oracle for it is what is looked for
		wrapped, err := rsa.EncryptPKCS1v15(rand.Reader, k, key)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.what, err)
		}
		parts[1] = base64.RawURLEncoding.EncodeToString(wrapped)
		out = append(out, labelled{t.what, Message{[]byte(strings.Join(parts, ".")), good.ContentType}})
	}
	return out, nil
}

// saysCBC judges how the content of a reply is encrypted.
func saysCBC(_ *run, x *exchange) (Outcome, string) {
	return verdict(strings.Contains(x.message.Content, "CBC-HS"), x.message.Content)
}

// repliesTo is a case of a rotation in which nobody signs: what is replaced is the key that
// replies are sealed to.
func (r *run) repliesTo(name, demand string) Case {
	c := r.onReply("", demand, ofJWE, toTrusted)
	c.Name = name
	return c
}
