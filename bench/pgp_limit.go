package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/binary"
	"time"
)

// A pgpBare is the limit of an OpenPGP profile. It writes every packet with a
// length of five bytes, so that everything but a short MPI lies where it always
// does. Payload is not copied but where a block or a chunk ends in it.
type pgpBare struct {
	sign   pgpSigning
	wrap   pgpWrapping
	data   pgpData
	v6     bool
	hashed []byte // the hashed part of a signature, from its version on
	names  []byte // how a one-pass signature names its key
	unsign []byte // the unhashed part of a signature

	head, tail, binary, text []byte
}

// A pgpSigning makes the algorithm-specific part of a signature.
type pgpSigning interface {
	algorithm() byte
	append(out, sum []byte) ([]byte, error)
	verify(sum, fields []byte) bool
}

// A pgpWrapping makes the body of a session key packet.
type pgpWrapping interface {
	append(out, session []byte) ([]byte, error)
	unwrap(body []byte) ([]byte, error)
}

// A pgpData makes the body of an encrypted data packet out of the pieces of what
// is in it, and what was in it out of the body.
type pgpData interface {
	append(out, session, head, payload, tail []byte) ([]byte, error)
	open(session, body []byte) ([]byte, error)
}

const (
	tagSession, tagSignature, tagOnePass, tagLiteral, tagData = 1, 2, 4, 11, 18

	header     = 6 // of every packet
	sha384     = 9 // in OpenPGP
	aes256     = 9
	saltSize   = 24 // of a signature of version 6 under SHA-384: RFC 9580, Section 9.5
	literal    = 6  // bytes before the payload
	sessionKey = 32
)

func pgpLimit(k pgpKeys, size int) (implementation, error) { return newPGPBare(k, size, 12) }

// newPGPBare returns the limit. Chunks of AEAD have 2^(6+chunk) bytes.
func newPGPBare(k pgpKeys, size int, chunk byte) (implementation, error) {
	l := &pgpBare{v6: k.config.V6Keys, head: make([]byte, 0, 1024), tail: make([]byte, 0, 4096)}
	l.binary = make([]byte, 0, size+size/1024+8192)
	l.text = make([]byte, b64.EncodedLen(cap(l.binary)))
	var err error
	if l.sign, l.wrap, err = k.bare(); err != nil {
		return implementation{}, err
	}
	if l.v6 {
		l.data = newAEADData(chunk)
	} else {
		l.data = newCFBData()
	}
	l.describe(k)
	return implementation{name: limit, seal: l.seal, open: l.open}, nil
}

// describe prepares what is the same in every signature: RFC 9580, Sections
// 5.2.3 and 5.4.
func (l *pgpBare) describe(k pgpKeys) {
	key := k.sign.PrimaryKey
	version, issuer := byte(4), append([]byte{22, 33, 4}, key.Fingerprint...)
	l.names = binary.BigEndian.AppendUint64(nil, key.KeyId)
	l.unsign = append([]byte{0, 10, 9, 16}, l.names...)
	if l.v6 {
		version, issuer = 6, append([]byte{34, 33, 6}, key.Fingerprint...)
		l.names = key.Fingerprint
		l.unsign = []byte{0, 0, 0, 0}
	}
	subpackets := append([]byte{5, 2}, binary.BigEndian.AppendUint32(nil, uint32(time.Now().Unix()))...)
	subpackets = append(subpackets, issuer...)
	l.hashed = []byte{version, 0, l.sign.algorithm(), sha384}
	if l.v6 {
		l.hashed = binary.BigEndian.AppendUint32(l.hashed, uint32(len(subpackets)))
	} else {
		l.hashed = binary.BigEndian.AppendUint16(l.hashed, uint16(len(subpackets)))
	}
	l.hashed = append(l.hashed, subpackets...)
}

// sum is what a signature is made of.
func (l *pgpBare) sum(salt, payload []byte) []byte {
	h := sha512.New384()
	h.Write(salt)
	h.Write(payload)
	h.Write(l.hashed)
	h.Write(binary.BigEndian.AppendUint32([]byte{l.hashed[0], 0xff}, uint32(len(l.hashed))))
	return h.Sum(nil)
}

func (l *pgpBare) seal(payload []byte) ([]byte, error) {
	var salt []byte
	if l.v6 {
		salt = make([]byte, saltSize)
		rand.Read(salt)
	}
	sum := l.sum(salt, payload)

	head := begin(l.head[:0], tagOnePass)
	head = append(head, 3, 0, sha384, l.sign.algorithm())
	if l.v6 {
		head[header] = 6
		head = append(append(head, saltSize), salt...)
	}
	head = append(append(head, l.names...), 1)
	head = begin(end(head, 0), tagLiteral)
	binary.BigEndian.PutUint32(head[len(head)-4:], uint32(literal+len(payload)))
	head = append(head, 'b', 0, 0, 0, 0, 0)

	tail := append(begin(l.tail[:0], tagSignature), l.hashed...)
	tail = append(append(tail, l.unsign...), sum[:2]...)
	if l.v6 {
		tail = append(append(tail, saltSize), salt...)
	}
	tail, err := l.sign.append(tail, sum)
	if err != nil {
		return nil, err
	}
	tail = end(tail, 0)

	session := make([]byte, sessionKey)
	rand.Read(session)
	out, err := l.wrap.append(begin(l.binary[:0], tagSession), session)
	if err != nil {
		return nil, err
	}
	out = end(out, 0)
	start := len(out)
	if out, err = l.data.append(begin(out, tagData), session, head, payload, tail); err != nil {
		return nil, err
	}
	out = end(out, start)
	return b64.AppendEncode(l.text[:0], out), nil
}

func (l *pgpBare) open(sealed []byte) ([]byte, error) {
	message, err := b64.AppendDecode(l.binary[:0], sealed)
	if err != nil {
		return nil, err
	}
	wrapped, rest := body(message)
	data, _ := body(rest)
	session, err := l.wrap.unwrap(wrapped)
	if err != nil {
		return nil, err
	}
	plain, err := l.data.open(session, data)
	if err != nil {
		return nil, err
	}
	onePass, rest := body(plain)
	content, rest := body(rest)
	signature, _ := body(rest)
	payload := content[literal:]
	var salt []byte
	if l.v6 {
		salt = onePass[5 : 5+saltSize]
	}
	sum := l.sum(salt, payload)
	fields := signature[len(l.hashed)+len(l.unsign):]
	if !bytes.Equal(fields[:2], sum[:2]) {
		return nil, errLimit
	}
	fields = fields[2:]
	if l.v6 {
		fields = fields[1+saltSize:]
	}
	if !l.sign.verify(sum, fields) {
		return nil, errLimit
	}
	return payload, nil
}

// begin appends the header of a packet, whose length end enters.
func begin(out []byte, tag byte) []byte { return append(out, 0xc0|tag, 0xff, 0, 0, 0, 0) }

func end(out []byte, start int) []byte {
	binary.BigEndian.PutUint32(out[start+2:], uint32(len(out)-start-header))
	return out
}

func body(in []byte) (body, rest []byte) {
	n := int(binary.BigEndian.Uint32(in[2:]))
	return in[header : header+n], in[header+n:]
}

// appendMPI writes a number, RFC 9580, Section 3.2.
func appendMPI(out, number []byte) []byte {
	number = bytes.TrimLeft(number, "\x00")
	bits := len(number) * 8
	for mask := byte(0x80); len(number) != 0 && number[0]&mask == 0; mask >>= 1 {
		bits--
	}
	return append(binary.BigEndian.AppendUint16(out, uint16(bits)), number...)
}

// readMPI returns a number as so many bytes.
func readMPI(in []byte, size int) (number, rest []byte) {
	n := (int(binary.BigEndian.Uint16(in)) + 7) / 8
	number = make([]byte, size)
	copy(number[size-n:], in[2:2+n])
	return number, in[2+n:]
}

// mdc is the header of a modification detection code, which covers it.
var mdc = []byte{0xd3, sha1.Size}
