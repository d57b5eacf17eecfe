package jwe_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
)

// openHeader opens a message whose JWS has these members in its header as well.
func openHeader(t *testing.T, members string) (*envelope.Message, error) {
	us, decrypt, sign := fuzzStage(t)
	header := strings.TrimSuffix(goodJWS, "}") + "," + members + "}"
	return us.Open(t.Context(), []byte(agreeWith(t, ecdhOf(t, decrypt), direct, signES256(t, sign, header, "{}"))))
}

// What a header says of its own reaches the program with the types of its JSON.
func TestHeaderIsReadAsWritten(t *testing.T) {
	m, err := openHeader(t, `"yes":true,"no":false,"nothing":null,"half":0.5,"large":9007199254740993,"text":"\u00e9\n","list":[1,"a",[]],"object":{"a":{"b":1}}`)
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"yes": true, "no": false, "nothing": nil, "half": 0.5, "large": json.Number("9007199254740993"), "text": "é\n",
		"list": []any{1.0, "a", []any{}}, "object": map[string]any{"a": map[string]any{"b": 1.0}}}, m.Header)
}

// Two members whose names differ in nothing but their letter case are one member twice, at
// any depth: what encoding/json and others take them for.
func TestLetterCasesOfMembers(t *testing.T) {
	pairs := [][2]string{{"one", "ONE"}, {"ONE", "oNE"}, {"sS", "ſs"}, {"ſ", "s"}, {"\u212a", "k"}, {"ſ", "S"}, {"É", "é"}}
	for c := 'a'; c <= 'z'; c++ {
		pairs = append(pairs, [2]string{string(c), string(c - 'a' + 'A')})
	}
	for _, p := range pairs {
		for _, p := range [][2]string{p, {p[1], p[0]}} {
			for _, in := range []string{`%q:1,%q:2`, `"x":{%q:1,%q:2}`, `"x":[{"y":{"z":0,%q:1,"w":[],%q:2}}]`} {
				_, err := openHeader(t, fmt.Sprintf(in, p[0], p[1]))
				require.ErrorIs(t, err, envelope.ErrRejected, "%q", p)
			}
		}
	}
	for _, p := range [][2]string{{"a", "á"}, {"[", "{"}, {"@", "`"}, {"ab", "abc"}} {
		_, err := openHeader(t, fmt.Sprintf(`"x":{%q:1,%q:2}`, p[0], p[1]))
		require.NoError(t, err, "%q", p)
	}
}

// The limits of a header are what it may just have.
func TestLimitsOfAHeader(t *testing.T) {
	const most, deepest = 8 << 10, 16
	room := most - len(goodJWS) - len(`,"x":""`)
	nested := func(n int) string { return `"x":` + strings.Repeat("[", n) + strings.Repeat("]", n) }
	for members, ok := range map[string]bool{
		`"x":"` + strings.Repeat("x", room) + `"`:   true,
		`"x":"` + strings.Repeat("x", room+1) + `"`: false,
		nested(deepest - 1):                         true, // in the object that the header is
		nested(deepest):                             false,
	} {
		_, err := openHeader(t, members)
		assert.Equal(t, ok, err == nil, "%d bytes: %v", len(members), err)
	}
}
