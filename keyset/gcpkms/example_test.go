package gcpkms_test

import (
	"context"
	"os"

	kms "cloud.google.com/go/kms/apiv1"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/keyset/gcpkms"
)

// follow opens the keys of a manifest wherever they are: in files, or in KMS.
func follow(ctx context.Context, ring *keyset.Ring, keys *os.Root, client *kms.KeyManagementClient) (*keyset.Follower, error) {
	open := keyset.Schemes(map[string]keyset.Opener{
		"file":   jwe.OpenFile(keys.FS()),
		"gcpkms": gcpkms.Opener(client),
	})
	return keyset.Follow(ctx, ring, keyset.File(keys, "own.json"), open)
}

func Example() {
	client, err := kms.NewKeyManagementClient(context.Background())
	if err != nil {
		return
	}
	defer client.Close()
	root, err := os.OpenRoot("/etc/bank")
	if err != nil {
		return
	}
	_, _ = follow(context.Background(), new(keyset.Ring), root, client)
}
