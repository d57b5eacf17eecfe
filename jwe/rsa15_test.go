package jwe_test

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

const headerRSA15 = `{"alg":"RSA1_5","enc":"A256GCM","kid":"dec"}`

func encryptRSA15(t testing.TB, to *rsa.PublicKey, header, content string) string {
	cek := random(32)
	//lint:ignore SA1019 what RSA1_5 is
	ek, err := rsa.EncryptPKCS1v15(rand.Reader, to, cek)
	require.NoError(t, err)
	return encryptWith(t, cek, ek, header, content)
}

// rawRSA encrypts a block without a padding of its own.
func rawRSA(to *rsa.PublicKey, block []byte) []byte {
	c := new(big.Int).Exp(new(big.Int).SetBytes(block), big.NewInt(int64(to.E)), to.N)
	return c.FillBytes(make([]byte, to.Size()))
}

// padded is the block of PKCS #1 v1.5 around m.
func padded(size int, m []byte) []byte {
	block := make([]byte, size)
	block[1] = 2
	for i := 2; i < size-len(m)-1; i++ {
		block[i] = 0xa5
	}
	copy(block[size-len(m):], m)
	return block
}

func waivedRSA15(keys ...keyset.ID) []envelope.Waiver {
	return []envelope.Waiver{jwe.InsecureRSA1_5("the older profile", keys...)}
}

func TestRSA15(t *testing.T) {
	dec, other := forRSA15(t, "dec", rsaKeys[1]()), forRSA15(t, "other", rsaKeys[2]())
	w := newWorld(t)
	signKey := newEC(t, curve256)
	w.theirSign = signing(t, "sig", signKey)
	signed := signES256(t, signKey, goodJWS, "{}")
	token := encryptRSA15(t, &rsaKeys[1]().PublicKey, headerRSA15, signed)
	own := set(t, other, dec)

	rejects(t, w.ours(t, jwe.Config{Own: own}), []byte(token), envelope.Forbidden)
	us := w.ours(t, jwe.Config{Own: own, Waive: waivedRSA15()})
	m := open(t, us, []byte(token))
	assert.Equal(t, "RSA1_5", m.Decrypter.Algorithm)
	assert.Equal(t, dec.Info().ID, m.Decrypter.ID)
	assert.Equal(t, waivedRSA15(), m.Waived)
	free := newX(t)
	mixed := w.ours(t, jwe.Config{Own: set(t, encryption(t, "x", free), dec), Waive: waivedRSA15()})
	w.ourDecrypt = encryption(t, "x", free)
	assert.Empty(t, open(t, mixed, seal(t, w.theirs(t, jwe.Config{}), "x")).Waived, "it did not matter")

	t.Run("only the keys of the waiver", func(t *testing.T) {
		open(t, w.ours(t, jwe.Config{Own: own, Waive: waivedRSA15(dec.Info().ID)}), []byte(token))
		rejects(t, w.ours(t, jwe.Config{Own: own, Waive: waivedRSA15(other.Info().ID)}), []byte(token), envelope.NotForUs)
	})
	t.Run("not a key that also signs", func(t *testing.T) {
		both, err := jwe.NewKey("dec", rsaKeys[1](), keyset.Signing|keyset.Encryption)
		require.NoError(t, err)
		_, err = both.WithAlgorithm(jwe.RSA1_5)
		assert.ErrorContains(t, err, "cannot be bound to RSA1_5")
		rejects(t, w.ours(t, jwe.Config{Own: set(t, both), Waive: waivedRSA15(both.Info().ID)}), []byte(token), envelope.NotForUs)
	})
	t.Run("only a key that is bound to it, which does nothing else", func(t *testing.T) {
		free := encryption(t, "dec", rsaKeys[1]())
		oe := rejects(t, w.ours(t, jwe.Config{Own: set(t, free), Waive: waivedRSA15(free.Info().ID)}), []byte(token), envelope.NotForUs)
		assert.ErrorContains(t, oe.Cause(), "WithAlgorithm")
		rejects(t, us, []byte(encryptTo(t, &rsaKeys[1]().PublicKey, goodJWE, signed)), envelope.NotForUs)
	})
	t.Run("Accept can take it back", func(t *testing.T) {
		rejects(t, w.ours(t, jwe.Config{Own: own, Waive: waivedRSA15(), Accept: []jwe.Algorithm{jwe.RSAOAEP}}), []byte(token), envelope.Forbidden)
		open(t, w.ours(t, jwe.Config{Own: own, Waive: waivedRSA15(), Accept: []jwe.Algorithm{jwe.RSA1_5}}), []byte(token))
	})
	t.Run("whatever the kid says", func(t *testing.T) {
		three := w.ours(t, jwe.Config{Own: set(t, other, forRSA15(t, "third", rsaKeys[3]()), dec), Waive: waivedRSA15()})
		for _, kid := range []string{"", `,"kid":"nobody"`, `,"kid":"other"`, `,"kid":"third"`, `,"kid":"DEC"`} {
			m := open(t, three, []byte(encryptRSA15(t, &rsaKeys[1]().PublicKey, `{"alg":"RSA1_5","enc":"A256GCM"`+kid+`}`, signed)))
			assert.Equal(t, dec.Info().ID, m.Decrypter.ID, kid)
		}
	})
	t.Run("several recipients", func(t *testing.T) {
		p := strings.Split(encryptRSA15(t, &rsaKeys[1]().PublicKey, `{"enc":"A256GCM"}`, signed), ".")
		one := fmt.Sprintf(`{"header":{"alg":"RSA1_5","kid":"dec"},"encrypted_key":"%s"}`, p[1])
		general := func(list ...string) []byte {
			return fmt.Appendf(nil, `{"protected":"%s","recipients":[%s],"iv":"%s","ciphertext":"%s","tag":"%s"}`, p[0], strings.Join(list, ","), p[2], p[3], p[4])
		}
		open(t, us, general(one))
		rejects(t, us, general(one, one), envelope.Forbidden)
		rejects(t, us, general(one, `{"header":{"alg":"RSA-OAEP"},"encrypted_key":"`+b64(random(256))+`"}`), envelope.NotForUs)
	})
	t.Run("sealing", func(t *testing.T) {
		w.ourDecrypt = dec
		_, err := jwe.New(jwe.Config{Own: own, Peer: own, Seal: jwe.Algorithms{Key: jwe.RSA1_5}})
		assert.ErrorContains(t, err, "without InsecureRSA1_5")
		_, err = jwe.New(jwe.Config{Own: own, Peer: own, Accept: []jwe.Algorithm{jwe.RSA1_5}})
		assert.ErrorContains(t, err, "without InsecureRSA1_5")
		them := w.theirs(t, jwe.Config{Seal: jwe.Algorithms{Key: jwe.RSA1_5, Content: jwe.A128CBCHS256}, Waive: waivedRSA15()})
		assert.Equal(t, "x", string(open(t, us, seal(t, them, "x")).Payload))
		bound, err := jwe.ReadKey(strings.NewReader(jwkRSA(rsaKeys[1](), `"alg":"RSA1_5"`)), 0)
		require.NoError(t, err)
		peer := set(t, bound, w.ourSign.Public().(*jwe.Key))
		_, err = w.theirs(t, jwe.Config{Peer: peer}).Seal(t.Context(), nil)
		assert.ErrorContains(t, err, "bound to RSA1_5")
		open(t, us, seal(t, w.theirs(t, jwe.Config{Peer: peer, Waive: waivedRSA15()}), "x"))
		two := set(t, bound, encryption(t, "", rsaKeys[2]()).Public().(*jwe.Key))
		_, err = w.theirs(t, jwe.Config{Peer: two, JSON: true, Waive: waivedRSA15()}).Seal(t.Context(), nil)
		assert.ErrorContains(t, err, "one recipient")
	})
}

// Whatever a stranger does to the encrypted key, the answer is that of a body
// that is not authentic, to the operator as well: RFC 7516, Section 11.5.
func TestRSA15IsNoOracle(t *testing.T) {
	w := newWorld(t)
	to := &rsaKeys[1]().PublicKey
	size := to.Size()
	for name, own := range map[string]*keyset.Set{
		"one key":  set(t, forRSA15(t, "dec", rsaKeys[1]())),
		"two keys": set(t, forRSA15(t, "other", rsaKeys[2]()), forRSA15(t, "dec", rsaKeys[1]())),
		"remote":   set(t, forRSA15(t, "dec", newKMS(rsaKeys[1]()))),
	} {
		us := w.ours(t, jwe.Config{Own: own, Waive: waivedRSA15()})
		good := encryptRSA15(t, to, headerRSA15, "x")
		want := rejects(t, us, []byte(part(good, 4, flip(t, 0))), envelope.Corrupt) // a good key, and a body that is not authentic
		separated := padded(size, random(32))
		separated[5] = 0
		for what, ek := range map[string][]byte{
			"type 1":                     rawRSA(to, func() []byte { b := padded(size, random(32)); b[1] = 1; return b }()),
			"first octet":                rawRSA(to, func() []byte { b := padded(size, random(32)); b[0] = 1; return b }()),
			"no separator":               rawRSA(to, func() []byte { b := padded(size, random(32)); b[size-33] = 1; return b }()),
			"an early separator":         rawRSA(to, separated),
			"a key of 31 octets":         rawRSA(to, padded(size, random(31))),
			"a key of 33 octets":         rawRSA(to, padded(size, random(33))),
			"an empty key":               rawRSA(to, padded(size, nil)),
			"another key that conforms":  rawRSA(to, padded(size, random(32))),
			"zeros":                      make([]byte, size),
			"one":                        append(make([]byte, size-1), 1),
			"larger than the modulus":    new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 2048), big.NewInt(1)).FillBytes(make([]byte, size)),
			"noise":                      append([]byte{0}, random(size-1)...),
			"encrypted to somebody else": rawRSA(&rsaKeys[3]().PublicKey, padded(size, random(32))),
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				got := rejects(t, us, []byte(part(good, 1, func(string) string { return b64(ek) })), envelope.Corrupt)
				assert.Equal(t, want.Cause().Error(), got.Cause().Error())
				assert.Equal(t, want.Keys, got.Keys)
			})
		}
	}
}

// The second pass asks every other key, whether one of them has conformed or not,
// and a message that names nobody gets the same answers.
func TestRSA15AsksAllOthers(t *testing.T) {
	w := newWorld(t)
	signKey := newEC(t, curve256)
	w.theirSign = signing(t, "sig", signKey)
	far := newKMS(rsaKeys[3]())
	us := w.ours(t, jwe.Config{Own: set(t, forRSA15(t, "first", rsaKeys[2]()), forRSA15(t, "dec", rsaKeys[1]()), forRSA15(t, "far", far)), Waive: waivedRSA15()})
	signed := signES256(t, signKey, goodJWS, "{}")
	to := &rsaKeys[1]().PublicKey
	named := `{"alg":"RSA1_5","enc":"A256GCM","kid":"first"}`
	open(t, us, []byte(encryptRSA15(t, to, named, signed)))
	assert.Equal(t, int64(1), far.calls.Swap(0), "though a local key had it")
	good := encryptRSA15(t, to, `{"alg":"RSA1_5","enc":"A256GCM"}`, signed)
	open(t, us, []byte(good))
	assert.Zero(t, far.calls.Swap(0), "the key that opened last goes first")

	noise := func(string) string { return b64(append([]byte{0}, random(to.Size()-1)...)) }
	afterGood := rejects(t, us, []byte(part(good, 4, flip(t, 0))), envelope.NotForUs)
	assert.Equal(t, int64(1), far.calls.Swap(0))
	afterBad := rejects(t, us, []byte(part(good, 1, noise)), envelope.NotForUs)
	assert.Equal(t, int64(1), far.calls.Swap(0))
	assert.Equal(t, afterGood.Keys, afterBad.Keys)
	assert.Equal(t, afterGood.Cause().Error(), afterBad.Cause().Error())
}

// Under GODEBUG=fips140=only the waiver is an error of New, and nothing panics.
func TestRSA15UnderFIPS(t *testing.T) {
	if os.Getenv("SEALWAX_TEST_FIPS") != "" {
		k := encryption(t, "dec", newEC(t, curve256))
		_, err := jwe.New(jwe.Config{Own: set(t, k), Peer: set(t, k.Public().(*jwe.Key)), Waive: waivedRSA15()})
		require.ErrorContains(t, err, "fips140=only")
		return
	}
	inMode(t, "TestRSA15UnderFIPS", "only")
}
