package envelopetest_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/envelopetest"
	"github.com/sealwax/sealwax/keyset"
)

// orders is the handler under test: it answers with the envelope that it is given.
func orders(env envelope.Envelope) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "cannot read the request", http.StatusBadRequest)
			return
		}
		m, err := env.Open(r.Context(), body)
		switch {
		case errors.Is(err, envelope.ErrRejected):
			http.Error(w, err.Error(), http.StatusBadRequest)
		case err != nil:
			http.Error(w, "try again", http.StatusServiceUnavailable)
		case !m.SignedBy("partner-2027"):
			http.Error(w, "that key may not order", http.StatusForbidden)
		}
	}
}

// testOrders is a unit test of the handler, without keys: call it TestOrders.
func testOrders(t *testing.T) {
	fake := envelopetest.New(t)
	call := func(body []byte) int {
		w := httptest.NewRecorder()
		orders(fake)(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(body))))
		return w.Code
	}
	order := fake.Message(`{"amount":"12.50"}`, envelope.KeyUse{ID: "partner-2027"})
	expect := func(want int, body []byte) {
		t.Helper()
		if got := call(body); got != want {
			t.Errorf("status %d, want %d", got, want)
		}
	}
	expect(http.StatusOK, order)
	expect(http.StatusForbidden, fake.Message(`{"amount":"12.50"}`, envelope.KeyUse{ID: "partner-2026"}))
	fake.Reject(envelope.RevokedSigner)
	expect(http.StatusBadRequest, order)
	fake.Reject("")
	fake.Fail(keyset.ErrUnavailable) // the key service is down
	expect(http.StatusServiceUnavailable, order)
}

// A handler is tested with a fake: messages are readable text, rejections and
// outages come when the test asks for them.
func Example() {
	// In a file that ends in _test.go, testOrders is
	//
	//	func TestOrders(t *testing.T)
	_ = testOrders
}
