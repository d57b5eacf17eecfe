package main

import (
	"bytes"
	"crypto"
	"errors"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	gopgp "github.com/ProtonMail/gopenpgp/v3/crypto"
	gopgpprofile "github.com/ProtonMail/gopenpgp/v3/profile"
)

// pgpGoCrypto uses the high-level functions of go-crypto as its documentation
// shows them, and base64.
func pgpGoCrypto(k pgpKeys, _ int) (implementation, error) {
	to, ring := openpgp.EntityList{k.decrypt}, openpgp.EntityList{k.decrypt, k.sign}
	return implementation{
		name: goCrypto,
		seal: func(payload []byte) ([]byte, error) { return goCryptoSeal(k, to, nil, payload) },
		open: func(sealed []byte) ([]byte, error) { return goCryptoOpen(k, ring, sealed) },
	}, nil
}

func goCryptoSeal(k pgpKeys, to, hidden []*openpgp.Entity, payload []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := openpgp.Encrypt(&b, to, hidden, []*openpgp.Entity{k.sign}, nil, k.config)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(payload); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return inBase64(b.Bytes()), nil
}

func inBase64(binary []byte) []byte {
	out := make([]byte, b64.EncodedLen(len(binary)))
	b64.Encode(out, binary)
	return out
}

func fromBase64(text []byte) ([]byte, error) {
	out := make([]byte, b64.DecodedLen(len(text)))
	_, err := b64.Decode(out, text)
	return out, err
}

func goCryptoOpen(k pgpKeys, ring openpgp.EntityList, sealed []byte) ([]byte, error) {
	binary, err := fromBase64(sealed)
	if err != nil {
		return nil, err
	}
	m, err := openpgp.ReadMessage(bytes.NewReader(binary), ring, nil, k.config)
	if err != nil {
		return nil, err
	}
	payload, err := io.ReadAll(m.UnverifiedBody)
	if err != nil {
		return nil, err
	}
	if m.SignatureError != nil || !m.IsVerified {
		return nil, errors.Join(errors.New("not verified"), m.SignatureError)
	}
	return payload, nil
}

// pgpGopenpgp uses gopenpgp as its documentation shows it, with handles that are
// made once, and base64.
func pgpGopenpgp(k pgpKeys, _ int) (implementation, error) {
	sign, err := gopgp.NewKeyFromEntity(k.sign)
	if err != nil {
		return implementation{}, err
	}
	decrypt, err := gopgp.NewKeyFromEntity(k.decrypt)
	if err != nil {
		return implementation{}, err
	}
	p := gopgpprofile.RFC4880()
	if k.config.V6Keys {
		p = gopgpprofile.RFC9580()
		p.AeadEncryption = k.config.AEADConfig
	}
	p.Hash, p.CipherEncryption, p.CompressionAlgorithm = crypto.SHA384, packet.CipherAES256, packet.CompressionNone
	handle := gopgp.PGPWithProfile(p)
	encryption, err := handle.Encryption().Recipient(decrypt).SigningKey(sign).New()
	if err != nil {
		return implementation{}, err
	}
	decryption, err := handle.Decryption().DecryptionKey(decrypt).VerificationKey(sign).New()
	if err != nil {
		return implementation{}, err
	}
	return implementation{
		name: gopenpgp,
		seal: func(payload []byte) ([]byte, error) {
			m, err := encryption.Encrypt(payload)
			if err != nil {
				return nil, err
			}
			return inBase64(m.Bytes()), nil
		},
		open: func(sealed []byte) ([]byte, error) {
			binary, err := fromBase64(sealed)
			if err != nil {
				return nil, err
			}
			m, err := decryption.Decrypt(binary, gopgp.Bytes)
			if err != nil {
				return nil, err
			}
			return m.Bytes(), m.SignatureError()
		},
	}, nil
}
