package standardpayments_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	payments "github.com/sealwax/sealwax/examples/standardpayments"
	"github.com/sealwax/sealwax/internal/seeds"
)

// An order has a field of every shape.
type order struct {
	Amount  string              `json:"amount"`
	Items   []item              `json:"items"`
	Tags    map[string]item     `json:"tags,omitempty"`
	Pointer *item               `json:"pointer,omitempty"`
	Any     any                 `json:"any,omitempty"`
	When    *payments.Timestamp `json:"when,omitempty"`
	Plain   bool                `json:",omitzero"`
	Hidden  string              `json:"-"`
}

type item struct {
	Name  string `json:"name"`
	Count int    `json:"count,omitempty"`
}

func TestStrictJSON(t *testing.T) {
	for _, tt := range []struct{ text, what string }{ // what is empty if it is right
		{`{"amount":"1","items":[]}`, ""},
		{` {"items" : [ {"name":"a"} ] , "amount" : "\u0031\ud83d\ude00\\ud800" } `, ""},
		{`{"amount":"1","items":[],"any":{"a":[{"b":null}]},"when":"5","Plain":true,"tags":{"x":{"name":"n"}},"pointer":null}`, ""},
		{`{"amount":"1","items":[],"later":1,"-":2,"Hidden":3}`, ""},

		{`{"amount":"1","amount":"2","items":[]}`, "twice in the request"},
		{`{"amount":"1","amoun\u0074":"2","items":[]}`, "twice in the request"},
		{`{"amount":"1","items":[{"name":"a","name":"a"}]}`, "twice in items"},
		{`{"amount":"1","items":[],"any":{"a":[{"b":1,"b":2}]}}`, "twice in any"},
		{`{"amount":"1","items":[],"later":{"b":1,"b":2}}`, "twice"},
		{`{"amount":"1","items":[],"later":1,"later":1}`, "twice in the request"},
		{`{"amount":"1","items":[],"tags":{"x":{"name":"n"},"x":{"name":"n"}}}`, "twice in tags"},
		{`{"amount":"1","items":[],"tags":{"x":{"name":"n","name":"m"}}}`, "twice in tags"},
		{`{"AMOUNT":"1","amount":"2","items":[]}`, "amount is spelled in another case"},
		{`{"amount":"1","item\u017f":[],"items":[]}`, "items is spelled in another case"},

		{"\ufeff" + `{"amount":"1","items":[]}`, "not JSON"},
		{`{"amount":"1","items":[],}`, "not JSON"},
		{`{"amount":"1","items":[{"name":"a"},]}`, "not JSON"},
		{`{"amount":"1","items":[]} {}`, "not JSON"},
		{`{"amount":"1","items":[]}x`, "not JSON"},
		{`{"amount":"1",/* */"items":[]}`, "not JSON"},
		{"{\"amount\":\"1\",// \n\"items\":[]}", "not JSON"},
		{`{'amount':'1','items':[]}`, "not JSON"},
		{`{amount:"1","items":[]}`, "not JSON"},
		{`{"amount":"1","items":[],"any":NaN}`, "not JSON"},
		{`{"amount":"1","items":[],"any":Infinity}`, "not JSON"},
		{`{"amount":"1","items":[],"any":01}`, "not JSON"},
		{`{"amount":"1","items":[],"any":+1}`, "not JSON"},
		{"{\"amount\":\"1\n\",\"items\":[]}", "not JSON"},
		{"{\"amount\":\"\xff\",\"items\":[]}", "not valid UTF-8"},
		{"{\"amount\":\"\xed\xa0\x80\",\"items\":[]}", "not valid UTF-8"},
		{`{"amount":"\ud800","items":[]}`, "half a surrogate pair"},
		{`{"amount":"\ude00\ud83d","items":[]}`, "half a surrogate pair"},
		{`{"amount":"\ud83d\u0031","items":[]}`, "half a surrogate pair"},
		{`{"amount":"\\\ud800","items":[]}`, "half a surrogate pair"},
		{``, "not JSON"},
		{`null`, "the request is null"},
		{`[]`, "wrong type"},
		{`"x"`, "wrong type"},
		{strings.Repeat("[", 20000) + strings.Repeat("]", 20000), "not JSON"},

		{`{}`, "amount is missing"},
		{`{"amount":"1"}`, "items is missing"},
		{`{"amount":"1","items":[{}]}`, "items.name is missing"},
		{`{"amount":"1","items":[],"pointer":{"count":1}}`, "pointer.name is missing"},
		{`{"amount":null,"items":[]}`, "amount is null"},
		{`{"amount":"1","items":null}`, "items is null"},
		{`{"amount":"1","items":[null]}`, "items is null"},
		{`{"amount":1,"items":[]}`, "amount is of the wrong type"},
		{`{"amount":"1","items":{}}`, "items is of the wrong type"},
		{`{"amount":"1","items":[{"name":"a","count":1.5}]}`, "items.count is of the wrong type"},
		{`{"amount":"1","items":[{"name":"a","count":"1"}]}`, "items.count is of the wrong type"},
		{`{"amount":"1","items":[{"name":"a","count":99999999999999999999}]}`, "items.count is of the wrong type"},
		{`{"amount":"1","items":[],"tags":{"x":{"name":1}}}`, "tags is of the wrong type"},
		{`{"amount":"1","items":[],"tags":{"items.count":{"name":1}}}`, "tags is of the wrong type"},
		{`{"amount":"1","items":[],"when":5}`, "cannot be read"},
	} {
		var o order
		err := payments.Decode([]byte(tt.text), &o, payments.IgnoreUnknown)
		if tt.what == "" {
			assert.NoError(t, err, tt.text)
			continue
		}
		require.ErrorIs(t, err, payments.ErrJSON, tt.text)
		assert.ErrorContains(t, err, tt.what, tt.text)
	}
}

func TestRefuseUnknown(t *testing.T) {
	for _, text := range []string{
		`{"amount":"1","items":[],"later":1}`, `{"amount":"1","items":[{"name":"a","later":1}]}`, `{"amount":"1","items":[],"Hidden":""}`,
	} {
		assert.ErrorContains(t, payments.Decode([]byte(text), new(order), payments.RefuseUnknown), "unknown member", text)
	}
	assert.NoError(t, payments.Decode([]byte(`{"amount":"1","items":[],"any":{"x":1},"tags":{"y":{"name":""}}}`), new(order), payments.RefuseUnknown))
	assert.ErrorContains(t, payments.Decode([]byte(`{"x":1}`), new(struct{}), payments.RefuseUnknown), "unknown member")
}

// An error goes to logs: it holds nothing of what was decrypted.
func TestErrorsHoldNoPayload(t *testing.T) {
	for _, text := range []string{
		`{"amount":4111,"items":[]}`, `{"4111":1,"4111":2,"amount":"","items":[]}`, `{"amount":"4111"`, `{"amount":"1","items":[{"name":"","count":41111111111111111111}]}`,
		`{"amount":"1","items":[],"when":"4111x"}`, `{"amount":"1","items":[],"tags":{"4111":{}}}`, `{"amount":"1","items":[],"tags":{"4111":{"name":1}}}`,
	} {
		err := payments.Decode([]byte(text), new(order), payments.RefuseUnknown)
		require.ErrorIs(t, err, payments.ErrJSON, text)
		assert.NotContains(t, err.Error(), "4111", text)
	}
}

// Whatever Decode accepts is JSON that reads the same when it is written anew, and that
// says the same to a parser that takes the first of two members as to one that takes the last.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		`{"amount":"1","items":[]}`, `{"amount":"\ud83d\ude00","items":[{"name":"a","count":2}],"any":{"a":[1,{"b":null}]},"when":"5"}`,
		`{"amount":"\ud83d","items":[],"Any":1}`, `{"amount":"1","amount":"2","items":[]}`, `null`, `[]`, "\ufeff{}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var o, again order
		if err := payments.Decode(text, &o, payments.RefuseUnknown); err != nil {
			require.ErrorIs(t, err, payments.ErrJSON)
			return
		}
		var members map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(text, &members))
		require.Contains(t, members, "amount")
		require.NoError(t, payments.Decode(text, new(order), payments.IgnoreUnknown))
		written, err := json.Marshal(o)
		require.NoError(t, err)
		require.NoError(t, payments.Decode(written, &again, payments.RefuseUnknown))
		rewritten, err := json.Marshal(again)
		require.NoError(t, err)
		require.Equal(t, string(written), string(rewritten))
	})
}

func TestSeeds(t *testing.T) { seeds.Told(t) }
