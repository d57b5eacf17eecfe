package rehearsal

import (
	"bytes"
	"context"
	"crypto"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/sealwax/sealwax/keyset"
)

// invalidCases are messages that have to be rejected.
func invalidCases(r *run) []Case {
	reject := func(name, demand, source string, letters ...sending) Case {
		return Case{Name: "invalid/" + name, Demand: demand, Source: source, Level: Demanded, try: sends(rejects, letters...)}
	}
	changed := func(change func(*letter)) sending {
		l := letter{by: []string{first}}
		change(&l)
		return sending{letter: l}
	}
	const signed = "at least one signature by a key that was handed over is demanded"
	c := ofSignatures(
		reject("unsigned", signed+": a message without any is rejected", ofEcho, by()),
		reject("signed-only", "a message that is not encrypted is rejected", ofPGP, changed(func(l *letter) { l.signedOnly = true })),
		reject("stranger", signed+": one by a stranger is rejected", ofEcho, by(stranger)),
		reject("bad-signature", "a signature that does not verify counts as none", ofEcho, changed(func(l *letter) { l.badSig = true })),
		reject("expired", "a signature by a key that has expired counts as none", ofEcho, by(expired)),
		reject("revoked", "a signature by a key that was revoked counts as none", ofEcho, by(revoked)),
	)
	c = append(c,
		r.toStranger(),
		Case{Name: "invalid/damaged", Demand: "a message of which any part was changed is rejected", Source: r.either(ofRFC9580, ofRFC7516), Level: Demanded, try: tryDamaged},
	)
	if r.Network.format == keyset.OpenPGP {
		c = append(c,
			reject("sha1", "signatures under SHA-1 count as none", ofPGP, changed(func(l *letter) { l.hash = crypto.SHA1 })),
			reject("cast5", "content under CAST5 is rejected", ofPGP, changed(func(l *letter) { l.cast5 = true })),
			reject("no-integrity", "content that anybody can change on the way is rejected", ofRFC9580+", section 5.7", changed(func(l *letter) { l.unmarked = true })),
		)
	} else {
		c = append(c, ofSignatures(
			reject("alg-none", `a JWS whose "alg" is none is rejected`, ofRFC8725+", section 3.2", changed(func(l *letter) { l.signAs = "none" })),
			reject("alg-confusion", "a MAC under a public key is rejected", ofRFC8725+", section 2.1", changed(func(l *letter) { l.signAs = "HS256" })),
			reject("carried-key", "a key that a message brings along is not trusted", ofRFC8725+", section 3.10", sending{letter: letter{by: []string{stranger}, carried: true}}),
		)...)
	}
	whole := func(name, demand string, level Level, body func(good Message) Message) Case {
		return Case{Name: "invalid/" + name, Demand: demand, Source: ofEcho, Level: level, try: func(ctx context.Context, r *run) (Outcome, string, error) {
			q := newRequest("hello")
			good, err := r.seal(letter{payload: []byte(q.text()), by: []string{first}})
			if err != nil {
				return "", "", err
			}
			x, err := r.deliver(ctx, q, body(good))
			if err != nil {
				return "", "", err
			}
			out, saw := r.rejected(x)
			return out, saw, nil
		}}
	}
	with := func(m Message, body []byte) Message { return Message{body, m.ContentType} }
	c = append(c,
		whole("truncated", "a message without its end is rejected", Demanded, func(m Message) Message { return with(m, m.Body[:len(m.Body)-len(m.Body)/20]) }),
		whole("other-format", "a message in the other format is rejected", Demanded, func(m Message) Message { return with(m, r.otherFormat()) }),
		whole("not-base64", "what is not base64url is rejected", Demanded, func(m Message) Message { return with(m, append([]byte("%&/ "), m.Body...)) }),
		whole("empty", "an empty body is rejected", Demanded, func(m Message) Message { return with(m, nil) }),
		whole("one-byte", "a body of one byte is rejected", Demanded, func(m Message) Message { return with(m, []byte("x")) }),
		whole("plain", "a request in the clear is rejected", Demanded, func(m Message) Message { return with(m, []byte(newRequest("hello").text())) }),
		Case{Name: "invalid/too-large", Demand: "what is larger than any request is rejected, and costs nothing", Source: ofNobody, Level: Advice, try: tryTooLarge},
		// Where the transport authenticates, nobody but the network can send anything twice.
		Case{Name: "invalid/replayed", Demand: "the same bytes are accepted once", Source: ofNobody, Level: Advice, try: tryReplayed, signing: true},
		Case{Name: "invalid/reflected", Demand: "the endpoint's own reply is no request", Source: ofNobody, Level: Advice, try: tryReflected},
	)
	return append(c, r.unsigned(
		Case{Name: "invalid/bomb", Demand: "what becomes larger than any request is rejected, however short it is while it is compressed", Source: ofNobody, Level: Advice, try: tryBomb},
	)...)
}

func (r *run) either(openPGP, jose string) string {
	if r.Network.format == keyset.OpenPGP {
		return openPGP
	}
	return jose
}

// toStranger is a message that is for somebody else.
func (r *run) toStranger() Case {
	c := Case{Name: "invalid/to-stranger", Demand: "a message to somebody else is rejected", Source: ofEcho, Level: Demanded}
	c.try = func(ctx context.Context, r *run) (Outcome, string, error) {
		to, err := r.Network.strangersOwn()
		if err != nil {
			return "", "", err
		}
		return sends(rejects, sending{letter: letter{by: []string{first}, to: []recipient{to}}})(ctx, r)
	}
	return c
}

// strangersOwn is a key that nobody has handed over, to encrypt to.
func (n *Network) strangersOwn() (recipient, error) {
	for _, m := range n.parties[stranger].material {
		if m.Info().Use&keyset.Encryption != 0 {
			return readRecipient(keyset.Key{Material: m.Public()})
		}
	}
	return recipient{}, fmt.Errorf("the stranger has no key")
}

// otherFormat is how the other format begins, and goes on.
func (r *run) otherFormat() []byte {
	if r.Network.format == keyset.JOSE {
		return encoded(append([]byte{0x85, 0x01, 0x0c, 0x03}, bytes.Repeat([]byte{7}, 400)...))
	}
	part := strings.Repeat("QUJD", 40)
	return []byte("eyJhbGciOiJSU0EtT0FFUC0yNTYiLCJlbmMiOiJBMjU2R0NNIn0." + part + "." + part[:16] + "." + part + "." + part[:22])
}

// damaged are the parts of a message, each changed in turn.
func (r *run) damaged(m Message) (what []string, out []Message) {
	add := func(part string, body []byte) {
		what, out = append(what, part), append(out, Message{body, m.ContentType})
	}
	if r.Network.format == keyset.JOSE {
		parts := strings.Split(string(m.Body), ".")
		for i, name := range []string{"the header", "the encrypted key", "the initialization vector", "the content", "the tag"} {
			if parts[i] == "" {
				continue
			}
			changed := append([]string{}, parts...)
			at := len(parts[i]) / 2
			changed[i] = parts[i][:at] + flipped(parts[i][at:at+1]) + parts[i][at+1:]
			add(name, []byte(strings.Join(changed, ".")))
		}
		return what, out
	}
	raw, err := base64.RawURLEncoding.DecodeString(string(m.Body))
	if err != nil {
		panic(err) // it was encoded here
	}
	data := dataPacket(raw)
	for _, p := range []struct {
		name string
		at   int
	}{{"the encrypted session key", data - 9}, {"the packet of the data", data}, {"the content", (data + len(raw)) / 2}, {"the modification detection code", len(raw) - 1}} {
		changed := bytes.Clone(raw)
		changed[p.at] ^= 0x10
		add(p.name, encoded(changed))
	}
	return what, out
}

// dataPacket returns where the encrypted data begin: the packet that ends with the message.
func dataPacket(raw []byte) int {
	for i := range len(raw) - 6 {
		if raw[i] == 0xd2 && raw[i+1] == 255 && binary.BigEndian.Uint32(raw[i+2:]) == uint32(len(raw)-i-6) {
			return i
		}
	}
	panic("rehearsal: no data in a message of ours")
}

func tryDamaged(ctx context.Context, r *run) (Outcome, string, error) {
	q := newRequest("hello")
	good, err := r.seal(letter{payload: []byte(q.text()), by: []string{first}, to: r.partner.opening[:1]})
	if err != nil {
		return "", "", err
	}
	what, messages := r.damaged(good)
	for i, m := range messages {
		x, err := r.deliver(ctx, q, m)
		if err != nil {
			return "", "", err
		}
		if out, saw := r.rejected(x); out != Held {
			return out, what[i] + ": " + saw, nil
		}
	}
	return Held, fmt.Sprintf("rejected, %d parts", len(messages)), nil
}

const tooLarge = 24 << 20 // bytes

func tryTooLarge(ctx context.Context, r *run) (Outcome, string, error) {
	q := newRequest("hello")
	m := Message{bytes.Repeat([]byte("QUJD"), tooLarge/4), r.either(contentTypePGP, contentTypeJOSE)}
	x, err := r.deliver(ctx, q, m)
	if err != nil {
		return "", "", err
	}
	if x.silent != nil {
		return Held, "the connection was closed", nil
	}
	out, saw := r.rejected(x)
	return out, saw, nil
}

func tryReplayed(ctx context.Context, r *run) (Outcome, string, error) {
	q := newRequest("hello")
	m, err := r.seal(letter{payload: r.payload(q), by: []string{first}})
	if err != nil {
		return "", "", err
	}
	x, err := r.deliver(ctx, q, m)
	if err != nil {
		return "", "", err
	}
	if out, saw := r.answered(x); out != Held {
		return out, "the first time: " + saw, nil
	}
	if x, err = r.deliver(ctx, q, m); err != nil {
		return "", "", err
	}
	out, saw := r.rejected(x)
	return out, "the second time: " + saw, nil
}

func tryReflected(ctx context.Context, r *run) (Outcome, string, error) {
	x, err := r.exchange(ctx, newRequest("hello"), letter{by: []string{first}})
	if err != nil {
		return "", "", err
	}
	if out, saw := r.answered(x); out != Held {
		return out, "there is no reply to send back: " + saw, nil
	}
	again := newRequest("never sent")
	back, err := r.deliver(ctx, again, Message{x.answer.Body, r.either(contentTypePGP, contentTypeJOSE)})
	if err != nil {
		return "", "", err
	}
	out, saw := r.rejected(back)
	return out, saw, nil
}

func (r *run) payload(q request) []byte {
	if r.Payload != nil {
		return r.Payload
	}
	return []byte(q.text())
}
