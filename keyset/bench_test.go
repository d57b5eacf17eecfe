package keyset_test

import (
	"testing"
	"time"

	"github.com/sealwax/sealwax/keyset"
)

// benchRing is a partner in the middle of a rotation, its set swapped a thousand
// times a second until the benchmark ends.
func benchRing(b *testing.B) *keyset.Ring {
	r := keyset.NewRing(newSet(b, 1, peerCert.in(keyset.Active, "8A1C22F0AAAAAAAAAAAAAAAAAAAAAAAAAAAA0001"),
		peerCert.in(keyset.Retiring, "04D7BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB0002"),
		peerCert.in(keyset.Pending, "77CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC0003")))
	ids := opening(r.Load())
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-tick.C:
				if r.Retire(ids[0]) != nil {
					_ = r.Promote(ids[n%2])
				}
			}
		}
	}()
	b.Cleanup(func() { close(stop); <-stopped })
	return r
}

// BenchmarkLookup is what every message costs: one load, and one key by its ID.
func BenchmarkLookup(b *testing.B) {
	r := benchRing(b)
	id := opening(r.Load())[2]
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, ok := r.Load().Lookup(id); !ok {
				b.Fail()
			}
		}
	})
}

func BenchmarkSealing(b *testing.B) {
	r := benchRing(b)
	now := time.Now()
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			for k := range r.Load().Sealing(now) {
				if k.State != keyset.Active {
					b.Fail()
				}
			}
		}
	})
}

func BenchmarkOpening(b *testing.B) {
	r := benchRing(b)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			n := 0
			for range r.Load().Opening() {
				n++
			}
			if n != 3 {
				b.Fail()
			}
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	r := benchRing(b)
	id := opening(r.Load())[2]
	now := time.Now()
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r.RecordOpened(id, now)
		}
	})
}

// TestReadersDoNotAllocate holds the readers to what the benchmarks show.
func TestReadersDoNotAllocate(t *testing.T) {
	r := newRing(t, ownCert.in(keyset.Active, "A"), ownCert.in(keyset.Pending, "B"))
	probe, err := r.Probe("B")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for name, read := range map[string]func(){
		"Load":   func() { r.Load() },
		"Probe":  func() { probe.Load() },
		"Lookup": func() { r.Load().Lookup("B") },
		"Sealing": func() {
			for k := range r.Load().Sealing(now) {
				_ = k
			}
		},
		"Opening": func() {
			for k := range r.Load().Opening() {
				_ = k
			}
		},
		"Record": func() { r.RecordSealed("A", now); r.RecordOpened("A", now) },
		"Usage":  func() { r.Usage("A") },
	} {
		if n := testing.AllocsPerRun(100, read); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
