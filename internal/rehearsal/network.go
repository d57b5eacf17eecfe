package rehearsal

import (
	"bytes"
	"context"
	"crypto"
	"fmt"
	"io"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/go-jose/go-jose/v4"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// lifetime is how long the keys of a rehearsal are good for. That of the one that has
// expired ended a day before it was made.
const (
	lifetime = 7 * 24 * time.Hour
	overFor  = 24 * time.Hour
)

// A Network has the keys with which a rehearsal plays the network.
type Network struct {
	format   keyset.Format
	profile  Profile
	made     time.Time
	parties  map[string]*party
	revision uint64
}

// A party is one key of the network in OpenPGP; in JOSE, one that signs, if anything is
// signed, and one that opens.
type party struct {
	files    []File
	material []keyset.Material // private
	entity   *openpgp.Entity   // OpenPGP
	sign     jose.JSONWebKey   // JOSE
}

// parts are the keys of a party in JOSE.
var parts = []part{{"sign", keyset.Signing}, {"open", keyset.Encryption}}

type part struct {
	name string
	use  keyset.Use
}

func (p part) file(party string) string { return party + "-" + p.name + ".jwk" }

// A File is a key as it is stored.
type File struct {
	Name string // "network-1.asc", "network-1-sign.jwk"
	Data []byte
}

// NewNetwork makes keys for a rehearsal of a profile with the partner, of the algorithms
// that the partner has itself. They are good for a week.
func NewNetwork(set *keyset.Set, profile Profile) (*Network, error) {
	p, err := readPartner(set, profile)
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC().Truncate(time.Second)
	var files []File
	for _, name := range []string{first, second, third, expired, revoked, stranger} {
		made, err := makeParty(p, name, now)
		if err != nil {
			return nil, fmt.Errorf("rehearsal: make %s: %w", name, err)
		}
		files = append(files, made...)
	}
	return ReadNetwork(set.Format(), profile, now, func(name string) ([]byte, error) {
		for _, f := range files {
			if f.Name == name {
				return f.Data, nil
			}
		}
		return nil, fmt.Errorf("rehearsal: %s was not made", name)
	})
}

func makeParty(p *partner, name string, now time.Time) ([]File, error) {
	if p.set.Format() == keyset.OpenPGP {
		raw, err := makeCertificate(p, name, now)
		return []File{{name + ".asc", raw}}, err
	}
	var files []File
	for _, part := range p.profile.parts() {
		alg := p.sign
		if part.use == keyset.Encryption {
			alg = jwe.Algorithm(p.open)
		}
		var b bytes.Buffer
		k, err := jwe.GenerateKey("rehearsal-"+name+"-"+part.name, alg)
		if err == nil {
			err = k.WriteInsecurePrivateJWK(&b)
		}
		if err != nil {
			return nil, err
		}
		files = append(files, File{part.file(name), b.Bytes()})
	}
	return files, nil
}

// makeCertificate makes them here, since package pgp makes none that have expired.
func makeCertificate(p *partner, name string, now time.Time) ([]byte, error) {
	made := now.Add(-time.Minute) // the clock of the endpoint may be behind ours
	if name == expired {
		made = now.Add(-overFor - lifetime)
	}
	c := &packet.Config{
		Time: func() time.Time { return made }, KeyLifetimeSecs: uint32(lifetime / time.Second),
		DefaultHash: crypto.SHA384, DefaultCipher: packet.CipherAES256,
		Algorithm: packet.PubKeyAlgoEdDSA, Curve: packet.Curve25519,
	}
	if p.rsa {
		c.Algorithm, c.RSABits = packet.PubKeyAlgoRSA, 3072
	}
	e, err := openpgp.NewEntity("Rehearsal", "", name+"@rehearsal.invalid", c)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w, err := armor.Encode(&b, openpgp.PrivateKeyType, nil)
	if err != nil {
		return nil, err
	}
	if err := e.SerializePrivate(w, c); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}

// ReadNetwork reads the keys of an earlier rehearsal, which was made at that time.
func ReadNetwork(format keyset.Format, profile Profile, made time.Time, read func(name string) ([]byte, error)) (*Network, error) {
	n := &Network{format: format, profile: profile, made: made, parties: map[string]*party{}}
	for _, name := range []string{first, second, third, expired, revoked, stranger} {
		p, err := readParty(format, profile, name, read)
		if err != nil {
			return nil, fmt.Errorf("rehearsal: %s: %w", name, err)
		}
		n.parties[name] = p
	}
	return n, nil
}

func readParty(format keyset.Format, profile Profile, name string, read func(string) ([]byte, error)) (*party, error) {
	p := &party{}
	file := func(name string) (io.Reader, error) {
		raw, err := read(name)
		p.files = append(p.files, File{name, raw})
		return bytes.NewReader(raw), err
	}
	if format == keyset.OpenPGP {
		r, err := file(name + ".asc")
		if err != nil {
			return nil, err
		}
		k, err := pgp.ReadKey(r)
		if err != nil {
			return nil, err
		}
		p.material = []keyset.Material{k}
		p.entity, err = readEntity(p.files[0].Data)
		return p, err
	}
	for _, part := range profile.parts() {
		r, err := file(part.file(name))
		if err != nil {
			return nil, err
		}
		k, err := jwe.ReadKey(r, part.use)
		if err != nil {
			return nil, err
		}
		p.material = append(p.material, k)
		if part.use == keyset.Signing {
			if err := p.sign.UnmarshalJSON(p.files[len(p.files)-1].Data); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

// Files are the private keys, as ReadNetwork reads them.
func (n *Network) Files() (files []File) {
	for _, p := range n.parties {
		files = append(files, p.files...)
	}
	return files
}

// Made is when the keys were made.
func (n *Network) Made() time.Time { return n.made }

// Over is when the keys end.
func (n *Network) Over() time.Time { return n.made.Add(lifetime - time.Minute) }

// private returns the keys of those names, with which replies are opened.
func (n *Network) private(names ...string) (*keyset.Set, error) {
	var keys []keyset.Key
	for _, name := range names {
		for _, m := range n.parties[name].material {
			keys = append(keys, keyset.Key{Material: m, State: keyset.Active})
		}
	}
	return keyset.New(1, keys...)
}

// writeRevocation writes the certificate of the key with its revocation: in OpenPGP.
func (n *Network) writeRevocation(ctx context.Context, w io.Writer, name string) error {
	return n.parties[name].material[0].(*pgp.Key).WriteRevocation(ctx, w, "a rehearsal")
}
