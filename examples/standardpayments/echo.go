package standardpayments

import "context"

// An EchoRequest asks for its message back: by it the network tests a partner several
// times a minute, with valid and with invalid input.
type EchoRequest struct {
	Request
	ClientMessage string `json:"clientMessage"`
}

// An EchoReply answers an [EchoRequest].
type EchoReply struct {
	Reply
	ClientMessage string `json:"clientMessage"`
	ServerMessage string `json:"serverMessage,omitempty"`
}

// Echo returns the method for [NewHandler]. The serverMessage is the owner's to choose, such
// as the version of the server. It goes to whoever the network is: no secrets.
func Echo(serverMessage string) func(context.Context, *EchoRequest) (*EchoReply, error) {
	return func(_ context.Context, r *EchoRequest) (*EchoReply, error) {
		return &EchoReply{ClientMessage: r.ClientMessage, ServerMessage: serverMessage}, nil
	}
}

// Echo asks the other side for the message back, and returns [ErrOtherReply] if something
// else comes. A message that was never sent before, such as [crypto/rand.Text], shows that
// the reply is that to this request: the reply has no requestId.
func (c *Client) Echo(ctx context.Context, message string) (*EchoReply, error) {
	reply, err := Call[EchoReply](ctx, c, &EchoRequest{ClientMessage: message})
	if err == nil && reply.ClientMessage != message {
		return nil, ErrOtherReply
	}
	return reply, err
}
