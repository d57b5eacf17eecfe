package valkey_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// BenchmarkRemember is one message with one signature, and BenchmarkPing the round trip
// without it.
func BenchmarkRemember(b *testing.B) {
	s := newServer(b)
	m := newMemory(b, s.client(), fresh())
	for b.Loop() {
		if ok, err := m.Remember(b.Context(), sighting(digests(1))); !ok {
			b.Fatal(err)
		}
	}
}

func BenchmarkPing(b *testing.B) {
	c := newServer(b).client()
	for b.Loop() {
		if err := c.Ping(b.Context()).Err(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSize prints how many bytes of the server one digest takes.
func BenchmarkSize(b *testing.B) {
	const n = 200_000
	for b.Loop() {
		s := newServer(b)
		m := newMemory(b, s.client(), fresh())
		used := func() int64 {
			var bytes int64
			_, err := fmt.Sscanf(s.do("INFO", "memory").(string)[len("# Memory\r\n"):], "used_memory:%d", &bytes)
			require.NoError(b, err)
			return bytes
		}
		before := used()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				for range n / 20 {
					_, err := m.Remember(context.Background(), sighting(digests(1)))
					assert.NoError(b, err)
				}
			})
		}
		wg.Wait()
		b.ReportMetric(float64(used()-before)/n, "B/digest")
	}
}
