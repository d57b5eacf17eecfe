package follow

import (
	"context"
	"log/slog"

	"github.com/sealwax/sealwax/keyset"
)

// A Replica is one of several processes that follow a manifest in a store they share.
type Replica struct {
	Name    string         // its own, and the same after a restart, such as that of a pod of a StatefulSet
	Store   keyset.Store   // keyset.File, or one of an adapter, such as keyset/etcd
	Reports keyset.Reports // keyset.ReportFiles, or those of the adapter
	Open    keyset.Opener
	Log     *slog.Logger
}

// Follow loads the manifest, and publishes what the replica has loaded, refused, and used,
// so that no step is made that it is not ready for. The server calls run in a goroutine,
// and end when it has answered its last request.
func (r *Replica) Follow(ctx context.Context, ring *keyset.Ring) (run, end func(context.Context) error, err error) {
	report := func(o keyset.Outcome, err error) {
		level := slog.LevelInfo
		if err != nil || len(o.Refused) != 0 {
			level = slog.LevelError
		}
		r.Log.Log(ctx, level, "keys", "replica", r.Name, "outcome", o, "error", err)
	}
	follower, err := keyset.Follow(ctx, ring, r.Store, r.Open, keyset.ReportTo(r.Reports, r.Name, 0), keyset.OnOutcome(report))
	if err != nil {
		return nil, nil, err
	}
	return follower.Run, follower.End, nil
}

// Promote is a step of the operator: any number of them may make steps at once. It is
// refused, with keyset.ErrLagging and their names, while some replica has not loaded the
// key.
func Promote(ctx context.Context, store keyset.Store, reports keyset.Reports, id keyset.ID, evidence string) error {
	return keyset.Step(ctx, store, func(ring *keyset.Ring) error {
		if err := ring.Acknowledge(id, evidence); err != nil {
			return err
		}
		return ring.Promote(id)
	}, keyset.AskReplicas(reports))
}
