package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/envelope/valkey"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/keyset/etcd"
)

// A place is where the fleet keeps its manifests, and what replicas say of themselves.
type place interface {
	store(manifest string) (keyset.Store, error)
	reports(manifest string) (keyset.Reports, error)
}

// openPlace opens "etcd://HOST:PORT/PREFIX", or a folder.
func openPlace(at string) (place, error) {
	u, err := url.Parse(at)
	if err != nil || u.Scheme != "etcd" {
		root, err := os.OpenRoot(at)
		if err != nil {
			return nil, err
		}
		return &folder{root}, nil
	}
	// After a long outage gRPC would wait for two minutes until it tries again.
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{u.Host}, DialTimeout: 5 * time.Second,
		DialOptions: []grpc.DialOption{grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 3 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		})}})
	if err != nil {
		return nil, err
	}
	return &cluster{c, strings.Trim(u.Path, "/")}, nil
}

type folder struct{ root *os.Root }

func (f *folder) store(manifest string) (keyset.Store, error) {
	return keyset.File(f.root, manifest), nil
}

func (f *folder) reports(manifest string) (keyset.Reports, error) {
	name := strings.TrimSuffix(manifest, ".json") + "-reports"
	if err := f.root.MkdirAll(name, 0o755); err != nil {
		return nil, err
	}
	root, err := f.root.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	return keyset.ReportFiles(root), nil
}

type cluster struct {
	client *clientv3.Client
	prefix string
}

func (c *cluster) store(manifest string) (keyset.Store, error) {
	return etcd.Store(c.client, c.prefix+"/"+manifest), nil
}

func (c *cluster) reports(manifest string) (keyset.Reports, error) {
	return etcd.Reports(c.client, c.prefix+"/"+strings.TrimSuffix(manifest, ".json")+"-reports"), nil
}

// openMemory opens the memory of messages: "valkey://HOST:PORT", or nothing for that of
// this process.
func openMemory(ctx context.Context, at string) (envelope.Replays, error) {
	if at == "" {
		return envelope.NewMemory(1_000_000), nil
	}
	u, err := url.Parse(at)
	if err != nil || u.Scheme != "valkey" {
		return nil, fmt.Errorf("%q is no valkey://HOST:PORT", at)
	}
	client := redis.NewClient(&redis.Options{Addr: u.Host, ContextTimeoutEnabled: true})
	return valkey.New(ctx, client, valkey.Config{Environment: "example", Partner: "bank", Direction: "from-bank"})
}

// A keyFolder is where the secrets of a party are mounted.
type keyFolder string

func (k keyFolder) path(name string) string { return filepath.Join(string(k), name) }
