package sealedhttp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/sealwax/sealwax/envelope"
)

// Call seals the payload, sends it, and opens the reply.
func Call(ctx context.Context, client *http.Client, env envelope.Envelope, url string, payload []byte) (*envelope.Message, error) {
	sealed, err := env.Seal(ctx, payload)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(sealed))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", env.ContentType())
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	if err != nil {
		return nil, err
	}
	return env.Open(ctx, body)
}
