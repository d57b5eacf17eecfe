package stacks

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/sealwax/sealwax/envelope"
)

// CallGRPC is [Call] over gRPC. What is said there of 503 holds for Unavailable:
// gRPC itself returns it when a connection breaks.
func CallGRPC(ctx context.Context, conn grpc.ClientConnInterface, env envelope.Envelope, payload []byte) (*envelope.Message, error) {
	sealed, err := env.Seal(ctx, payload)
	if err != nil {
		return nil, err
	}
	reply := new(wrapperspb.BytesValue)
	if err := conn.Invoke(ctx, echoMethod, wrapperspb.Bytes(sealed), reply, grpc.MaxCallRecvMsgSize(1<<20)); err != nil {
		return nil, err
	}
	return env.Open(ctx, reply.GetValue())
}
