package envelope_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
)

// An observer is told about every Seal and every Open. Here one logs them and
// one counts why messages are rejected.
func Example_observer() {
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: withoutTime}))

	rejected := map[envelope.Reason]int{} // in a program: counters that are safe for concurrent use
	count := func(_ context.Context, e envelope.Event) {
		if rejection, ok := errors.AsType[*envelope.OpenError](e.Err); ok {
			rejected[rejection.Reason]++
		}
	}
	observe := envelope.Observers(envelope.LogTo(log), count) // for the Observe of a Config

	// What envelopes report when they are used:
	observe(context.Background(), envelope.Event{
		Op: "open", Format: keyset.JOSE, Size: 812,
		Keys: []envelope.KeyUse{{ID: "dD3a", Own: true, Use: keyset.Encryption, State: keyset.Active, Algorithm: "RSA-OAEP-256"}},
	})
	observe(context.Background(), envelope.Event{
		Op: "open", Format: keyset.JOSE, Size: 790,
		Err: envelope.Reject(envelope.RevokedSigner, nil, "nZmK"),
	})
	fmt.Println(rejected)

	// Output:
	// level=DEBUG msg="envelope open" op=open format=jose keys.0.id=dD3a keys.0.own=true keys.0.use=encryption keys.0.state=active keys.0.algorithm=RSA-OAEP-256 size=812 elapsed=0s
	// level=WARN msg="envelope open" op=open format=jose size=790 elapsed=0s err.reason=revoked_signer err.keys=[nZmK]
	// map[revoked_signer:1]
}
