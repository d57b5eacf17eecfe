package remote_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/internal/remote"
)

// padded is an encoded message of RFC 8017, Section 7.2.1.
func padded(k int, message []byte) []byte {
	em := append([]byte{0, 2}, bytes.Repeat([]byte{0xa5}, k-3-len(message))...)
	return append(append(em, 0), message...)
}

func TestUnpad(t *testing.T) {
	const k = 64
	r := remote.NewRSA15()
	c := bytes.Repeat([]byte{7}, k)
	good := padded(k, []byte("message"))
	change := func(i int, b byte) []byte {
		em := bytes.Clone(good)
		em[i] = b
		return em
	}
	for name, tt := range map[string]struct {
		em   []byte
		size int
		want []byte // nil if another message has to come
	}{
		"good":                            {good, 0, []byte("message")},
		"good, of the size":               {good, 7, []byte("message")},
		"without leading zeros":           {good[1:], 0, []byte("message")},
		"the longest":                     {padded(k, bytes.Repeat([]byte{1}, k-11)), 0, bytes.Repeat([]byte{1}, k-11)},
		"a message with zeros":            {padded(k, []byte{0, 0, 1}), 0, []byte{0, 0, 1}},
		"another size":                    {good, 8, nil},
		"it begins with 1":                {change(0, 1), 0, nil},
		"block type 1":                    {change(1, 1), 0, nil},
		"a zero in the eighth padding":    {change(9, 0), 0, nil},
		"no zero":                         {append([]byte{0, 2}, bytes.Repeat([]byte{1}, k-2)...), 0, nil},
		"zeros":                           {make([]byte, k), 0, nil},
		"nothing":                         {nil, 0, nil},
		"longer than the modulus":         {append([]byte{0}, good...), 0, nil},
		"a size that no message can have": {good, k - 10, nil},
	} {
		out := r.Unpad(c, tt.em, tt.size)
		if tt.want != nil {
			assert.Equal(t, tt.want, out, name)
			continue
		}
		assert.NotEqual(t, []byte("message"), out, name)
		if tt.size != 0 {
			assert.Len(t, out, tt.size, name)
		}
		assert.Equal(t, out, r.Unpad(c, tt.em, tt.size), "%s: the same each time", name)
	}
	empty := r.Unpad(c, padded(k, nil), 0)
	assert.Empty(t, empty)
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", r, r, *r), fmt.Sprint(r.Unpad(c, nil, 32)[:4]))
}

// Whatever the standard library decrypts comes out alike, and whatever it does not comes
// out as something else.
func TestUnpadAsTheLibrary(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	r := remote.NewRSA15()
	lengths := map[int]bool{}
	for i := range 300 {
		message := make([]byte, i%118)
		rand.Read(message)
		c := make([]byte, key.Size())
		if i%2 == 0 {
			//lint:ignore SA1019 what is tested
			c, err = rsa.EncryptPKCS1v15(rand.Reader, &key.PublicKey, message)
			require.NoError(t, err)
		} else {
			rand.Read(c)
			c[0] = 0
		}
		em := new(big.Int).Exp(new(big.Int).SetBytes(c), key.D, key.N).FillBytes(make([]byte, key.Size()))
		//lint:ignore SA1019 what is tested
		want, err := rsa.DecryptPKCS1v15(nil, key, c)
		out := r.Unpad(c, em, 0)
		if err == nil {
			assert.Equal(t, want, out)
		} else {
			lengths[len(out)] = true
		}
	}
	assert.Greater(t, len(lengths), 50, "what stands for bad padding has lengths like those of chance")
}
