package rehearsal

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// replyCases judge what the endpoint seals.
func replyCases(r *run) []Case {
	fresh := r.onReply("fresh", "the timestamp of a reply is within 60 s of now", ofProtocol, func(_ *run, x *exchange) (Outcome, string) {
		return verdict(x.reply.Header.Timestamp.fresh(), fmt.Sprintf("responseTimestamp %d", x.reply.Header.Timestamp))
	})
	fresh.echo = true
	c := ofSignatures(r.onReply("signed-by-every-key", "a reply is signed by every key of the endpoint that is active, so that it can be verified with any", ofPGP, signedByEvery))
	c = append(c,
		r.onReply("recipients", "a reply is encrypted to keys of the network that are trusted, and to nobody else", ofEcho, toTrusted),
		r.onReply("content-type", "the content type says what the body is", r.either(ofPGP, ofJWE), saysContentType),
		fresh,
		Case{Name: "replies/retry", Demand: "the same requestId with a new timestamp, sealed anew, is answered again", Source: ofProtocol, Level: Demanded, echo: true, try: tryRetry},
	)
	if r.Network.format == keyset.OpenPGP {
		c = append(c, r.onReply("algorithms", "a reply is signed under SHA-384 or SHA-512, and encrypted under AES-256", ofPGP, strongEnough))
	}
	return append(c, r.unsigned(r.onReply("algorithms", "the content of a reply is encrypted under AES-CBC with HMAC", ofJWE, saysCBC))...)
}

func verdict(holds bool, saw string) (Outcome, string) {
	if holds {
		return Held, saw
	}
	return Failed, saw
}

// onReply judges the reply to a request that has to be answered.
func (r *run) onReply(name, demand, source string, want judge) Case {
	ask := by(first)
	if r.Network.format == keyset.OpenPGP {
		ask = by(first, second)
	}
	return r.onReplyTo(ask, name, demand, source, want)
}

// onReplyTo is onReply to a request of the caller's.
func (r *run) onReplyTo(ask sending, name, demand, source string, want judge) Case {
	return Case{Name: "replies/" + name, Demand: demand, Source: source, Level: Demanded, try: sends(func(r *run, x *exchange) (Outcome, string) {
		if out, saw := r.answered(x); out != Held {
			return out, saw
		}
		return want(r, x)
	}, ask)}
}

// signedByEvery holds in JOSE if the reply opened: a compact JWS has one signature.
func signedByEvery(r *run, x *exchange) (Outcome, string) {
	var by []keyset.ID
	for _, s := range x.message.Signers {
		by = append(by, s.ID)
	}
	if r.Network.format == keyset.JOSE {
		return Held, fmt.Sprintf("signed by %s", by)
	}
	for _, id := range r.partner.signs {
		if !slices.Contains(by, id) {
			return Failed, fmt.Sprintf("signed by %s, and not by %s", by, id)
		}
	}
	return Held, fmt.Sprintf("signed by %d keys", len(by))
}

// toTrusted compares whom the bytes name with the keys of the network that are trusted at
// this step.
func toTrusted(r *run, x *exchange) (Outcome, string) {
	if r.Network.format == keyset.JOSE {
		return Held, "encrypted to " + string(x.message.Decrypter.ID) // a compact JWE is to one key
	}
	outline, err := pgp.Inspect(x.answer.Body)
	if err != nil {
		return Failed, err.Error()
	}
	for _, to := range outline.Recipients {
		known := false
		for _, name := range r.step.keys {
			known = known || r.Network.parties[name].has(to)
		}
		if !known && strings.Trim(string(to), "0") != "" {
			return Failed, fmt.Sprintf("encrypted to %s, which is no key that is trusted now: %s", to, r.Network.nameOf(to))
		}
	}
	return Held, fmt.Sprintf("encrypted to %d keys that are trusted", len(outline.Recipients))
}

// has reports whether a key ID is one of the party's.
func (p *party) has(id keyset.ID) bool {
	ids := []string{p.entity.PrimaryKey.KeyIdString()}
	for _, s := range p.entity.Subkeys {
		ids = append(ids, s.PublicKey.KeyIdString())
	}
	return slices.ContainsFunc(ids, func(known string) bool { return strings.HasSuffix(string(id), known) })
}

func (n *Network) nameOf(id keyset.ID) string {
	for name, p := range n.parties {
		if p.entity != nil && p.has(id) {
			return name
		}
	}
	return "nobody's"
}

func saysContentType(r *run, x *exchange) (Outcome, string) {
	want := r.either(contentTypePGP, contentTypeJOSE)
	if x.answer.Header == nil {
		return NotApplicable, "there is no content type"
	}
	// As RFC 9110, section 8.3.1 compares them: names in any case, blanks or not.
	plain := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, " ", "")) }
	return verdict(plain(x.answer.ContentType) == plain(want), fmt.Sprintf("%.100q", x.answer.ContentType))
}

func strongEnough(_ *run, x *exchange) (Outcome, string) {
	var said []string
	strong := strings.HasPrefix(x.message.Content, "AES-256")
	for _, s := range x.message.Signers {
		strong = strong && (strings.HasSuffix(s.Algorithm, "/SHA-384") || strings.HasSuffix(s.Algorithm, "/SHA-512"))
		said = append(said, s.Algorithm)
	}
	return verdict(strong, fmt.Sprintf("%s, %s", strings.Join(said, ", "), x.message.Content))
}

func tryRetry(ctx context.Context, r *run) (Outcome, string, error) {
	q := newRequest("hello")
	for _, time := range []string{"the first time", "again"} {
		x, err := r.exchange(ctx, q, letter{by: []string{first}})
		if err != nil {
			return "", "", err
		}
		if out, saw := r.answered(x); out != Held {
			return out, time + ": " + saw, nil
		}
		q.at = q.at.Add(1e6)
	}
	return Held, "answered twice", nil
}

// sameToAStranger compares what two answers show without a key.
func sameToAStranger(a, b *exchange) (differs string) {
	switch {
	case (a.silent == nil) != (b.silent == nil):
		return "one is not answered at all"
	case a.answer.Status != b.answer.Status:
		return fmt.Sprintf("status %d and %d", a.answer.Status, b.answer.Status)
	case sameText(a, b) != "":
		return sameText(a, b)
	}
	for _, h := range []map[string][]string{a.answer.Header, b.answer.Header} {
		for name := range h {
			// What differs between any two answers tells nothing.
			if name != "Date" && name != "Content-Length" && !strings.Contains(strings.ToLower(name), "request-id") &&
				!slices.Equal(a.answer.Header[name], b.answer.Header[name]) {
				return fmt.Sprintf("header %.60q: %.60q and %.60q", name, a.answer.Header[name], b.answer.Header[name])
			}
		}
	}
	return ""
}

// sameText compares bodies. What is sealed says nothing.
func sameText(a, b *exchange) (differs string) {
	if bytes.Equal(a.answer.Body, b.answer.Body) || a.message != nil && b.message != nil {
		return ""
	}
	return fmt.Sprintf("body %.60q and %.60q", a.answer.Body, b.answer.Body)
}
