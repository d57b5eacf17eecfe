package jwe

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/keyset"
)

// Serializations, as [envelope.Outline].Encoding names them.
const (
	compact = "compact"
	inJSON  = "json" // general or flattened
)

var errTooMany = errors.New("more recipients or signatures than a message may have")

// A sealedToken is a JWE in any serialization: RFC 7516, Section 7.
type sealedToken struct {
	encoding   string
	header     *header // the protected one
	aad        []byte  // what the tag covers beside the ciphertext
	recipients []*recipient
	iv         []byte
	ciphertext []byte // as it was sent
	tag        []byte // as it was sent
}

// A recipient is one way to the content key.
type recipient struct {
	header *header // the protected one, with the parameters of the recipient
	key    []byte  // encrypted
	agreed *agreement
	err    error // why it cannot be read
}

// parseSealed parses the grammar of a JWE. It judges no algorithm.
func parseSealed(token []byte) (*sealedToken, error) {
	if isJSON(token) {
		return parseSealedJSON(token)
	}
	parts, err := split(token, 5)
	if err != nil {
		return nil, fmt.Errorf("not a JWE in compact serialization: %w", err)
	}
	t := &sealedToken{encoding: compact, aad: parts[0], ciphertext: parts[3], tag: parts[4]}
	if t.header, err = parseHeader(parts[0]); err != nil {
		return nil, err
	}
	key, err := decode(parts[1])
	if err != nil {
		return nil, fmt.Errorf("encrypted key: %w", err)
	}
	t.recipients = []*recipient{{header: t.header, key: key}}
	if t.iv, err = decode(parts[2]); err != nil {
		return nil, fmt.Errorf("IV: %w", err)
	}
	return t, nil
}

// bodySize is that of ciphertext and tag.
func (t *sealedToken) bodySize() int { return decodedLen(t.ciphertext) + decodedLen(t.tag) }

// decodeBody writes ciphertext and tag to body, one after the other.
func (t *sealedToken) decodeBody(body []byte) error {
	n := decodedLen(t.ciphertext)
	if err := decodeTo(body[:n], t.ciphertext); err != nil {
		return fmt.Errorf("ciphertext: %w", err)
	}
	if err := decodeTo(body[n:], t.tag); err != nil {
		return fmt.Errorf("tag: %w", err)
	}
	return nil
}

// names reports whether the message names the key, for whichever recipient.
func (t *sealedToken) names(entry keyset.Key) bool {
	return slices.ContainsFunc(t.recipients, func(r *recipient) bool { return r.header.names(entry) })
}

// A signedToken is a JWS in any serialization: RFC 7515, Section 7.
type signedToken struct {
	payload    []byte // as it was sent
	signatures []*signature
	compact    []byte // what is signed, as it was sent; nil in JSON
}

// A signature is one of a JWS.
type signature struct {
	protected []byte  // as it was sent
	header    *header // the protected one, with hints that are not
	octets    []byte
	digest    []byte // of what is signed, once it was computed
	err       error  // why it cannot be read
}

// parseSigned parses the grammar of a JWS in a layer. It judges no algorithm.
func (e *Envelope) parseSigned(token []byte, layer envelope.Layer) (*signedToken, error) {
	if e.c.Members && layer == envelope.Inner && hasMembers(token) {
		return parseSignedMembers(token)
	}
	if isJSON(token) {
		return parseSignedJSON(token)
	}
	parts, err := split(token, 3)
	if err != nil {
		return nil, fmt.Errorf("not a JWS in compact serialization: %w", err)
	}
	s := &signature{protected: parts[0]}
	if s.header, err = parseHeader(parts[0]); err != nil {
		return nil, err
	}
	if s.octets, err = decode(parts[2]); err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	return &signedToken{payload: parts[1], signatures: []*signature{s}, compact: token[:bytes.LastIndexByte(token, '.')]}, nil
}

// dot stands between the parts of what is signed: RFC 7515, Section 5.1.
var dot = []byte{'.'}

func checkCount(n int) error {
	if n > min(exchange.MaxRecipients, exchange.MaxSignatures) {
		return errTooMany
	}
	return nil
}

// malformed is the rejection of what does not parse.
func malformed(err error) error {
	if errors.Is(err, errTooMany) {
		return envelope.Reject(envelope.TooLarge, err)
	}
	return envelope.Reject(envelope.Malformed, err)
}
