package rehearsal

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha1"
	"errors"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"golang.org/x/crypto/cast5" //lint:ignore SA1019 an endpoint that accepts it is what is looked for
)

// sealPGP writes an OpenPGP message of packets that are made one by one: also those that a
// library refuses to make.
func (n *Network) sealPGP(l letter) ([]byte, error) {
	inner, err := n.signPGP(l)
	if err != nil || l.signedOnly {
		return inner, err
	}
	keySize, algorithm := 32, packet.CipherAES256
	if l.cast5 {
		keySize, algorithm = 16, packet.CipherCAST5
	}
	session := make([]byte, keySize)
	_, _ = rand.Read(session)
	var out bytes.Buffer
	for _, r := range l.to {
		k, ok := r.entity.EncryptionKey(time.Now(), nil)
		if !ok {
			return nil, errors.New("the key has no part to encrypt to")
		}
		if err := packet.SerializeEncryptedKeyAEADwithHiddenOption(&out, k.PublicKey, algorithm, false, session, l.hidden, nil); err != nil {
			return nil, err
		}
	}
	block, err := aes.NewCipher(session)
	if l.cast5 {
		block, err = cast5.NewCipher(session)
	}
	if err != nil {
		return nil, err
	}
	out.Write(encryptPGP(block, inner, l.unmarked))
	return out.Bytes(), nil
}

// encryptPGP returns the packet of the encrypted data: RFC 9580, section 5.13.1, or 5.7 if
// it is unmarked.
func encryptPGP(block cipher.Block, inner []byte, unmarked bool) []byte {
	prefix := make([]byte, block.BlockSize())
	_, _ = rand.Read(prefix)
	resync, tag, body := packet.OCFBNoResync, byte(18), []byte{1}
	if unmarked {
		resync, tag, body = packet.OCFBResync, 9, nil
	} else {
		inner = append(inner, 0xd3, 0x14)
		sum := sha1.New()
		sum.Write(prefix)
		sum.Write(prefix[len(prefix)-2:])
		sum.Write(inner)
		inner = sum.Sum(inner)
	}
	stream, head := packet.NewOCFBEncrypter(block, prefix, resync)
	stream.XORKeyStream(inner, inner)
	return pgpPacket(tag, append(append(body, head...), inner...))
}

func pgpPacket(tag byte, body []byte) []byte {
	n := len(body)
	return append([]byte{0xc0 | tag, 255, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, body...)
}

// signPGP returns what is encrypted: the payload between what its signatures begin and end
// with, the first outermost (RFC 9580, section 5.4).
func (n *Network) signPGP(l letter) ([]byte, error) {
	hash := l.hash
	if hash == 0 {
		hash = crypto.SHA384
	}
	var head, tail bytes.Buffer
	var ends [][]byte
	for i, name := range l.by {
		k := n.parties[name].entity.PrivateKey
		sig := &packet.Signature{Version: k.Version, SigType: packet.SigTypeBinary, PubKeyAlgo: k.PubKeyAlgo, Hash: hash,
			CreationTime: time.Now(), IssuerKeyId: &k.KeyId, IssuerFingerprint: k.Fingerprint}
		h, err := sig.PrepareSign(nil)
		if err != nil {
			return nil, err
		}
		h.Write(l.payload)
		if l.badSig {
			h.Write([]byte{0})
		}
		salted := hash != crypto.SHA1 // a random notation, so that no two are alike; there is none for it
		if err := sig.Sign(h, k, &packet.Config{NonDeterministicSignaturesViaNotation: &salted}); err != nil {
			return nil, err
		}
		var end bytes.Buffer
		if err := sig.Serialize(&end); err != nil {
			return nil, err
		}
		ends = append(ends, end.Bytes())
		begins := packet.OnePassSignature{Version: 3, SigType: packet.SigTypeBinary, Hash: hash, PubKeyAlgo: k.PubKeyAlgo, KeyId: k.KeyId, IsLast: i == len(l.by)-1}
		if err := begins.Serialize(&head); err != nil {
			return nil, err
		}
	}
	for i := range ends {
		tail.Write(ends[len(ends)-1-i])
	}
	literal := pgpPacket(11, append([]byte{'b', 0, 0, 0, 0, 0}, l.payload...))
	return bytes.Join([][]byte{head.Bytes(), literal, tail.Bytes()}, nil), nil
}
