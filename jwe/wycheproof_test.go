package jwe_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// A wycheproofFile is one of Wycheproof's on JOSE, reduced to what is used.
type wycheproofFile struct {
	NumberOfTests int
	TestGroups    []struct {
		Comment         string
		Private, Public json.RawMessage
		Tests           []wycheproofCase
	}
}

type wycheproofCase struct {
	TcID     int
	Comment  string
	Result   string
	JWS, JWE json.RawMessage
	Pt       *string
}

// faults are cases in which the vector is wrong, by file: see SOURCES.md of the
// vectors.
var faults = map[string]map[int]string{
	"signature": {
		367: "marked invalid, and is the valid case 357", 370: "marked invalid, and is the valid case 357",
		372: "marked valid, and has a '?'", 373: "marked valid, and has a '?'",
		346: "the JWK is for another alg than the header says", 347: "the alg of the JWK is ES521",
		350: "the JWK is for another alg than the header says", 351: "the alg of the JWK is ES521",
	},
	"encryption": {132: "the alg of the JWK is A128GCM and that of the header dir"},
}

func TestWycheproof(t *testing.T) {
	for _, want := range []struct {
		file                                     string
		agreed, refused, faults, disagree, total int
	}{
		{"encryption", 88, 50, 1, 0, 139},
		{"signature", 357, 36, 8, 0, 401},
		{"key", 12, 14, 0, 0, 26},
		{"crypto", 47, 36, 0, 0, 83},
	} {
		t.Run(want.file, func(t *testing.T) {
			var f wycheproofFile
			require.NoError(t, json.Unmarshal(readFile(t, vectors(t, "wycheproof", "testvectors_v1", "json_web_"+want.file+"_test.json")), &f))
			got := want
			got.agreed, got.refused, got.faults, got.disagree, got.total = 0, 0, 0, 0, 0
			for _, g := range f.TestGroups {
				for _, c := range g.Tests {
					got.total++
					require.Contains(t, []string{"valid", "invalid"}, c.Result)
					err := runWycheproof(t, g.Private, g.Public, c)
					switch {
					case faults[want.file][c.TcID] != "":
						got.faults++
						assert.Error(t, err, "%d: %s", c.TcID, faults[want.file][c.TcID])
					case symmetric(g.Private):
						got.refused++
						assert.ErrorContains(t, err, "symmetric", "%d", c.TcID)
					case (err == nil) == (c.Result == "valid"):
						got.agreed++
					default:
						got.disagree++
						assert.Fail(t, "disagrees", "%s %d (%s, %s) is %s: %v", want.file, c.TcID, g.Comment, c.Comment, c.Result, why(err))
					}
				}
			}
			t.Logf("%s: %d agreed, %d refused by policy, %d faults of the vectors, %d in all", want.file, got.agreed, got.refused, got.faults, got.total)
			assert.Equal(t, want, got)
			assert.Equal(t, f.NumberOfTests, got.total)
		})
	}
}

// symmetric reports whether there are only symmetric keys. A set that mixes them
// with others is not meant: to refuse it is what the vectors want.
func symmetric(text json.RawMessage) bool {
	var set struct {
		Kty  string
		Keys []struct{ Kty string }
	}
	if json.Unmarshal(text, &set) != nil {
		return false
	}
	for _, k := range set.Keys {
		if k.Kty != "oct" {
			return false
		}
	}
	return set.Kty == "oct" || len(set.Keys) > 0
}

// runWycheproof returns nil if the case opens as it is said to.
func runWycheproof(t *testing.T, private, half json.RawMessage, c wycheproofCase) error {
	use, text := keyset.Encryption, private
	if c.JWS != nil {
		use = keyset.Signing
		if half != nil {
			text = half
		}
	}
	keys, err := wycheproofKeys(text, use)
	if err != nil {
		return err
	}
	waive := []envelope.Waiver{jwe.InsecureEncryptOnly("Wycheproof"), jwe.InsecureRSA1_5("Wycheproof"), jwe.InsecureCompression("Wycheproof")}
	other := signing(t, "", newEC(t, curve256))
	if c.JWS != nil {
		var halves []*jwe.Key
		for _, k := range keys {
			halves = append(halves, k.Public().(*jwe.Key))
		}
		own, peer, err := setsOf([]*jwe.Key{other}, halves)
		if err != nil {
			return err
		}
		e := newEnvelope(t, jwe.Config{Own: own, Peer: peer})
		_, err = jwe.OpenSigned(t.Context(), e, wycheproofToken(c.JWS))
		return err
	}
	own, peer, err := setsOf(keys, public(other))
	if err != nil {
		return err
	}
	e, err := jwe.New(jwe.Config{Own: own, Peer: peer, Waive: waive})
	if err != nil {
		return err
	}
	m, err := e.Open(t.Context(), wycheproofToken(c.JWE))
	if err != nil {
		return err
	}
	if c.Pt == nil {
		return nil
	}
	want, err := hex.DecodeString(*c.Pt)
	require.NoError(t, err)
	if !bytes.Equal(want, m.Payload) {
		return fmt.Errorf("another plaintext: %q", m.Payload)
	}
	return nil
}

func setsOf(own, peer []*jwe.Key) (a, b *keyset.Set, err error) {
	a, err = keyset.New(1, entries(keyset.Active, own...)...)
	if err != nil {
		return nil, nil, err
	}
	b, err = keyset.New(1, entries(keyset.Active, peer...)...)
	return a, b, err
}

func wycheproofKeys(text json.RawMessage, use keyset.Use) ([]*jwe.Key, error) {
	if bytes.Contains(text, []byte(`"keys"`)) {
		keys, _, err := jwe.ReadKeys(bytes.NewReader(text), 0)
		return keys, err
	}
	k, err := jwe.ReadKey(bytes.NewReader(text), use)
	if err != nil {
		return nil, err
	}
	if k.Info().Use&use == 0 {
		return nil, errors.New("a key for another use")
	}
	return []*jwe.Key{k}, nil
}

// wycheproofToken returns a token that is a string, or an object in JSON
// serialization.
func wycheproofToken(raw json.RawMessage) []byte {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return []byte(strings.TrimSpace(s))
	}
	return raw
}
