package envelopetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/keyset"
)

// A Fake is an [envelope.Streamer] and an [envelope.Readier] without cryptography. Two fakes of the same
// test open each other's messages. Every method panics outside of tests, and on
// a Fake that [New] did not make. It is safe for concurrent use.
type Fake struct {
	test      testing.TB
	own, peer *keyset.Ring // of NewPair; a fake of New has none

	mu       sync.Mutex
	reject   envelope.Reason
	fail     error
	failSeal error
	payloads []string
	replays  envelope.Replays
}

var (
	_ envelope.Streamer = (*Fake)(nil)
	_ envelope.Readier  = (*Fake)(nil)
)

// New returns a fake that signs and decrypts as the key "fake", in state
// Active.
func New(t testing.TB) *Fake {
	onlyInTests(t, "New")
	return &Fake{test: t}
}

func onlyInTests(t testing.TB, what string) {
	if !testing.Testing() || t == nil {
		panic("envelopetest: " + what + " outside of a test")
	}
}

// check panics where a fake would be taken for the real thing.
func (f *Fake) check() {
	if !testing.Testing() || f == nil || f.test == nil {
		panic("envelopetest: a Fake outside of a test, or one that New did not make")
	}
}

// header begins every message, for whoever finds one in a log.
const header = "envelopetest: neither signed nor encrypted\n"

// A wire is a message as text. The payload is a string where it can be.
type wire struct {
	Test    string            `json:"test"`
	Nonce   string            `json:"nonce,omitempty"`
	To      []keyset.ID       `json:"to,omitempty"`
	Text    string            `json:"text,omitempty"`
	Octets  []byte            `json:"octets,omitempty"`
	Header  map[string]any    `json:"header,omitempty"`
	Message *envelope.Message `json:"message"`
	Waived  [][2]string       `json:"waived,omitempty"`
}

// Key is how a fake appears among the signers of a message, and as its
// decrypter.
func (f *Fake) key(own bool, use keyset.Use) envelope.KeyUse {
	return envelope.KeyUse{ID: "fake", Own: own, Use: use, State: keyset.Active, Algorithm: "none"}
}

// Message returns what a message with this payload looks like when it is
// sealed by a partner with the given keys, for the input of a handler. Without
// signers, it is signed by "fake".
func (f *Fake) Message(payload string, signers ...envelope.KeyUse) []byte {
	f.check()
	if len(signers) == 0 {
		signers = []envelope.KeyUse{f.key(false, keyset.Signing)}
	}
	return f.MessageFrom(envelope.Message{Payload: []byte(payload), Signers: signers})
}

// MessageFrom returns what opens to m, for handlers that look at more than the
// payload and its signers. Where m leaves the decrypter, the format, the time, or
// the state of a key empty, the fake fills them in, and a digest for each signer that
// has none.
func (f *Fake) MessageFrom(m envelope.Message) []byte {
	f.check()
	return f.write(wire{}, m)
}

func (f *Fake) write(w wire, m envelope.Message) []byte {
	if m.Decrypter.ID == "" {
		m.Decrypter = f.key(true, keyset.Encryption)
	}
	m.Decrypter.State = orActive(m.Decrypter.State)
	m.Signers, m.Ignored = slices.Clone(m.Signers), slices.Clone(m.Ignored)
	for _, list := range [][]envelope.KeyUse{m.Signers, m.Ignored} {
		for i := range list {
			list[i].State = orActive(list[i].State)
		}
	}
	w.Test, w.Header, w.Message = f.test.Name(), m.Header, &m
	if w.Nonce == "" {
		w.Nonce = rand.Text()
	}
	for _, waiver := range m.Waived {
		w.Waived = append(w.Waived, [2]string{waiver.Name(), waiver.Reason()})
	}
	m.Waived = nil
	if utf8.Valid(m.Payload) {
		w.Text = string(m.Payload)
	} else {
		w.Octets = m.Payload
	}
	raw, err := json.MarshalIndent(w, "", "  ")
	if err != nil {
		f.test.Helper()
		f.test.Fatalf("envelopetest: the message cannot be written: %v", err)
	}
	raw = append(raw, '\n')
	return slices.Concat([]byte(header), []byte(checksum(raw)), []byte("\n"), raw)
}

// orActive is the state of a key of which the test says none.
func orActive(s keyset.State) keyset.State {
	if s == 0 {
		return keyset.Active
	}
	return s
}

// Seal implements [envelope.Envelope].
func (f *Fake) Seal(ctx context.Context, payload []byte) ([]byte, error) {
	f.check()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := errors.Join(f.fail, f.failSeal); err != nil {
		return nil, err
	}
	if f.own != nil {
		return f.sealWithRings(payload)
	}
	f.payloads = append(f.payloads, string(payload))
	return f.Message(string(payload)), nil
}

// Open implements [envelope.Envelope].
func (f *Fake) Open(ctx context.Context, sealed []byte) (*envelope.Message, error) {
	f.check()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.fail != nil:
		return nil, f.fail
	case f.reject != "":
		return nil, envelope.Reject(f.reject, errors.New("as the test asked for"))
	}
	m, to, err := f.decode(sealed)
	if err == nil && f.own != nil {
		err = f.judge(m, to)
	}
	if err == nil && f.replays != nil {
		err = f.remember(ctx, m)
	}
	if err != nil {
		return nil, err
	}
	f.record(m, to)
	return m, nil
}

// remember asks the memory of the fake as Open of a format does.
func (f *Fake) remember(ctx context.Context, m *envelope.Message) error {
	now := time.Now()
	s := envelope.Sighting{Made: now, Until: now.Add(time.Hour)}
	var keys []keyset.ID
	for _, u := range m.Signers {
		s.Digests, keys = append(s.Digests, u.Digest), append(keys, u.ID)
		if !u.Time.IsZero() && u.Time.Before(s.Made) {
			s.Made = u.Time
		}
	}
	return exchange.Remember(ctx, f.replays, s, keys...)
}

var errOtherTest = errors.New("a fake of another test made the message")

// decode reads a message, and the keys that it is for.
func (f *Fake) decode(sealed []byte) (m *envelope.Message, to []keyset.ID, err error) {
	raw, ok := bytes.CutPrefix(sealed, []byte(header))
	sum, raw, ok2 := bytes.Cut(raw, []byte("\n"))
	if !ok || !ok2 {
		return nil, nil, envelope.Reject(envelope.Malformed, errors.New("no fake made the message"))
	}
	if string(sum) != checksum(raw) {
		return nil, nil, envelope.Reject(envelope.Corrupt, errors.New("the message was changed: make it with Message or MessageFrom"))
	}
	var w wire
	if err := json.Unmarshal(raw, &w); err != nil || w.Message == nil {
		return nil, nil, envelope.Reject(envelope.Malformed, err)
	}
	if w.Test != f.test.Name() {
		return nil, nil, envelope.Reject(envelope.NotForUs, errOtherTest)
	}
	m = w.Message
	m.Payload, m.Header = []byte(w.Text), w.Header
	if w.Octets != nil {
		m.Payload = w.Octets
	}
	for i, u := range m.Signers {
		if u.Digest == [32]byte{} {
			m.Signers[i].Digest = exchange.Digest(string(u.ID), []byte(w.Nonce))
		}
	}
	for _, waiver := range w.Waived {
		m.Waived = append(m.Waived, envelope.NewWaiver(waiver[0], waiver[1]))
	}
	if m.SealedAs == "" {
		m.SealedAs = "fake"
	}
	if m.Opened.IsZero() {
		m.Opened = time.Now()
	}
	return m, w.To, nil
}

// checksum finds a message that a test changed, as a real one is found.
func checksum(raw []byte) string { return fmt.Sprintf("checksum %x", sha256.Sum256(raw)) }

// SealTo implements [envelope.Streamer].
func (f *Fake) SealTo(ctx context.Context, dst io.Writer, payload io.Reader) error {
	f.check()
	raw, err := io.ReadAll(payload)
	if err != nil {
		return err
	}
	sealed, err := f.Seal(ctx, raw)
	if err != nil {
		return err
	}
	_, err = dst.Write(sealed)
	return err
}

// OpenTo implements [envelope.Streamer].
func (f *Fake) OpenTo(ctx context.Context, dst io.Writer, sealed io.ReadSeeker) (*envelope.Message, error) {
	f.check()
	raw, err := io.ReadAll(sealed)
	if err != nil {
		return nil, err
	}
	m, err := f.Open(ctx, raw)
	if err != nil {
		return nil, err
	}
	payload := m.Payload
	m.Payload = nil
	if _, err := dst.Write(payload); err != nil {
		return nil, fmt.Errorf("envelopetest: %w", err)
	}
	return m, nil
}

// ContentType implements [envelope.Envelope].
func (f *Fake) ContentType() string {
	f.check()
	return "text/plain; charset=utf-8"
}

// Reject makes the next calls of Open reject the message for the reason, until
// it is called with "".
func (f *Fake) Reject(reason envelope.Reason) {
	f.check()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reject = reason
}

// Remember makes the next calls of Open ask r last, as the Replays of a Config: a
// message that is opened for a second time is rejected as [envelope.Replayed]. Every
// message that the fake makes is another one, whatever its payload is. A signer without
// a time signs when its message is opened. Open asks nobody after it was called with nil.
func (f *Fake) Remember(r envelope.Replays) {
	f.check()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.replays = r
}

// Fail makes the next calls of Seal and Open return err, until it is called
// with nil. Use an error wrapping [keyset.ErrUnavailable] for an outage.
func (f *Fake) Fail(err error) {
	f.check()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = err
}

// FailSeal makes the next calls of Seal alone return err, until it is called
// with nil.
func (f *Fake) FailSeal(err error) {
	f.check()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failSeal = err
}

// Payloads returns the payloads that were sealed, in order.
func (f *Fake) Payloads() []string {
	f.check()
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.payloads...)
}
