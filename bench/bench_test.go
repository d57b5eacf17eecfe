package main

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// BenchmarkProfiles runs the same operations as the command, one after another, for
// benchstat; those of the limit are its steps.
//
//	go test -run - -bench 'Profiles/jwe-rsa/Open/1_MiB' -count 10
func BenchmarkProfiles(b *testing.B) {
	for _, q := range performance() {
		if q.keys != 0 || q.cores != 0 {
			continue // rounds measure these; see also the flag -cpu
		}
		b.Run(fmt.Sprintf("%s/%s/%s", q.part, q.op, sizeName(q.size)), func(b *testing.B) {
			if testing.Short() && q.size > medium {
				b.Skip("large")
			}
			subjects, err := q.subjects()
			if err != nil {
				b.Fatal(err)
			}
			for _, s := range subjects {
				b.Run(s.name, func(b *testing.B) { loop(b, s) })
			}
		})
	}
}

func loop(b *testing.B, s subject) {
	b.ReportAllocs()
	took := make([]time.Duration, len(s.steps))
	for b.Loop() {
		if err := s.do(took); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkChunks opens messages of OpenPGP version 6 in the smallest, the usual, and the
// largest chunks of AEAD, which the sender chooses: RFC 9580, Section 5.13.2.
func BenchmarkChunks(b *testing.B) {
	for _, size := range []uint64{1 << 6, 1 << 18, 1 << 22} {
		c := pgpConfig(packet.PubKeyAlgoEd25519, 0, "", true)
		c.AEADConfig.ChunkSize = size
		k, err := newPGPKeys(c)
		if err != nil {
			b.Fatal(err)
		}
		peer, err := pgpGoCrypto(k, small)
		if err != nil {
			b.Fatal(err)
		}
		we, err := pgpUs(k, small)
		if err != nil {
			b.Fatal(err)
		}
		we.seal = peer.seal
		for _, im := range []implementation{we, peer} {
			s, err := im.subject("Open", payload(small))
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%d/%s", size, im.name), func(b *testing.B) { loop(b, s) })
		}
	}
}

// BenchmarkReplaced opens on all cores while the keys of the receiver are replaced a
// thousand times a second, and while they rest.
func BenchmarkReplaced(b *testing.B) {
	keys, err := onAllCores(3, func(i int) (*jwe.Key, error) {
		return jwe.GenerateKey("", []jwe.Algorithm{jwe.ES256, jwe.ECDHESA256KW, jwe.ECDHESA256KW}[i])
	})
	if err != nil {
		b.Fatal(err)
	}
	own, err := ring(keys[1], keys[2])
	if err != nil {
		b.Fatal(err)
	}
	im, err := ours(keys[0], keys[1], func(_, peer *keyset.Ring) (*jwe.Envelope, error) { return jwe.New(jwe.Config{Own: own, Peer: peer}) })
	if err == nil { // the one that seals signs with its own key
		var from implementation
		from, err = ours(keys[0], keys[1], func(own, peer *keyset.Ring) (*jwe.Envelope, error) { return jwe.New(jwe.Config{Own: own, Peer: peer}) })
		im.seal = from.seal
	}
	if err != nil {
		b.Fatal(err)
	}
	s, err := im.subject("Open", payload(small))
	if err != nil {
		b.Fatal(err)
	}
	for _, replaced := range []bool{false, true} {
		b.Run(fmt.Sprintf("replaced=%t", replaced), func(b *testing.B) {
			if replaced {
				done := make(chan struct{})
				ended := make(chan struct{})
				go func() { defer close(ended); toggle(own, keys[2].Info().ID, done) }()
				defer func() { close(done); <-ended }()
			}
			b.SetParallelism(1)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := s.steps[0].do(); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
	runtime.KeepAlive(keys)
}

// toggle replaces the set of a ring a thousand times a second.
func toggle(r *keyset.Ring, id keyset.ID, done <-chan struct{}) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for active := true; ; active = !active {
		select {
		case <-done:
			return
		case <-tick.C:
			if step := map[bool]func(keyset.ID) error{true: r.Retire, false: r.Promote}[active]; step(id) != nil {
				return
			}
		}
	}
}
