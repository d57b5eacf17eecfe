package cert

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/internal/openpgp"
	remotely "github.com/sealwax/sealwax/internal/remote"
)

// A Certificate is a transferable key as it was read, RFC 9580, Section 10.1:
// its packets unchanged, so that copies can be merged and nothing is lost or
// signed again when it is written. It is immutable once it has been read.
type Certificate struct {
	primary Part
	users   []User
	subkeys []Part
	loose   []selfSig // bindings and revocations of subkeys that stand elsewhere, until verify finds their places
}

// A Part is the primary key or a subkey with the signatures on it.
type Part struct {
	raw    openpgp.Packet // the public key packet
	stub   openpgp.Packet // the secret key packet of GnuPG that says that the private half is elsewhere, if it is
	pub    *packet.PublicKey
	priv   *packet.PrivateKey // nil without a private half in this process
	remote *remotely.Key      // nil without a private half elsewhere
	sigs   []selfSig          // direct-key signatures, bindings, revocations
}

// A User is a User ID or a User Attribute.
type User struct {
	raw  openpgp.Packet
	sigs []selfSig
}

var (
	errNoCertificate = errors.New("no OpenPGP certificate")
	ErrLocked        = errors.New("the private half is locked with a passphrase")
)

// Read reads a sequence of transferable keys, and merges copies of one
// certificate. passphrase unlocks private halves; it is nil if none may be locked.
func Read(in []byte, passphrase []byte) ([]*Certificate, error) {
	var all []*Certificate
	r := certReader{passphrase: passphrase}
	for len(in) != 0 {
		p, rest, err := nextPacket(in)
		if err != nil {
			return nil, r.fail(len(all), err)
		}
		in = rest
		if p.Tag == openpgp.TagPublicKey || p.Tag == openpgp.TagSecretKey {
			if err := r.finish(&all); err != nil {
				return nil, err
			}
		}
		if err := r.add(p); err != nil {
			return nil, r.fail(len(all), err)
		}
	}
	if err := r.finish(&all); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, errNoCertificate
	}
	refile(all)
	all, err := mergeCopies(all)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		if err := c.verify(); err != nil {
			return nil, fmt.Errorf("certificate %s: %w", Fingerprint(c.primary.pub), err)
		}
	}
	return all, nil
}

// A certReader collects the packets of one certificate.
type certReader struct {
	passphrase []byte
	cert       *Certificate
	on         *[]selfSig // where the next certification or binding goes; nil drops it
	user       bool       // on is that of a User ID
}

// fail names the certificate that could not be read, by its place and, if its
// key was, by its fingerprint.
func (r *certReader) fail(n int, err error) error {
	if r.cert != nil {
		return fmt.Errorf("certificate %d (%s): %w", n+1, Fingerprint(r.cert.primary.pub), err)
	}
	return fmt.Errorf("certificate %d: %w", n+1, err)
}

func (r *certReader) finish(all *[]*Certificate) error {
	if r.cert == nil {
		return nil
	}
	if len(*all) == maxKeys {
		return fmt.Errorf("more than %d certificates", maxKeys)
	}
	*all = append(*all, r.cert)
	*r = certReader{passphrase: r.passphrase}
	return nil
}

func (r *certReader) add(p openpgp.Packet) error {
	switch p.Tag {
	case openpgp.TagPublicKey, openpgp.TagSecretKey, openpgp.TagPublicSubkey, openpgp.TagSecretSubkey:
		return r.key(p)
	}
	if r.cert == nil {
		if openpgp.Void(p.Tag) {
			return nil
		}
		return errNoCertificate
	}
	switch {
	case p.Tag == openpgp.TagUserID || p.Tag == openpgp.TagUserAttribute:
		// A pointer into a slice that grows: on is set again with each user.
		r.cert.users = append(r.cert.users, User{raw: p})
		r.on, r.user = &r.cert.users[len(r.cert.users)-1].sigs, true
	case p.Tag == openpgp.TagSignature:
		r.file(newSelfSig(p, r.cert.primary.pub))
	case p.Tag == openpgp.TagTrust, openpgp.Void(p.Tag):
		// Trust packets are what programs keep for themselves.
	default:
		return fmt.Errorf("packet of type %d inside a certificate", p.Tag)
	}
	return nil
}

// file puts a signature where its type belongs, wherever it stands: "cat
// certificate.asc revocation.asc" is a certificate too.
func (r *certReader) file(s selfSig) {
	switch s.info.kind {
	case sigDirectKey, sigKeyRevocation:
		r.cert.primary.sigs = append(r.cert.primary.sigs, s)
	case sigSubkeyBinding, sigSubkeyRevocation:
		if r.on != nil && (r.user || r.on == &r.cert.primary.sigs) {
			r.cert.loose = append(r.cert.loose, s)
			return
		}
		fallthrough
	default:
		if r.on != nil {
			*r.on = append(*r.on, s)
		}
	}
}

func (r *certReader) key(p openpgp.Packet) error {
	subkey := p.Tag == openpgp.TagPublicSubkey || p.Tag == openpgp.TagSecretSubkey
	if subkey && r.cert == nil {
		return errNoCertificate
	}
	k, err := newPart(p, r.passphrase)
	if err != nil {
		if subkey && passedOver(p, err) {
			r.on = nil
			return nil
		}
		return err
	}
	if !subkey {
		r.cert = &Certificate{primary: k}
		r.on, r.user = &r.cert.primary.sigs, false
		return nil
	}
	if len(r.cert.subkeys) == maxSubkeys {
		return fmt.Errorf("more than %d subkeys", maxSubkeys)
	}
	r.cert.subkeys = append(r.cert.subkeys, k)
	r.on, r.user = &r.cert.subkeys[len(r.cert.subkeys)-1].sigs, false
	return nil
}

// passedOver reports whether a certificate can do without a subkey that cannot
// be read: one of a kind that we do not know, or a public one that makes no
// sense, which anyone can add to a certificate. A private one was damaged (T25).
func passedOver(p openpgp.Packet, err error) bool {
	if errors.Is(err, ErrLocked) || errors.Is(err, errPassphrase) || errors.Is(err, errScheme) {
		return false
	}
	return errors.Is(err, errUnsupportedKey) || errors.Is(err, errKeyVersion) || p.Tag == openpgp.TagPublicSubkey
}

var (
	errPassphrase = errors.New("the passphrase does not unlock the private half")
	errKeyVersion = errors.New("key of a version that is not supported")
	errDamagedKey = errors.New("damaged key packet")

	errUnsupportedKey = errors.New("key of a kind that is not supported")
)

// Write writes c, with the private halves if it has any and private is set.
func (c *Certificate) Write(w io.Writer, private bool) error {
	if err := c.primary.write(w, private); err != nil {
		return err
	}
	for _, u := range c.users {
		if _, err := w.Write(u.raw.Encode()); err != nil {
			return err
		}
		if err := writeSigs(w, u.sigs); err != nil {
			return err
		}
	}
	for _, s := range c.subkeys {
		if err := s.write(w, private); err != nil {
			return err
		}
	}
	return nil
}

func (k Part) write(w io.Writer, private bool) error {
	if private && k.priv != nil {
		if err := k.priv.Serialize(w); err != nil {
			return err
		}
	} else if private && k.stub.Tag != 0 {
		if _, err := w.Write(k.stub.Encode()); err != nil {
			return err
		}
	} else if _, err := w.Write(k.raw.Encode()); err != nil {
		return err
	}
	return writeSigs(w, k.sigs)
}

func writeSigs(w io.Writer, sigs []selfSig) error {
	for _, s := range sigs {
		if _, err := w.Write(s.raw.Encode()); err != nil {
			return err
		}
	}
	return nil
}

// WithoutPrivate returns c without any private half.
func (c *Certificate) WithoutPrivate() *Certificate {
	out := &Certificate{primary: c.primary, users: c.users, subkeys: slices.Clone(c.subkeys)}
	out.primary.priv, out.primary.remote = nil, nil
	for i := range out.subkeys {
		out.subkeys[i].priv, out.subkeys[i].remote = nil, nil
	}
	return out
}

func (k Part) private() bool { return k.priv != nil || k.remote != nil }

// anyPrivate reports whether some part of c has its private half.
func (c *Certificate) anyPrivate() bool {
	return c.primary.private() || slices.ContainsFunc(c.subkeys, Part.private)
}

// AnyRemote reports whether the private half of some part of c is elsewhere.
func (c *Certificate) AnyRemote() bool {
	return c.primary.remote != nil || slices.ContainsFunc(c.subkeys, func(s Part) bool { return s.remote != nil })
}
