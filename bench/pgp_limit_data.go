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

// cfbData is SEIPD of version 1: AES-256 in CFB mode with a modification
// detection code, RFC 9580, Section 5.13.1. It is composed of what the standard
// library does fastest. To encrypt: D = CBC(P) under the IV E(0) has D[i] =
// E(C[i]), and so C[i] = P[i] xor D[i-1]. To decrypt: blocks are independent.
type cfbData struct {
	stream []byte // a block of the key stream, and those of one step
	joined []byte // where pieces meet
	zero   [aes.BlockSize]byte
}

// cfbStep fits in the first cache beside what it is applied to.
const cfbStep = 8 << 10

func newCFBData() *cfbData {
	return &cfbData{stream: make([]byte, aes.BlockSize+cfbStep), joined: make([]byte, 0, 4096)}
}

func (c *cfbData) append(out, session, head, payload, tail []byte) ([]byte, error) {
	block, err := aes.NewCipher(session)
	if err != nil {
		return nil, err
	}
	var prefix [aes.BlockSize + 2]byte
	rand.Read(prefix[:aes.BlockSize])
	copy(prefix[aes.BlockSize:], prefix[aes.BlockSize-2:])
	h := sha1.New()
	for _, piece := range [][]byte{prefix[:], head, payload, tail, mdc} {
		h.Write(piece)
	}
	block.Encrypt(c.stream, c.zero[:])
	mode := cipher.NewCBCEncrypter(block, c.stream[:aes.BlockSize])

	out = append(out, 1)
	first := append(append(c.joined[:0], prefix[:]...), head...)
	n := min(len(payload), aes.BlockSize-len(first)%aes.BlockSize)
	first = append(first, payload[:n]...)
	payload = payload[n:]
	if whole := len(payload) &^ (aes.BlockSize - 1); whole != 0 {
		out = c.xor(out, mode, first)
		out = c.xor(out, mode, payload[:whole])
		payload, first = payload[whole:], c.joined[:0]
	}
	last := append(append(append(first, payload...), tail...), mdc...)
	return c.xor(out, mode, h.Sum(last)), nil
}

// xor appends the ciphertext of plain, which is whole blocks but at the end of
// the message. plain has room for another block behind it if it is not.
func (c *cfbData) xor(out []byte, mode cipher.BlockMode, plain []byte) []byte {
	for len(plain) != 0 {
		n := min(len(plain), cfbStep)
		whole := (n + aes.BlockSize - 1) &^ (aes.BlockSize - 1)
		mode.CryptBlocks(c.stream[aes.BlockSize:], plain[:whole])
		out = out[:len(out)+n]
		subtle.XORBytes(out[len(out)-n:], plain[:n], c.stream)
		copy(c.stream, c.stream[whole:whole+aes.BlockSize])
		plain = plain[n:]
	}
	return out
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
		copy(c.stream, c.stream[whole:whole+aes.BlockSize])
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
	header []byte // the octets before the salt, and with the packet type before them, the associated data
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
	total := len(head) + len(payload) + len(tail)
	index := 0
	seal := func(chunk []byte) {
		binary.BigEndian.PutUint64(nonce[4:], uint64(index))
		out = aead.Seal(out, nonce, chunk, a.header)
		index++
	}
	first := append(a.joined[:0], head...)
	n := min(len(payload), a.size-len(first))
	first, payload = append(first, payload[:n]...), payload[n:]
	for len(first) == a.size || len(first) == 0 && len(payload) >= a.size {
		if len(first) != 0 {
			seal(first)
			first = a.joined[:0]
			continue
		}
		seal(payload[:a.size])
		payload = payload[a.size:]
	}
	for rest := append(first, payload...); len(rest)+len(tail) != 0; rest = a.joined[:0] {
		n := min(len(tail), a.size-len(rest))
		rest, tail = append(rest, tail[:n]...), tail[n:]
		seal(rest)
	}
	binary.BigEndian.PutUint64(nonce[4:], uint64(index))
	return aead.Seal(out, nonce, nil, binary.BigEndian.AppendUint64(a.header[:len(a.header):len(a.header)], uint64(total))), nil
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
		binary.BigEndian.PutUint64(nonce[4:], uint64(index))
		// In place, and then to where the tag of the chunk before was.
		plain, err := aead.Open(in[:0], nonce, in[:n], a.header)
		if err != nil {
			return nil, err
		}
		out, in = append(out, plain...), in[n:]
	}
	binary.BigEndian.PutUint64(nonce[4:], uint64(index))
	_, err = aead.Open(nil, nonce, final, binary.BigEndian.AppendUint64(a.header[:len(a.header):len(a.header)], uint64(len(out))))
	return out, err
}

// keys derives the message key and the nonce, whose last 8 octets are an index.
func (a *aeadData) keys(session, salt []byte) (cipher.AEAD, []byte, error) {
	derived, err := hkdf.Key(sha256.New, session, salt, string(a.header), sessionKey+4)
	if err != nil {
		return nil, nil, err
	}
	aead, err := newGCM(derived[:sessionKey])
	return aead, append(derived[sessionKey:], make([]byte, 8)...), err
}
