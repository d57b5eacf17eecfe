package pgp

import (
	"bytes"
	"io"
	"runtime"
	"sync"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/internal/openpgp"
)

// A content is what was encrypted, once all of it is known to be intact.
type content struct {
	plain []byte
	inner *inner  // of plain, if it was read already
	doc   *memory // of inner, with the hashes that were computed already
}

// decryptBody decrypts the whole of the encrypted data, and returns nothing of
// it unless it is intact (T1). It overwrites the data if it may.
func (e *Envelope) decryptBody(p openpgp.Packet, sk sessionKey, overwrite bool) (content, error) {
	var c content
	err := guard(func() (err error) {
		switch {
		case aead(p):
			c.plain, err = decryptAEAD(p, sk.key, overwrite)
		case p.Tag == openpgp.TagSEIPD:
			c, err = e.decryptSEIPDv1(p.Body[1:], sk, overwrite)
		default:
			c.plain, err = decryptSED(p, sk)
		}
		return err
	})
	if err != nil {
		return content{}, errIntegrity
	}
	return c, nil
}

// decryptSEIPDv1 decrypts and checks data of version 1, without its version.
func (e *Envelope) decryptSEIPDv1(data []byte, sk sessionKey, overwrite bool) (content, error) {
	if len(data) < cfbPrefix+cfbCode || len(sk.key) != sk.cipher.KeySize() {
		return content{}, errIntegrity
	}
	plain := data
	if !overwrite {
		plain = make([]byte, len(data))
	}
	if err := decryptCFB(&e.scratch, sk.key, plain, data); err != nil {
		return content{}, err
	}
	c := content{plain: plain[cfbPrefix : len(plain)-cfbCode]}
	good := false
	if len(plain) < large || runtime.GOMAXPROCS(0) < 2 {
		good = intact(plain)
	} else {
		var wg sync.WaitGroup
		wg.Go(func() { good = intact(plain) })
		err := guard(func() error { c.readAhead(e.maxSize); return nil })
		wg.Wait()
		if err != nil {
			return content{}, err
		}
	}
	if !good {
		return content{}, errIntegrity
	}
	return c, nil
}

// readAhead reads the plaintext, and hashes the payload as the signatures announce
// it, while the code that detects modifications is computed: nothing of this is
// used unless that is good. What is compressed is left for then.
func (c *content) readAhead(max int64) {
	rest := c.plain
	for range exchange.MaxSignatures {
		p, after, err := nextPacket(rest)
		if err != nil || p.Tag == openpgp.TagCompressed || p.Tag != openpgp.TagOnePass && p.Tag != openpgp.TagLiteral && p.Tag != openpgp.TagSignature {
			return
		}
		if p.Tag == openpgp.TagLiteral {
			break
		}
		rest = after
	}
	in, err := parseInner(c.plain, max)
	if err != nil {
		return // it is read again, and rejected, if it is intact
	}
	c.inner, c.doc = in, inMemory(in.payload)
	for _, raw := range in.signatures {
		if kind, ok := kindOf(raw); ok && len(c.doc.hashes) < maxAhead {
			c.doc.add(kind)
		}
	}
}

// maxAhead is how many hashes are computed before a message is known to be intact.
const maxAhead = 2

// decryptSED decrypts data without integrity protection, RFC 9580, Section 5.7.
func decryptSED(p openpgp.Packet, sk sessionKey) ([]byte, error) {
	parsed, err := parse(p)
	if err != nil {
		return nil, err
	}
	data, ok := parsed.(*packet.SymmetricallyEncrypted)
	if !ok {
		return nil, errIntegrity
	}
	r, err := data.Decrypt(sk.cipher, sk.key)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.Grow(len(p.Body) + bytes.MinRead)
	if _, err := io.Copy(&b, r); err != nil {
		return nil, err
	}
	return b.Bytes(), r.Close()
}
