package stacks

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/sealwax/sealwax/envelope"
)

// Call seals the payload, posts it to url, and opens the reply.
//
// No error says for certain that the server has done nothing: whatever stands
// between the two answers 503 as well. Number the requests in their payload
// before you send one again.
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
	if response.StatusCode != http.StatusOK {
		return nil, errors.New(response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	return env.Open(ctx, body)
}
