package published

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// Opener opens the keys of the partner's manifest: those that were installed by hand,
// and those that came by publication. It needs no network.
func Opener(files fs.FS) keyset.Opener {
	return keyset.Schemes(map[string]keyset.Opener{
		"file":      jwe.OpenFile(files),
		"published": keyset.OpenPublished(jwe.OpenFile),
	})
}

// Fetch asks the partner for its keys, and brings the manifest up to them. Run it from
// one place, every few minutes; servers follow the manifest, as with any other step.
func Fetch(ctx context.Context, client *http.Client, url string, store keyset.Store, open keyset.Opener, policy keyset.PublicationPolicy, opts ...keyset.StepOption) (keyset.PublicationOutcome, error) {
	keys, passed, err := get(ctx, client, url)
	if err != nil {
		return keyset.PublicationOutcome{}, err // and nothing changes
	}
	published := keyset.Publication[*jwe.Key]{Keys: keys, Write: (*jwe.Key).WritePublicJWK}
	for _, p := range passed {
		published.PassedOver = append(published.PassedOver, p.String())
	}
	var outcome keyset.PublicationOutcome
	err = keyset.Step(ctx, store, func(ring *keyset.Ring) error {
		outcome, err = keyset.TakePublished(ctx, ring, published, open, policy)
		return err
	}, append(opts, keyset.OpenKeys(open))...)
	return outcome, err
}

func get(ctx context.Context, client *http.Client, url string) ([]*jwe.Key, []jwe.PassedOver, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("the partner's keys: %s", response.Status)
	}
	// All of it, or an error: half a set is no set.
	raw, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return nil, nil, fmt.Errorf("the partner's keys: %w", err)
	}
	return jwe.ReadKeys(bytes.NewReader(raw), 0)
}
