package stacks

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// What protoc makes of this, written by hand so that nobody needs it here:
//
//	service Sealed {
//	  rpc Echo(google.protobuf.BytesValue) returns (google.protobuf.BytesValue);
//	}
type exchanger interface {
	Echo(context.Context, *wrapperspb.BytesValue) (*wrapperspb.BytesValue, error)
}

const (
	serviceName = "sealwax.examples.Sealed"
	echoMethod  = "/" + serviceName + "/Echo"
)

var service = grpc.ServiceDesc{
	ServiceName: serviceName,
	HandlerType: (*exchanger)(nil),
	Methods: []grpc.MethodDesc{{
		MethodName: "Echo",
		Handler: func(server any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
			in := new(wrapperspb.BytesValue)
			if err := decode(in); err != nil {
				return nil, err
			}
			call := func(ctx context.Context, in any) (any, error) {
				return server.(exchanger).Echo(ctx, in.(*wrapperspb.BytesValue))
			}
			if intercept == nil {
				return call(ctx, in)
			}
			return intercept(ctx, in, &grpc.UnaryServerInfo{Server: server, FullMethod: echoMethod}, call)
		},
	}},
}
