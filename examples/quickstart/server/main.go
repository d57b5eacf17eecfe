// Server answers two partners: one speaks OpenPGP, the other JOSE. docs/first-day.md walks
// through a day with it, and a test runs every line of that.
package main

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"time"

	"github.com/sealwax/sealwax/envelope"
	sealedhttp "github.com/sealwax/sealwax/examples/http"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

func main() {
	address := flag.String("listen", "127.0.0.1:8080", "`address` to listen on")
	flag.Parse()
	ctx := context.Background()

	own, peer := keys(ctx, "gnupg", func(files fs.FS) keyset.Opener { return pgp.OpenFile(files, nil) })
	gnupg := must(pgp.New(pgp.Config{Own: own, Peer: peer, MaxAge: 5 * time.Minute, Encoding: pgp.Armor}))
	own, peer = keys(ctx, "node", jwe.OpenFile)
	node := must(jwe.New(jwe.Config{Own: own, Peer: peer, MaxAge: 5 * time.Minute}))

	handler := sealedhttp.Partners(map[string]envelope.Envelope{"gnupg": gnupg, "node": node},
		func(_ context.Context, partner string, request *envelope.Message) []byte {
			return fmt.Appendf(nil, "%s, we have your %s\n", partner, request.Payload)
		})
	panic(http.ListenAndServe(*address, handler))
}

// keys follows the two manifests in the folder of one partner. Every second it reports which
// keys are loaded and used, so that no step of a rotation comes too early.
func keys(ctx context.Context, partner string, open func(fs.FS) keyset.Opener) (own, peer *keyset.Ring) {
	folder := must(os.OpenRoot(partner))
	own, peer = new(keyset.Ring), new(keyset.Ring)
	for name, ring := range map[string]*keyset.Ring{"own": own, "peer": peer} {
		reports := keyset.ReportFiles(must(folder.OpenRoot(name + "-reports")))
		follower := must(keyset.Follow(ctx, ring, keyset.File(folder, name+".json"), open(folder.FS()),
			keyset.ReportTo(reports, "server-1", time.Second),
			keyset.ReloadWith(keyset.IdleFor(time.Second)))) // to see a whole rotation today; leave it out, and it is a week
		go follower.Run(ctx)
	}
	return own, peer
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
