package published

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"

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
func Fetch(ctx context.Context, client *http.Client, url, manifest string, open keyset.Opener, policy keyset.PublicationPolicy) (keyset.PublicationOutcome, error) {
	var none keyset.PublicationOutcome
	keys, passed, err := get(ctx, client, url)
	if err != nil {
		return none, err // and nothing changes
	}
	was, err := os.ReadFile(manifest)
	if err != nil {
		return none, err
	}
	m, err := keyset.ReadManifest(bytes.NewReader(was))
	if err != nil {
		return none, err
	}
	s, err := m.Open(ctx, open)
	if err != nil {
		return none, err
	}
	ring := keyset.NewRing(s)
	published := keyset.Publication[*jwe.Key]{Keys: keys, Write: (*jwe.Key).WritePublicJWK}
	for _, p := range passed {
		published.PassedOver = append(published.PassedOver, p.String())
	}
	outcome, err := keyset.TakePublished(ctx, ring, published, open, policy)
	if err != nil || !outcome.Changed() {
		return outcome, err
	}
	return outcome, ring.Load().Manifest().ReplaceFile(manifest, was)
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
