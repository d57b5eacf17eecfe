package pgp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/internal/openpgp"
)

// A certificate is a transferable key as it was read, RFC 9580, Section 10.1:
// its packets unchanged, so that copies can be merged and nothing is lost or
// signed again when it is written. It is immutable once it has been read.
type certificate struct {
	primary part
	users   []user
	subkeys []part
	loose   []selfSig // bindings and revocations of subkeys that stand elsewhere, until verify finds their places
}

// A part is the primary key or a subkey with the signatures on it.
type part struct {
	raw    openpgp.Packet // the public key packet
	stub   openpgp.Packet // the secret key packet of GnuPG that says that the private half is elsewhere, if it is
	pub    *packet.PublicKey
	priv   *packet.PrivateKey // nil without a private half in this process
	remote *remoteKey         // nil without a private half elsewhere
	sigs   []selfSig          // direct-key signatures, bindings, revocations
}

// A user is a User ID or a User Attribute.
type user struct {
	raw  openpgp.Packet
	sigs []selfSig
}

var (
	errNoCertificate = errors.New("no OpenPGP certificate")
	errLocked        = errors.New("the private half is locked with a passphrase")
)

// readCertificates reads a sequence of transferable keys. passphrase unlocks
// private halves; it is nil if none may be locked.
func readCertificates(in []byte, passphrase []byte) ([]*certificate, error) {
	var all []*certificate
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
	return all, nil
}

// refile hands a revocation that stands in another certificate of the same file to
// the one whose key made it.
func refile(all []*certificate) {
	if len(all) == 1 {
		return
	}
	owners := map[string]*certificate{}
	for _, c := range all {
		owners[string(fingerprint(c.primary.pub))] = c
		owners[keyIDName(c.primary.pub.KeyId)] = c
	}
	for _, c := range all {
		moved := func(s selfSig) bool {
			to := owners[s.info.name()]
			if !s.info.revocation() || to == nil || to == c {
				return false
			}
			again := newSelfSig(s.raw, to.primary.pub)
			if s.info.kind == sigKeyRevocation {
				to.primary.sigs = append(to.primary.sigs, again)
			} else {
				to.loose = append(to.loose, again)
			}
			return true
		}
		c.primary.sigs = slices.DeleteFunc(slices.Clone(c.primary.sigs), moved)
		c.loose = slices.DeleteFunc(slices.Clone(c.loose), moved)
		for i := range c.subkeys {
			c.subkeys[i].sigs = slices.DeleteFunc(c.subkeys[i].sigs, moved)
		}
	}
}

// A certReader collects the packets of one certificate.
type certReader struct {
	passphrase []byte
	cert       *certificate
	on         *[]selfSig // where the next certification or binding goes; nil drops it
	user       bool       // on is that of a User ID
}

// fail names the certificate that could not be read, by its place and, if its
// key was, by its fingerprint.
func (r *certReader) fail(n int, err error) error {
	if r.cert != nil {
		return fmt.Errorf("certificate %d (%s): %w", n+1, fingerprint(r.cert.primary.pub), err)
	}
	return fmt.Errorf("certificate %d: %w", n+1, err)
}

func (r *certReader) finish(all *[]*certificate) error {
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
		r.cert.users = append(r.cert.users, user{raw: p})
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
		r.cert = &certificate{primary: k}
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
	if errors.Is(err, errLocked) || errors.Is(err, errPassphrase) || errors.Is(err, errScheme) {
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

// newPart reads a key packet and unlocks it.
func newPart(p openpgp.Packet, passphrase []byte) (part, error) {
	if n := rsaBits(p); n > maxRSABits {
		return part{}, fmt.Errorf("RSA key of %d bits, at most %d are allowed", n, maxRSABits)
	}
	read := p
	elsewhere := isStub(p)
	if elsewhere {
		read.Tag = publicTag(p.Tag) // the library reads what it needs, and no further
	}
	parsed, err := parse(read)
	if err != nil {
		return part{}, keyPacketError(p, err)
	}
	var k part
	switch key := parsed.(type) {
	case *packet.PublicKey:
		k.pub = key
		if elsewhere {
			k.stub = p
		}
	case *packet.PrivateKey:
		k.pub = &key.PublicKey
		if key.Encrypted {
			if passphrase == nil {
				return part{}, fmt.Errorf("key %s: %w", fingerprint(k.pub), errLocked)
			}
			if err := unlock(key, passphrase); err != nil {
				return part{}, fmt.Errorf("key %s: %w", fingerprint(k.pub), err)
			}
		}
		k.priv = key
	default:
		return part{}, errNoCertificate
	}
	if k.pub.Version != 4 && k.pub.Version != 6 {
		return part{}, fmt.Errorf("%w: %d", errKeyVersion, k.pub.Version)
	}
	return k, k.encodePublic()
}

var errScheme = errors.New("the private half is locked by a scheme that is not supported")

func unlock(key *packet.PrivateKey, passphrase []byte) error {
	err := guard(func() error { return key.Decrypt(passphrase) })
	if _, unsupported := errors.AsType[pgperrors.UnsupportedError](err); unsupported {
		return errScheme
	}
	if err != nil {
		return errPassphrase
	}
	return nil
}

// publicTag is the type of the public half of a key packet.
func publicTag(tag byte) byte {
	if tag == openpgp.TagSecretKey {
		return openpgp.TagPublicKey
	}
	return openpgp.TagPublicSubkey
}

// isStub reports whether a secret key packet says that the private half is offline
// or on a smart card: GnuPG's own kinds 1 and 2 of a string-to-key specifier.
func isStub(p openpgp.Packet) bool {
	if p.Tag != openpgp.TagSecretKey && p.Tag != openpgp.TagSecretSubkey {
		return false
	}
	// usage, cipher, kind 101, hash, "GNU", 1 or 2, and for a card its number
	for _, number := range []int{0, 16 + 1} {
		if at := len(p.Body) - number - 8; at > 6 && (p.Body[at] == 254 || p.Body[at] == 255) && p.Body[at+2] == 101 &&
			string(p.Body[at+4:at+7]) == "GNU" && (p.Body[at+7] == 1 && number == 0 || p.Body[at+7] == 2) {
			return true
		}
	}
	return false
}

// keyPacketError says in our words why a key packet cannot be read.
func keyPacketError(p openpgp.Packet, err error) error {
	const version, algorithm = 0, 5
	switch _, unsupported := errors.AsType[pgperrors.UnsupportedError](err); {
	case len(p.Body) <= algorithm:
	case p.Body[version] != 4 && p.Body[version] != 6:
		return fmt.Errorf("%w: %d", errKeyVersion, p.Body[version])
	case unsupported && publicHalfIsRead(p):
		return errScheme
	case unsupported:
		return fmt.Errorf("%w: public-key algorithm %d or its curve", errUnsupportedKey, p.Body[algorithm])
	}
	return errDamagedKey
}

// publicHalfIsRead reports whether the public half of a secret key packet is no
// reason why the packet cannot be read.
func publicHalfIsRead(p openpgp.Packet) bool {
	if p.Tag != openpgp.TagSecretKey && p.Tag != openpgp.TagSecretSubkey {
		return false
	}
	p.Tag = publicTag(p.Tag)
	_, err := parse(p)
	return err == nil
}

// rsaBits is the size of the modulus of an RSA key, before anything is computed
// with it: to parse a private one of 16384 bits takes seconds.
func rsaBits(p openpgp.Packet) int {
	const algorithm = 5 // after the version and the time, RFC 9580, Section 5.5.2
	modulus := algorithm + 1
	if len(p.Body) != 0 && p.Body[0] == 6 {
		modulus += 4
	}
	if len(p.Body) < modulus+2 || p.Body[algorithm] < 1 || p.Body[algorithm] > 3 {
		return 0
	}
	return int(binary.BigEndian.Uint16(p.Body[modulus:]))
}

// write writes c, with the private halves if it has any and private is set.
func (c *certificate) write(w io.Writer, private bool) error {
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

func (k part) write(w io.Writer, private bool) error {
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

// public returns c without any private half.
func (c *certificate) public() *certificate {
	out := &certificate{primary: c.primary, users: c.users, subkeys: slices.Clone(c.subkeys)}
	out.primary.priv, out.primary.remote = nil, nil
	for i := range out.subkeys {
		out.subkeys[i].priv, out.subkeys[i].remote = nil, nil
	}
	return out
}

var errOtherKey = errors.New("the copy holds another key")

// merge returns the union of two copies of one certificate, and whether d added
// anything. Key bytes are compared, because two keys can be made to share a
// version 4 fingerprint.
func (c *certificate) merge(d *certificate) (union *certificate, added bool, err error) {
	if !bytes.Equal(c.primary.raw.Body, d.primary.raw.Body) {
		return nil, false, errOtherKey
	}
	out := &certificate{primary: c.primary, users: slices.Clone(c.users), subkeys: slices.Clone(c.subkeys)}
	added = out.primary.merge(d.primary)
	out.loose = slices.Clone(c.loose)
	added = mergeSigs(&out.loose, d.loose) || added
	users := make(map[string]int, len(out.users))
	for i, u := range out.users {
		users[u.key()] = i
	}
	for _, u := range d.users {
		i, known := users[u.key()]
		if !known {
			users[u.key()] = len(out.users)
			out.users, added = append(out.users, u), true
			continue
		}
		added = mergeSigs(&out.users[i].sigs, u.sigs) || added
	}
	for _, s := range d.subkeys {
		i := slices.IndexFunc(out.subkeys, func(t part) bool { return bytes.Equal(t.raw.Body, s.raw.Body) })
		if i < 0 {
			if len(out.subkeys) == maxSubkeys {
				return nil, false, fmt.Errorf("more than %d subkeys together", maxSubkeys)
			}
			out.subkeys, added = append(out.subkeys, s), true
			continue
		}
		added = out.subkeys[i].merge(s) || added
	}
	return out, added, out.countSelf()
}

// key tells User IDs apart.
func (u *user) key() string { return string(u.raw.Tag) + string(u.raw.Body) }

func (k *part) merge(l part) (added bool) {
	if !k.private() && l.private() {
		k.priv, k.remote, added = l.priv, l.remote, true
	}
	if k.stub.Tag == 0 {
		k.stub = l.stub
	}
	return mergeSigs(&k.sigs, l.sigs) || added
}

// mergeSigs adds to sigs what it lacks, in memory of its own.
func mergeSigs(sigs *[]selfSig, from []selfSig) (added bool) {
	known := make(map[string]bool, len(*sigs))
	for _, s := range *sigs {
		known[string(s.raw.Body)] = true
	}
	out := slices.Clone(*sigs)
	for _, s := range from {
		if !known[string(s.raw.Body)] {
			known[string(s.raw.Body)] = true
			out, added = append(out, s), true
		}
	}
	*sigs = out
	return added
}

func (k part) private() bool { return k.priv != nil || k.remote != nil }

// anyPrivate reports whether some part of c has its private half.
func (c *certificate) anyPrivate() bool {
	return c.primary.private() || slices.ContainsFunc(c.subkeys, part.private)
}

// anyRemote reports whether the private half of some part of c is elsewhere.
func (c *certificate) anyRemote() bool {
	return c.primary.remote != nil || slices.ContainsFunc(c.subkeys, func(s part) bool { return s.remote != nil })
}
