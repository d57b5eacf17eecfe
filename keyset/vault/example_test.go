package vault_test

import (
	"context"
	"os"

	"github.com/hashicorp/vault/api"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/keyset/vault"
)

// follow opens the keys of a manifest wherever they are: in files, or in Transit.
func follow(ctx context.Context, ring *keyset.Ring, keys *os.Root, client *api.Client) (*keyset.Follower, error) {
	open := keyset.Schemes(map[string]keyset.Opener{
		"file":  jwe.OpenFile(keys.FS()),
		"vault": vault.Opener(client),
	})
	return keyset.Follow(ctx, ring, keyset.File(keys, "own.json"), open)
}

func Example() {
	root, err := os.OpenRoot("/etc/bank")
	if err != nil {
		return
	}
	client, err := api.NewClient(api.DefaultConfig())
	if err != nil {
		return
	}
	_, _ = follow(context.Background(), new(keyset.Ring), root, client)
}
