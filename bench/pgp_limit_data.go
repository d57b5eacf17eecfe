package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
)

// A pieces is a message in parts. Its bytes are copied only where what is taken
// lies in several parts.
type pieces struct {
	parts  [][]byte
	joined []byte
}

func (p *pieces) len() int {
	n := 0
	for _, part := range p.parts {
		n += len(part)
	}
	return n
}

// take returns the next n bytes, until the next call.
func (p *pieces) take(n int) []byte {
	if len(p.parts[0]) >= n {
		return p.cut(n)
	}
	out := p.joined[:0]
	for len(out) < n {
		out = append(out, p.cut(min(n-len(out), len(p.parts[0])))...)
	}
	return out
}

func (p *pieces) cut(n int) []byte {
	out := p.parts[0][:n]
	if p.parts[0] = p.parts[0][n:]; len(p.parts[0]) == 0 {
		p.parts = p.parts[1:]
	}
	return out
}

// cfbData is SEIPD of version 1: AES-256 in CFB mode with a modification
// detection code, RFC 9580, Section 5.13.1. It is composed of what the standard
// library does fastest. To encrypt: D = CBC(P) under the IV E(0) has D[i] =
// E(C[i]), and so C[i] = P[i] xor D[i-1]. To decrypt: blocks are independent.
type cfbData struct {
	stream []byte // a block of the key stream, and those of one step
	joined []byte
	zero   [aes.BlockSize]byte
}

// cfbStep fits in the first cache beside what it is applied to.
const cfbStep = 8 << 10

func newCFBData() *cfbData {
	return &cfbData{stream: make([]byte, aes.BlockSize+cfbStep), joined: make([]byte, 0, cfbStep)}
}

func (c *cfbData) append(out, session, head, payload, tail []byte) ([]byte, error) {
	block, err := aes.NewCipher(session)
	if err != nil {
		return nil, err
	}
	var prefix [aes.BlockSize + 2]byte
	rand.Read(prefix[:aes.BlockSize])
	copy(prefix[aes.BlockSize:], prefix[aes.BlockSize-2:])
	parts := [][]byte{prefix[:], head, payload, tail, mdc}
	h := sha1.New()
	for _, part := range parts {
		h.Write(part)
	}
	block.Encrypt(c.stream, c.zero[:])
	mode := cipher.NewCBCEncrypter(block, c.stream[:aes.BlockSize])
	out = append(out, 1)
	plain := pieces{append(parts, h.Sum(nil)), c.joined}
	for left := plain.len(); left > 0; left -= cfbStep {
		n := min(left, cfbStep)
		p := plain.take(n)
		whole := n
		if n%aes.BlockSize != 0 { // at the end: the block is filled with anything
			whole = n + aes.BlockSize - n%aes.BlockSize
			p = append(c.joined[:0], p...)[:whole]
		}
		mode.CryptBlocks(c.stream[aes.BlockSize:], p[:whole])
		out = out[:len(out)+n]
		subtle.XORBytes(out[len(out)-n:], p[:n], c.stream)
		copy(c.stream, c.stream[whole:][:aes.BlockSize])
	}
	return out, nil
}

func (c *cfbData) open(session, body []byte) ([]byte, error) {
	block, err := aes.NewCipher(session)
	if err != nil {
		return nil, err
	}
	in := body[1:]
	block.Encrypt(c.stream, c.zero[:])
	for rest := in; len(rest) != 0; {
		n := min(len(rest), cfbStep)
		whole := n &^ (aes.BlockSize - 1)
		for i := 0; i < whole; i += aes.BlockSize {
			block.Encrypt(c.stream[aes.BlockSize+i:], rest[i:])
		}
		subtle.XORBytes(rest[:n], rest[:n], c.stream)
		copy(c.stream, c.stream[whole:][:aes.BlockSize])
		rest = rest[n:]
	}
	plain, code := in[:len(in)-sha1.Size], in[len(in)-sha1.Size:]
	if sum := sha1.Sum(plain); subtle.ConstantTimeCompare(sum[:], code) != 1 {
		return nil, errLimit
	}
	return plain[aes.BlockSize+2 : len(plain)-len(mdc)], nil
}

// aeadData is SEIPD of version 2 with AES-256 in GCM, RFC 9580, Section 5.13.2.
type aeadData struct {
	header []byte // the bytes before the salt, and with the packet type before them, the associated data
	size   int    // of a chunk
	joined []byte
}

func newAEADData(chunk byte) *aeadData {
	size := 1 << (6 + chunk)
	return &aeadData{header: []byte{0xc0 | tagData, 2, aes256, 3, chunk}, size: size, joined: make([]byte, 0, size)}
}

const aeadSalt = 32

func (a *aeadData) append(out, session, head, payload, tail []byte) ([]byte, error) {
	var salt [aeadSalt]byte
	rand.Read(salt[:])
	aead, nonce, err := a.keys(session, salt[:])
	if err != nil {
		return nil, err
	}
	out = append(append(out, a.header[1:]...), salt[:]...)
	plain := pieces{[][]byte{head, payload, tail}, a.joined}
	total := plain.len()
	index := 0
	for left := total; left > 0; left -= a.size {
		out = aead.Seal(out, at(nonce, index), plain.take(min(left, a.size)), a.header)
		index++
	}
	return aead.Seal(out, at(nonce, index), nil, a.final(total)), nil
}

// at returns the nonce of a chunk.
func at(nonce []byte, index int) []byte {
	binary.BigEndian.PutUint64(nonce[4:], uint64(index))
	return nonce
}

// final is the associated data of the last tag.
func (a *aeadData) final(total int) []byte {
	return binary.BigEndian.AppendUint64(a.header[:len(a.header):len(a.header)], uint64(total))
}

func (a *aeadData) open(session, body []byte) ([]byte, error) {
	prefix := len(a.header) - 1
	aead, nonce, err := a.keys(session, body[prefix:prefix+aeadSalt])
	if err != nil {
		return nil, err
	}
	in := body[prefix+aeadSalt:]
	in, final := in[:len(in)-aead.Overhead()], in[len(in)-aead.Overhead():]
	out := in[:0]
	index := 0
	for ; len(in) != 0; index++ {
		n := min(len(in), a.size+aead.Overhead())
		// In place, and then to where the tag of the chunk before was.
		plain, err := aead.Open(in[:0], at(nonce, index), in[:n], a.header)
		if err != nil {
			return nil, err
		}
		out, in = append(out, plain...), in[n:]
	}
	_, err = aead.Open(nil, at(nonce, index), final, a.final(len(out)))
	return out, err
}

// keys derives the message key and the nonce, whose last 8 bytes are an index.
func (a *aeadData) keys(session, salt []byte) (cipher.AEAD, []byte, error) {
	derived, err := hkdf.Key(sha256.New, session, salt, string(a.header), sessionKey+4)
	if err != nil {
		return nil, nil, err
	}
	aead, err := newGCM(derived[:sessionKey])
	return aead, append(derived[sessionKey:], make([]byte, 8)...), err
}
