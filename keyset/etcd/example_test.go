package etcd_test

import (
	"context"
	"log"
	"os"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/keyset/etcd"
	"github.com/sealwax/sealwax/pgp"
)

const bank = "sealwax/bank/own" // our keys for this partner

// config is that of a client which notices within seconds that a connection has died, and
// that the server is there again: gRPC alone waits for up to two minutes.
func config(endpoints ...string) clientv3.Config {
	return clientv3.Config{
		Endpoints:            endpoints,
		DialKeepAliveTime:    10 * time.Second,
		DialKeepAliveTimeout: 3 * time.Second,
		DialOptions: []grpc.DialOption{grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 3 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		})},
	}
}

// follow is what each replica does before it listens.
func follow(ctx context.Context, client *clientv3.Client, ring *keyset.Ring, open keyset.Opener, replica string) (*keyset.Follower, error) {
	return keyset.Follow(ctx, ring, etcd.Store(client, bank), open,
		keyset.ReportTo(etcd.Reports(client, bank), replica, time.Minute))
}

// promote is a step of an operator. It is refused, with the names of those that lag, until
// every replica has loaded the key.
func promote(ctx context.Context, client *clientv3.Client, id keyset.ID, evidence string) error {
	return keyset.Step(ctx, etcd.Store(client, bank), func(ring *keyset.Ring) error {
		if err := ring.Acknowledge(id, evidence); err != nil {
			return err
		}
		return ring.Promote(id)
	}, keyset.AskReplicas(etcd.Reports(client, bank)))
}

// A replica that follows a manifest in etcd, with its key files in a folder.
func Example() {
	ctx := context.Background()
	client, err := clientv3.New(config("https://etcd-0:2379", "https://etcd-1:2379", "https://etcd-2:2379"))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	host, err := os.Hostname() // of a StatefulSet, so that it stays
	if err != nil {
		log.Fatal(err)
	}
	var ring keyset.Ring
	follower, err := follow(ctx, client, &ring, pgp.OpenFile(os.DirFS("/etc/sealwax/bank"), nil), host)
	if err != nil {
		log.Fatal(err)
	}
	go follower.Run(ctx)
	// … listen, with a pgp.Envelope whose Own is &ring.
}
