// Package published shows both sides of a rotation by publication: a handler that
// publishes our keys as a JWK Set, and a program that fetches the partner's. The library
// brings no transport. Copy it.
package published

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// A Publisher publishes our keys.
type Publisher struct {
	Own keyset.Source

	// MaxAge is how long others may keep the answer. A new key waits for so long before
	// it signs.
	MaxAge time.Duration
}

// ServeHTTP answers with every key that the partner needs: pending, active, and those
// that are retiring and have signed what is under way.
func (p *Publisher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "GET or HEAD", http.StatusMethodNotAllowed)
		return
	}
	var body bytes.Buffer
	if err := jwe.WriteJWKSet(&body, p.Own.Load()); err != nil {
		http.Error(w, "no keys now", http.StatusInternalServerError)
		return
	}
	sum := sha256.Sum256(body.Bytes())
	h := w.Header()
	h.Set("Content-Type", "application/jwk-set+json") // RFC 7517, Section 8.5.2
	// A cache that cannot ask again must say so, and not answer with what is old.
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d, must-revalidate", int(p.MaxAge.Seconds())))
	h.Set("ETag", `"`+hex.EncodeToString(sum[:16])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body.Bytes())) // answers If-None-Match
}

// Promote makes a key sign that has been published for as long as caches live, which is
// its evidence. A partner that answers an echo before needs no such wait:
// [keyset.Ring.Probe].
func (p *Publisher) Promote(ring *keyset.Ring, id keyset.ID) error {
	k, ok := ring.Load().Lookup(id)
	if !ok {
		return fmt.Errorf("%w: %s", keyset.ErrNotFound, id)
	}
	now := time.Now()
	if wait := k.Since.Add(p.MaxAge).Sub(now); k.State == keyset.Pending && wait > 0 {
		return fmt.Errorf("key %s is published since %s, and caches without it live for %v more", id, k.Since.Format(time.RFC3339), wait)
	}
	if k.State == keyset.Pending {
		if err := ring.Acknowledge(id, fmt.Sprintf("published since %s, and caches live for %v", k.Since.Format(time.RFC3339), p.MaxAge)); err != nil {
			return err
		}
	}
	return ring.Promote(id)
}
