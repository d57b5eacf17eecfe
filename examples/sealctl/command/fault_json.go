package command

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"strconv"
	"time"

	"github.com/sealwax/sealwax/envelope"
	payments "github.com/sealwax/sealwax/examples/standardpayments"
)

// rewriting makes an endpoint read another payload than the one that was sent.
func rewriting(f func([]byte) []byte) func(*endpoint) error {
	return func(e *endpoint) error {
		right := e.open
		e.open = opener{right, func(ctx context.Context, sealed []byte) (*envelope.Message, error) {
			m, err := right.Open(ctx, sealed)
			if err == nil {
				m.Payload = f(m.Payload)
			}
			return m, err
		}}
		return nil
	}
}

// What lax parsers take.
var (
	comments = regexp.MustCompile(`(?s)/\*.*?\*/|//[^\n]*`)
	trailing = regexp.MustCompile(`,(\s*[}\]])`)
	notANum  = regexp.MustCompile(`\bNaN\b`)
	single   = regexp.MustCompile(`'([^']*)'`)
)

// lax returns the JSON that a lax parser reads in a text, and the text if it reads none.
func lax(text []byte) []byte {
	in := bytes.TrimPrefix(text, []byte("\ufeff"))
	if !json.Valid(in) {
		in = comments.ReplaceAll(in, nil)
		in = trailing.ReplaceAll(in, []byte("$1"))
		in = notANum.ReplaceAll(in, []byte("0"))
		in = single.ReplaceAll(in, []byte(`"$1"`))
	}
	d := json.NewDecoder(bytes.NewReader(in)) // the first value; of members that stand twice, the last
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return text
	}
	out, err := json.Marshal(v)
	if err != nil {
		return text
	}
	return out
}

// stampedNow returns a request with the time of now.
func stampedNow(text []byte) []byte {
	var members, header map[string]json.RawMessage
	if payments.Decode(text, new(payments.EchoRequest), payments.IgnoreUnknown) != nil ||
		json.Unmarshal(text, &members) != nil || json.Unmarshal(members["requestHeader"], &header) != nil {
		return text
	}
	header["requestTimestamp"] = strconv.AppendQuote(nil, strconv.FormatInt(time.Now().UnixMilli(), 10))
	raw, err := json.Marshal(header)
	if err != nil {
		return text
	}
	members["requestHeader"] = raw
	if raw, err = json.Marshal(members); err != nil {
		return text
	}
	return raw
}
