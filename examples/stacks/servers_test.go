package stacks_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/examples/stacks"
)

// A server is one stack that listens on loopback, and its client.
type server interface {
	// call sends a request as a client does.
	call(ctx context.Context, env envelope.Envelope, payload []byte) (*envelope.Message, error)

	// send sends whatever it is given, and returns the status and all that the
	// sender learns.
	send(t *testing.T, body []byte) (status int, text string)
}

// start has one function for each stack.
var start = map[string]func(t *testing.T, env envelope.Envelope) server{
	"net/http": func(t *testing.T, env envelope.Envelope) server { return serve(t, stacks.NetHTTP(env)) },
	"chi":      func(t *testing.T, env envelope.Envelope) server { return serve(t, stacks.Chi(env)) },
	"gin":      func(t *testing.T, env envelope.Envelope) server { return serve(t, stacks.Gin(env)) },
	"echo":     func(t *testing.T, env envelope.Envelope) server { return serve(t, stacks.Echo(env)) },
	"fiber":    func(t *testing.T, env envelope.Envelope) server { return serveFiber(t, stacks.Fiber(env)) },
	"grpc":     func(t *testing.T, env envelope.Envelope) server { return serveGRPC(t, stacks.GRPC(env)) },
}

// each runs a test for every stack.
func each(t *testing.T, test func(t *testing.T, stack string)) {
	for stack := range start {
		t.Run(stack, func(t *testing.T) { test(t, stack) })
	}
}

type httpServer struct {
	address string
	client  *http.Client
}

func serve(t *testing.T, h http.Handler) server {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return &httpServer{s.Listener.Addr().String(), s.Client()}
}

func serveFiber(t *testing.T, app *fiber.App) server {
	l := listen(t)
	ended := make(chan error)
	go func() { ended <- app.Listener(l, fiber.ListenConfig{DisableStartupMessage: true}) }()
	s := &httpServer{l.Addr().String(), &http.Client{Transport: new(http.Transport)}}
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		require.NoError(t, app.Shutdown())
		require.NoError(t, <-ended)
	})
	require.Eventually(t, func() bool { // until then there is nothing to shut down
		response, err := s.client.Get("http://" + s.address)
		return err == nil && response.Body.Close() == nil
	}, 10*time.Second, time.Millisecond)
	return s
}

func listen(t *testing.T) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return l
}

func (s *httpServer) call(ctx context.Context, env envelope.Envelope, payload []byte) (*envelope.Message, error) {
	return stacks.Call(ctx, s.client, env, "http://"+s.address+"/echo", payload)
}

func (s *httpServer) send(t *testing.T, body []byte) (int, string) {
	return s.post(t, fmt.Sprintf("Content-Length: %d\r\n", len(body)), body)
}

// post writes a request by hand. A server that refuses a body need not read it
// to its end, and so we do not ask whether all of it could be written.
func (s *httpServer) post(t *testing.T, header string, body []byte) (int, string) {
	conn, err := net.Dial("tcp", s.address)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	go func() {
		_, _ = io.WriteString(conn, "POST /echo HTTP/1.1\r\nHost: loopback\r\nConnection: close\r\n"+header+"\r\n")
		_, _ = conn.Write(body)
	}()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, strings.TrimSpace(string(text))
}

// chunked is a body whose length nobody knows before its end.
func (s *httpServer) chunked(t *testing.T, body []byte) (int, string) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	return s.post(t, "Transfer-Encoding: chunked\r\n", b.Bytes())
}

type grpcServer struct{ conn *grpc.ClientConn }

func serveGRPC(t *testing.T, s *grpc.Server) server {
	l := listen(t)
	ended := make(chan error)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		require.NoError(t, <-ended)
	})
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return &grpcServer{conn}
}

func (s *grpcServer) call(ctx context.Context, env envelope.Envelope, payload []byte) (*envelope.Message, error) {
	return stacks.CallGRPC(ctx, s.conn, env, payload)
}

// httpStatus is what the codes of gRPC are in HTTP.
var httpStatus = map[codes.Code]int{
	codes.OK:                http.StatusOK,
	codes.InvalidArgument:   http.StatusBadRequest,
	codes.ResourceExhausted: http.StatusRequestEntityTooLarge,
	codes.Unavailable:       http.StatusServiceUnavailable,
	codes.Internal:          http.StatusInternalServerError,
}

func (s *grpcServer) send(t *testing.T, body []byte) (int, string) {
	reply := new(wrapperspb.BytesValue)
	got := status.Convert(s.conn.Invoke(t.Context(), "/sealwax.examples.Sealed/Echo", wrapperspb.Bytes(body), reply))
	require.Contains(t, httpStatus, got.Code(), got)
	require.Empty(t, got.Details())
	return httpStatus[got.Code()], got.Message() + string(reply.Value)
}
