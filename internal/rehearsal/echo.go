package rehearsal

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A request is a call of the echo, before it is sealed.
type request struct {
	id      string
	at      time.Time
	message string // what has to come back, and nowhere else
}

func newRequest(what string) request {
	return request{id: random("rehearsal-"), at: time.Now(), message: random(what + " ")}
}

func random(prefix string) string {
	b := make([]byte, 12)
	_, _ = rand.Read(b)
	return prefix + base64.RawURLEncoding.EncodeToString(b)
}

// text is the request as JSON.
func (q request) text() string {
	return fmt.Sprintf(`{"requestHeader":{"protocolVersion":{"major":1,"minor":0,"revision":0},"requestId":%q,"requestTimestamp":"%d"},"clientMessage":%q}`,
		q.id, q.at.UnixMilli(), q.message)
}

// A reply is what the echo answers; an error has a code in place of the message.
type reply struct {
	Header struct {
		Timestamp millis `json:"responseTimestamp"`
	} `json:"responseHeader"`
	Message string `json:"clientMessage"`
	Code    string `json:"errorResponseCode"`
}

// millis is a time in milliseconds: a number, or a string of digits.
type millis int64

func (m *millis) UnmarshalJSON(raw []byte) error {
	n, err := strconv.ParseInt(strings.Trim(string(raw), `"`), 10, 64)
	*m = millis(n)
	return err
}

func readReply(payload []byte) (r reply, err error) {
	err = json.Unmarshal(payload, &r)
	return r, err
}

// fresh reports whether a time is within 60 s of now.
func (m millis) fresh() bool {
	return time.Since(time.UnixMilli(int64(m))).Abs() <= time.Minute
}

// An oddity is what can be done to JSON.
type oddity struct {
	name, what string
	change     func(text string) string
}

func replacing(old, with string) func(string) string {
	return func(text string) string { return strings.Replace(text, old, with, 1) }
}

// lax are texts that are no JSON, or that two parsers read as two things (RFC 8259;
// RFC 7493, section 2.3).
var lax = []oddity{
	{"comment", "a comment", replacing(`,"clientMessage"`, `,/* hello */"clientMessage"`)},
	{"duplicate-member", "a member twice", replacing(`"clientMessage"`, `"clientMessage":"another","clientMessage"`)},
	{"nested-duplicate", "a member of the header twice", replacing(`"requestId"`, `"requestId":"another","requestId"`)},
	{"trailing-comma", "a comma before the last brace", func(text string) string { return strings.TrimSuffix(text, "}") + ",}" }},
	{"bom", "a byte order mark", func(text string) string { return "\ufeff" + text }},
	{"nan", "NaN", replacing(`"minor":0`, `"minor":NaN`)},
	{"single-quotes", "names in single quotes", replacing(`"clientMessage"`, `'clientMessage'`)},
	{"trailing-data", "another value after the first", func(text string) string { return text + "{}" }},
	{"cut", "JSON without its end", func(text string) string { return text[:len(text)-1] }},
	{"not-utf8", "bytes that are not UTF-8", replacing(`"clientMessage":"`, "\"clientMessage\":\"\xff")},
	{"another-type", "an array in place of the header", func(text string) string { return `{"requestHeader":[],"clientMessage":"x"}` }},
	{"empty", "no JSON at all", func(string) string { return "" }},
}

// unusual are texts that are JSON, and mean the same.
var unusual = []oddity{
	{"escapes", "letters written as escapes", func(text string) string {
		return strings.Replace(text, `"clientMessage"`, "\"\\u0063lientMessage\"", 1)
	}},
	{"order", "members in another order, with blanks between them", func(text string) string {
		at := strings.Index(text, `,"clientMessage"`)
		return " {\n\t" + strings.TrimSuffix(text[at+1:], "}") + ", \r\n" + text[1:at] + "} "
	}},
}

// unknownMember is what a later version of the protocol may have.
var unknownMember = oddity{"unknown-member", "a member that is not known", replacing(`,"clientMessage"`, `,"laterAddition":{"a":[1,2]},"clientMessage"`)}
