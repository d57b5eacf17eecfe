package jwe

import (
	"github.com/sealwax/sealwax/internal/base64url"
	"github.com/sealwax/sealwax/internal/exchange"
)

// signJSON appends the JWS in general JSON serialization to out, which has the
// room: RFC 7515, Section 7.2.1. Nothing in it needs an escape.
func (e *Envelope) signJSON(c *exchange.Call, signers []signer, payload, out []byte) ([]byte, error) {
	out = append(out, `{"payload":"`...)
	start := len(out)
	out = base64url.AppendEncode(out, payload)
	sent := out[start:]
	out = append(out, `","signatures":[`...)
	for i, s := range signers {
		octets, err := s.signature(c, s.alg.digest(s.protected, dot, sent))
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, `{"protected":"`...)
		out = append(out, s.protected...)
		out = append(out, `","signature":"`...)
		out = base64url.AppendEncode(out, octets)
		out = append(out, `"}`...)
	}
	return append(out, `]}`...), nil
}

// signMembers appends the JWS as an object of its parts to out, which has the room.
// Nothing in it needs an escape.
func (e *Envelope) signMembers(c *exchange.Call, s signer, payload, out []byte) ([]byte, error) {
	out = append(out, `{"header":"`...)
	out = append(out, s.protected...)
	out = append(out, `","payload":"`...)
	start := len(out)
	out = base64url.AppendEncode(out, payload)
	octets, err := s.signature(c, s.alg.digest(s.protected, dot, out[start:]))
	if err != nil {
		return nil, err
	}
	out = append(out, `","signature":"`...)
	out = base64url.AppendEncode(out, octets)
	return append(out, `"}`...), nil
}

// writeJSON returns the JWE in general JSON serialization: RFC 7516, Section
// 7.2.1. What differs between recipients cannot be protected.
func (e *Envelope) writeJSON(all []addressee, protected, iv, ciphertext, tag []byte) ([]byte, error) {
	var entries []byte
	_, common := commonAlgorithm(all)
	for i, a := range all {
		if i > 0 {
			entries = append(entries, ',')
		}
		entries = append(entries, '{')
		if len(all) > 1 {
			h := newWriter()
			if !common {
				h.text("alg", string(a.alg))
			}
			a.address(h)
			text, err := h.finish(nil)
			if err != nil {
				return nil, err
			}
			entries = append(entries, `"header":`...)
			entries = append(entries, text...)
			entries = append(entries, ',')
		}
		entries = append(entries, `"encrypted_key":"`...)
		entries = base64url.AppendEncode(entries, a.encrypted)
		entries = append(entries, `"}`...)
	}
	const members = `{"protected":"","recipients":[],"iv":"","ciphertext":"","tag":""}`
	out := make([]byte, 0, int64(len(members)+len(protected)+len(entries))+
		encoded(int64(len(iv)))+encoded(int64(len(ciphertext)))+encoded(int64(len(tag))))
	out = append(out, `{"protected":"`...)
	out = append(out, protected...)
	out = append(out, `","recipients":[`...)
	out = append(out, entries...)
	out = append(out, `],"iv":"`...)
	out = base64url.AppendEncode(out, iv)
	out = append(out, `","ciphertext":"`...)
	out = base64url.AppendEncode(out, ciphertext)
	out = append(out, `","tag":"`...)
	out = base64url.AppendEncode(out, tag)
	return append(out, `"}`...), nil
}
