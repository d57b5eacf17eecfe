package stacks

import (
	"context"
	"errors"
	"log/slog"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/sealwax/sealwax/envelope"
)

// GRPC returns a server with the endpoint as a unary method, of which request
// and reply are one bytes field. A request that is too long never reaches it:
// gRPC answers ResourceExhausted.
func GRPC(env envelope.Envelope, options ...grpc.ServerOption) *grpc.Server {
	server := grpc.NewServer(append(options, grpc.MaxRecvMsgSize(1<<20))...)
	server.RegisterService(&service, &endpoint{env})
	return server
}

type endpoint struct{ env envelope.Envelope }

// Echo implements exchanger. Only the three texts below reach the sender: gRPC
// would send the text of any other error.
func (e *endpoint) Echo(ctx context.Context, in *wrapperspb.BytesValue) (*wrapperspb.BytesValue, error) {
	request, err := e.env.Open(ctx, in.GetValue())
	switch {
	case errors.Is(err, envelope.ErrRejected): // the message is at fault
		slog.LogAttrs(ctx, slog.LevelWarn, "request", envelope.LogAttr(err))          // says why
		return nil, status.Error(codes.InvalidArgument, envelope.ErrRejected.Error()) // does not
	case err != nil: // we are
		slog.LogAttrs(ctx, slog.LevelError, "request", envelope.LogAttr(err))
		return nil, status.Error(codes.Unavailable, "try again")
	}
	reply, err := e.env.Seal(ctx, request.Payload)
	if err != nil { // the request has been acted on: nobody is to try that again unasked
		slog.LogAttrs(ctx, slog.LevelError, "reply", envelope.LogAttr(err))
		return nil, status.Error(codes.Internal, "no reply")
	}
	return wrapperspb.Bytes(reply), nil
}
