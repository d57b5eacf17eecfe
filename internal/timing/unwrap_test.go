package timing_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"io"
	"math/big"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/internal/timing"
)

// A service holds an RSA key in this process, and answers with an error if it has one.
type service struct {
	key *rsa.PrivateKey
	err error
}

type bound struct{ *service }

func newService(t *testing.T) *service {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return &service{key: key}
}

func (s *service) Public() crypto.PublicKey               { return s.key.Public() }
func (s *service) Bind(context.Context) crypto.PrivateKey { return bound{s} }
func (s *service) Undecryptable(err error) bool           { return errors.Is(err, rsa.ErrDecryption) }

func (b bound) Decrypt(r io.Reader, ciphertext []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	if b.err != nil {
		return nil, b.err
	}
	return b.key.Decrypt(r, ciphertext, opts)
}

// The messages of each kind are what their names say: those that unwrap do, under the
// padding alone too, and the others do not. All are rejected.
func TestKindsAreWhatTheyAreCalled(t *testing.T) {
	if testing.Short() {
		t.Skip("some hundred messages are decrypted by arithmetic")
	}
	s := newService(t)
	pairs, err := timing.Remote(t.Context(), "a service", s)
	require.NoError(t, err)
	require.Len(t, pairs, 5)
	for _, p := range pairs {
		for _, k := range p.Kinds {
			require.Len(t, k.Messages, timing.Each)
			for _, m := range k.Messages {
				require.NoError(t, k.Want(p.Do(t.Context(), m)), "%s, %s", p.Name, k.Name)
				block := new(big.Int).Exp(new(big.Int).SetBytes(wrapped(t, m)), s.key.D, s.key.N).FillBytes(make([]byte, s.key.Size()))
				zero := bytes.IndexByte(block[1:], 0)
				switch k.Name {
				case "unwraps", "bad checksum":
					require.Equal(t, []byte{0, 2}, block[:2], p.Name)
					if session := block[zero+2:]; strings.HasPrefix(p.Name, "pgp") {
						require.Len(t, session, 35)
						var sum uint16
						for _, b := range session[1:33] {
							sum += uint16(b)
						}
						right := session[0] == 9 && uint16(session[33])<<8+uint16(session[34]) == sum
						require.Equal(t, k.Name == "unwraps", right)
					}
				case "bad padding":
					require.Equal(t, []byte{0, 3}, block[:2], p.Name)
				case "leading zero byte":
					require.Zero(t, block[0], p.Name)
				case "none":
					require.NotZero(t, block[0], p.Name)
				default:
					t.Fatal(k.Name)
				}
			}
		}
	}
}

// wrapped is the RSA ciphertext of a message.
func wrapped(t *testing.T, message []byte) []byte {
	if parts := strings.Split(string(message), "."); strings.HasPrefix(parts[0], "eyJ") {
		c, err := base64.RawURLEncoding.DecodeString(parts[1])
		require.NoError(t, err)
		return c
	}
	session, err := packet.NewOpaqueReader(bytes.NewReader(message)).Next()
	require.NoError(t, err)
	return session.Contents[12:] // behind the length of the number
}

// What a service does not do has no pair. An outage in the middle is no rejection.
func TestServiceThatDoesLess(t *testing.T) {
	s := newService(t)
	pairs, err := timing.Remote(t.Context(), "a service", s)
	require.NoError(t, err)
	s.err = errors.New("it is away")
	k := pairs[0].Kinds[0]
	assert.ErrorContains(t, k.Want(pairs[0].Do(t.Context(), k.Messages[0])), "not rejected")
	_, err = timing.Remote(t.Context(), "a service", s)
	assert.ErrorContains(t, err, "it is away")
	s.err = errors.ErrUnsupported
	_, err = timing.Remote(t.Context(), "a service", s)
	assert.ErrorContains(t, err, "it decrypts nothing")
}
