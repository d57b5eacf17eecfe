package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// A format is all that differs between OpenPGP and JOSE. Whatever else this
// program does, it does alike for both.
type format struct {
	title string
	note  string // how many keys seal one message

	// uses has one entry for each key of a party: a certificate that signs and
	// decrypts, or a key for each.
	uses []keyset.Use

	// generate makes the n-th key for a use. The first ones are RSA, as payment
	// networks ask for; what follows them is on curves.
	generate func(party string, use keyset.Use, n int) (keyset.Material, error)

	// handOver returns the document with the public half that the partner gets,
	// and receive reads it.
	handOver func(keyset.Material) ([]byte, error)
	receive  func([]byte) (keyset.Material, error)

	newEnvelope func(conversation) (envelope.Envelope, error)
}

// A conversation is what an envelope is made for: one direction of the requests
// between two parties, as one of them sees it.
type conversation struct {
	own, peer     keyset.Source
	self, partner string
	seal, open    string // contexts: "request", "reply"
	observe       envelope.Observer
}

// maxAge is how long a recorded message stays good for replaying.
const maxAge = 5 * time.Minute

const maxSize = 64 << 10

var formats = map[string][]*format{
	"pgp":  {openPGP},
	"jose": {jose},
	"both": {openPGP, jose},

	"openpgp-pq": {postQuantum()},
}

// postQuantum is OpenPGP from RSA to keys of RFC 9980, and back: what follows a key that was
// revoked is RSA again. For as long as one side has such keys and the other has not, messages
// go both ways; the keys that are not post-quantum end last.
func postQuantum() *format {
	f := *openPGP
	f.title = "OpenPGP, to post-quantum keys and back"
	f.generate = func(party string, _ keyset.Use, n int) (keyset.Material, error) {
		algorithm := pgp.RSA3072
		if n == 2 {
			algorithm = pgp.PostQuantum
		}
		return pgp.GenerateKey(keyName(party, n)+" <keys@"+party+".example>", algorithm, 365*24*time.Hour)
	}
	return &f
}

var openPGP = &format{
	title: "OpenPGP",
	note:  "A message has a signature by every active key: by two, while the next key is beside the old one.",
	uses:  []keyset.Use{keyset.Signing | keyset.Encryption},
	generate: func(party string, _ keyset.Use, n int) (keyset.Material, error) {
		algorithm := pgp.RSA3072
		if n > 1 {
			algorithm = pgp.Curve25519
		}
		return pgp.GenerateKey(keyName(party, n)+" <keys@"+party+".example>", algorithm, 365*24*time.Hour)
	},
	handOver: func(m keyset.Material) ([]byte, error) {
		var b bytes.Buffer
		err := m.(*pgp.Key).WriteCertificate(&b)
		return b.Bytes(), err
	},
	receive: func(document []byte) (keyset.Material, error) {
		return pgp.ReadKey(bytes.NewReader(document))
	},
	newEnvelope: func(c conversation) (envelope.Envelope, error) {
		return pgp.New(pgp.Config{
			Own: c.own, Peer: c.peer,
			SealContext: c.seal, OpenContext: c.open,
			RequireBound: true,
			MaxAge:       maxAge,
			MaxSize:      maxSize,
			Observe:      c.observe,
		})
	},
}

var jose = &format{
	title: "JOSE",
	note:  "A compact message has room for one signature and one recipient: to promote the next key is to change over.",
	uses:  []keyset.Use{keyset.Signing, keyset.Encryption},
	generate: func(party string, use keyset.Use, n int) (keyset.Material, error) {
		algorithm := map[keyset.Use]jwe.Algorithm{keyset.Signing: jwe.PS256, keyset.Encryption: jwe.RSAOAEP256}
		if n > 1 {
			algorithm = map[keyset.Use]jwe.Algorithm{keyset.Signing: jwe.ES256, keyset.Encryption: jwe.ECDHESA256KW}
		}
		return jwe.GenerateKey(keyName(party+"-"+use.String(), n), algorithm[use])
	},
	handOver: func(m keyset.Material) ([]byte, error) {
		var b bytes.Buffer
		err := m.(*jwe.Key).WritePublicJWK(&b)
		return b.Bytes(), err
	},
	receive: func(document []byte) (keyset.Material, error) {
		return jwe.ReadKey(bytes.NewReader(document), 0)
	},
	newEnvelope: func(c conversation) (envelope.Envelope, error) {
		return jwe.New(jwe.Config{
			Own: c.own, Peer: c.peer,
			Self: c.self, Partner: c.partner,
			SealContext: c.seal, OpenContext: c.open,
			RequireBound: true,
			MaxAge:       maxAge,
			MaxSize:      maxSize,
			Observe:      c.observe,
		})
	},
}

func keyName(what string, n int) string { return fmt.Sprintf("%s-%d", what, n) }

// label is what the timeline calls a key.
func label(m keyset.Material) string {
	name, _, _ := strings.Cut(m.Info().Name, " ")
	return name
}
