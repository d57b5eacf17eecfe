package awskms_test

import (
	"context"
	"os"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/keyset/awskms"
)

// follow opens the keys of a manifest wherever they are: in files, or in KMS.
func follow(ctx context.Context, ring *keyset.Ring, keys *os.Root, client *kms.Client) (*keyset.Follower, error) {
	open := keyset.Schemes(map[string]keyset.Opener{
		"file":   jwe.OpenFile(keys.FS()),
		"awskms": awskms.Opener(client),
	})
	return keyset.Follow(ctx, ring, keyset.File(keys, "own.json"), open)
}

func Example() {
	root, err := os.OpenRoot("/etc/bank")
	if err != nil {
		return
	}
	// Most programs make the options with config.LoadDefaultConfig of the SDK.
	client := kms.New(kms.Options{Region: "eu-central-1"})
	_, _ = follow(context.Background(), new(keyset.Ring), root, client)
}
