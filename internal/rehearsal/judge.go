package rehearsal

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"

	"github.com/sealwax/sealwax/envelope"
)

const (
	contentTypePGP  = "application/octet-stream; charset=utf-8"
	contentTypeJOSE = "application/jose; charset=utf-8"
)

func encoded(raw []byte) []byte {
	return base64.RawURLEncoding.AppendEncode(nil, raw)
}

// An exchange is one message, and what came back.
type exchange struct {
	request
	answer  Answer
	silent  error             // why nothing came back, if nothing did
	message *envelope.Message // the reply, if it opens
	err     error             // why it does not
	reply   reply             // what it says
	badJSON error             // why it says nothing
}

// exchange seals a letter and sends it.
func (r *run) exchange(ctx context.Context, q request, l letter) (*exchange, error) {
	if l.payload == nil {
		l.payload = r.payload(q)
	}
	m, err := r.seal(l)
	if err != nil {
		return nil, err
	}
	return r.deliver(ctx, q, m)
}

// deliver sends a message, and opens what comes back.
func (r *run) deliver(ctx context.Context, q request, m Message) (*exchange, error) {
	a, silent, err := r.send(ctx, m)
	x := &exchange{request: q, answer: a, silent: silent}
	if err != nil || silent != nil {
		return x, err
	}
	if len(a.Body) != 0 && !a.Cut {
		x.message, x.err = r.replies.Open(ctx, a.Body)
	} else {
		x.err = fmt.Errorf("%v", a)
	}
	if x.message != nil {
		x.reply, x.badJSON = readReply(x.message.Payload)
	}
	return x, nil
}

// answered judges a message that has to be answered.
func (r *run) answered(x *exchange) (Outcome, string) {
	switch {
	case x.silent != nil:
		return Failed, noAnswer(x.silent)
	case x.answer.Status != 200:
		return Failed, "refused: " + x.told()
	case x.message == nil:
		return Failed, "answered, and the reply does not open: " + why(x.err)
	case r.Payload != nil:
		return Held, "answered"
	case x.badJSON != nil:
		return Failed, fmt.Sprintf("answered, and the reply is no JSON of the protocol: %v", x.badJSON)
	case x.reply.Message != x.request.message:
		return Failed, fmt.Sprintf("answered with clientMessage %.60q, and not what was sent", x.reply.Message)
	}
	return Held, "answered"
}

// rejected judges a message that has to be rejected, whoever notices what is wrong.
func (r *run) rejected(x *exchange) (Outcome, string) {
	switch status := x.answer.Status; {
	case x.silent != nil:
		return Failed, noAnswer(x.silent) + "; a bad message has to be answered too"
	case status >= 200 && status < 300:
		return Failed, "accepted: " + x.told()
	case status < 400:
		return Failed, fmt.Sprintf("%d: neither an answer nor a rejection", status)
	case status >= 500:
		return Failed, fmt.Sprintf("%d: it is told as an outage, so that the sender tries again", status)
	case bytes.Contains(x.answer.Body, []byte(x.request.message)):
		return Failed, "rejected, and what was sent is in the reply, in the clear"
	}
	return Held, "rejected: " + x.told()
}

// told is what an answer says, once its reply is open if it opens.
func (x *exchange) told() string {
	switch {
	case x.message != nil && x.reply.Code != "":
		return fmt.Sprintf("%d, sealed, %.60q", x.answer.Status, x.reply.Code)
	case x.message != nil:
		return fmt.Sprintf("%d, sealed", x.answer.Status)
	}
	return x.answer.String()
}
