package pgp_test

import (
	"bufio"
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

// Passphrases of the private keys.
var vectorPassphrases = []string{"password", "passphrase"}

// read says what ReadKeys makes of a file and, if a private half is locked,
// what ReadLockedKey makes of each of its certificates.
func (v *manifest) read(t *testing.T, in []byte, unlocked bool) string {
	var keys []*pgp.Key
	var err error
	quick(t, func() { keys, err = pgp.ReadKeys(bytes.NewReader(in)) })
	if err == nil {
		var all []string
		for _, k := range keys {
			all = append(all, v.describe(t, k))
		}
		return strings.Join(all, "; ")
	}
	require.Nil(t, keys)
	if !strings.Contains(err.Error(), "ReadLockedKey") {
		return keyError(err)
	}
	all := []string{"locked"}
	if unlocked {
		for _, one := range certificates(t, in) {
			k, err := unlock(one)
			if err != nil {
				all = append(all, keyError(err))
			} else {
				all = append(all, v.describe(t, k))
			}
		}
	}
	return strings.Join(all, "; ")
}

func unlock(one []byte) (k *pgp.Key, err error) {
	for _, passphrase := range vectorPassphrases {
		k, err = pgp.ReadLockedKey(bytes.NewReader(one), []byte(passphrase))
		if err == nil || !strings.Contains(err.Error(), "passphrase") {
			return k, err
		}
	}
	return nil, err
}

// keyError shortens an error: the fingerprint is not to the point.
func keyError(err error) string {
	s := strings.TrimPrefix(err.Error(), "pgp: ")
	if at := strings.Index(s, ": "); at > 0 && strings.HasPrefix(s, "certificate ") && at < 90 {
		s = s[at+2:]
	}
	if f := strings.Fields(s); len(f) > 2 && f[0] == "certificate" && len(f[1]) >= 40 {
		s = strings.Join(f[2:], " ")
	}
	return "! " + s
}

// describe says of a key: its algorithm and uses, when it ends, and whether it
// seals on [vectorDay]. A private key signs a message that opens with its
// public half; to a public key a message is encrypted. "waived" means that this
// needs the waivers for old keys.
func (v *manifest) describe(t *testing.T, k *pgp.Key) string {
	i := k.Info()
	s := i.Algorithm
	if i.Private {
		s = "private " + s
		assert.NoError(t, k.SelfTest(context.Background()))
	}
	if i.Use&keyset.Signing != 0 {
		s += " S"
	}
	if i.Use&keyset.Encryption != 0 {
		s += " E"
	}
	switch {
	case !i.NotAfter.IsZero() && !i.NotAfter.After(i.NotBefore):
		s += ", ended at once"
	case !i.NotAfter.IsZero():
		s += ", until " + i.NotAfter.UTC().Format(time.DateOnly)
	}
	if i.NotBefore.After(vectorDay) {
		s += ", from " + i.NotBefore.UTC().Format(time.DateOnly)
	}
	usable(t, k)
	for _, waive := range [][]envelope.Waiver{nil, oldKeys} {
		if v.seals(t, k, waive) {
			s += ", seals"
			if waive != nil {
				s += " waived"
			}
			break
		}
	}
	return s
}

func (v *manifest) seals(t *testing.T, k *pgp.Key, waive []envelope.Waiver) bool {
	ours := pgp.Config{Own: active(t, v.v6), Peer: active(t, public(k)), Waive: waive, Now: func() time.Time { return vectorDay }}
	theirs := pgp.Config{Own: active(t, k), Peer: active(t, public(v.v6)), Waive: waive, Now: ours.Now}
	if !k.Info().Private {
		_, err := newEnvelope(t, ours).Seal(context.Background(), body)
		return err == nil
	}
	if k.Info().ID == v.v6.Info().ID {
		theirs.Peer = active(t, public(partner()))
		theirs.Now = time.Now
	}
	sealed, err := newEnvelope(t, theirs).Seal(context.Background(), body)
	if err == nil && k.Info().ID != v.v6.Info().ID {
		m, err := newEnvelope(t, ours).Open(context.Background(), sealed)
		if assert.NoError(t, err) {
			assert.Equal(t, body, m.Payload)
		}
	}
	return err == nil
}

// key returns one certificate of a file, unlocked.
func (v *manifest) key(t *testing.T, name string) (*pgp.Key, error) {
	name, n, _ := strings.Cut(name, "#")
	all := certificates(t, v.octets(t, name))
	if n == "" {
		require.Len(t, all, 1, name)
		n = "1"
	}
	return unlock(all[n[0]-'1'])
}

// dearmored returns the packets of a file, armored or not, of whatever type.
func dearmored(in []byte) []byte {
	if len(in) == 0 || in[0] >= 0x80 {
		return in
	}
	var b bytes.Buffer
	for r := bufio.NewReader(bytes.NewReader(in)); ; {
		block, err := armor.Decode(r)
		if err != nil {
			return b.Bytes()
		}
		if _, err := b.ReadFrom(block.Body); err != nil {
			return nil
		}
	}
}

// certificates cuts a keyring into its certificates.
func certificates(t *testing.T, in []byte) [][]byte {
	var all [][]byte
	r := packet.NewOpaqueReader(bytes.NewReader(dearmored(in)))
	for {
		p, err := r.Next()
		if err != nil {
			return all
		}
		if p.Tag == 5 || p.Tag == 6 {
			all = append(all, nil)
		}
		if len(all) != 0 {
			var b bytes.Buffer
			require.NoError(t, p.Serialize(&b))
			all[len(all)-1] = append(all[len(all)-1], b.Bytes()...)
		}
	}
}
