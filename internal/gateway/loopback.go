package gateway

import (
	"context"
	"fmt"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
)

const (
	loopbackBuffer   = 256 << 10
	maxLoopbackBytes = 64 << 20 // of an answer; what was read may as well be passed on
)

// Loopback makes a listener in memory, for the gRPC server to serve beside the
// one on the network, and a connection to it for [Handler]. Nothing of it is seen
// from outside, so it goes without TLS. Who called closes the connection; the
// server closes the listener.
func Loopback() (net.Listener, *grpc.ClientConn, error) {
	listener := bufconn.Listen(loopbackBuffer)
	conn, err := grpc.NewClient("passthrough:///loopback",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxLoopbackBytes)),
	)
	if err != nil {
		return nil, nil, fmt.Errorf("connect to the own gRPC server: %w", err)
	}
	return listener, conn, nil
}
