package exchange_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/keyset"
)

// A door is a key of these tests on an encrypted content key: conforms says what its
// trial comes to.
type door struct {
	id, subkey    keyset.ID
	named, remote bool
	conforms      int
	outage        error
	cost          exchange.Cost
}

func (d door) KeyID() keyset.ID     { return d.id }
func (d door) Component() keyset.ID { return cmp.Or(d.subkey, d.id) }
func (d door) Named() bool          { return d.named }
func (d door) Remote() bool         { return d.remote }
func (d door) Cost() exchange.Cost  { return d.cost }

type group = exchange.Group[door, []byte]

func each(doors ...door) (out []group) {
	for _, d := range doors {
		out = append(out, group{Trials: []door{d}})
	}
	return out
}

func implicit(doors ...door) []group { return []group{{Trials: doors, Implicit: true}} }

func choose(conforms int, key, found []byte) {
	if conforms == 1 {
		copy(key, found)
	}
}

// What reaches the content, in which order, and what opens it.
func TestSearch(t *testing.T) {
	broken := errors.New("the service is down")
	yes, no := func(id keyset.ID) door { return door{id: id, conforms: 1} }, func(id keyset.ID) door { return door{id: id} }
	far := func(d door) door { d.remote = true; return d }
	down := func(id keyset.ID) door { return door{id: id, remote: true, outage: broken} }
	for _, tt := range []struct {
		name    string
		groups  []group
		opens   string   // the candidate that opens the content
		reached []string // the content, in order; "random A" for the substitute of A
		tried   int
		by      keyset.ID
		outage  bool
	}{
		{"the first", each(yes("A")), "A", []string{"A"}, 1, "A", false},
		{"only what conforms", each(no("A"), yes("B")), "B", []string{"B"}, 2, "B", false},
		{"what conforms and does not open", each(yes("A"), yes("B")), "B", []string{"A", "B"}, 2, "B", false},
		{"nothing", each(no("A"), no("B"), no("C")), "", nil, 3, "", false},
		{"an outage is no end", each(down("A"), yes("B")), "B", []string{"B"}, 2, "B", true},
		{"an outage is told", each(down("A"), no("B")), "", nil, 2, "", true},
		{"implicit: the substitute reaches the content", implicit(no("A"), no("B")), "", []string{"random A"}, 2, "", false},
		{"implicit: one candidate", implicit(no("A"), yes("B"), yes("C")), "B", []string{"B"}, 0, "B", false},
		{"implicit: an outage reaches nothing", implicit(down("A")), "", nil, 1, "", true},
		{"selected: all are tried", []group{{Trials: []door{no("A"), yes("B"), no("C"), no("D")}, Implicit: true, Select: choose}}, "B", []string{"B"}, 4, "B", false},
		{"selected: the substitute", []group{{Trials: []door{no("A"), no("B")}, Implicit: true, Select: choose}}, "", []string{"random A"}, 2, "", false},
		{"selected: past an outage", []group{{Trials: []door{down("A"), far(yes("B"))}, Implicit: true, Select: choose}}, "B", []string{"B"}, 2, "B", true},
		{"remote ones are asked four times at most", each(far(no("A")), far(no("B")), far(no("C")), far(no("D")), far(yes("E")), yes("F")), "F", []string{"F"}, 5, "F", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inCall(t, config(t), func(call *exchange.Call) {
				search := exchange.NewSearch(call, unwrap)
				var reached []string
				by, err := search.Run(tt.groups, func(one exchange.Candidate[door, []byte]) (bool, error) {
					what := strings.TrimPrefix(string(one.Key), "opens  ")
					reached = append(reached, what)
					return tt.opens != "" && what == tt.opens, nil
				})
				require.NoError(t, err)
				assert.Equal(t, tt.reached, reached)
				if tt.tried != 0 {
					assert.Len(t, search.Tried, tt.tried)
				}
				assert.Equal(t, tt.outage, search.Outage != nil)
				if tt.by == "" {
					assert.Nil(t, by)
				} else if assert.NotNil(t, by) {
					assert.Equal(t, tt.by, by.id)
				}
			})
		})
	}
}

func unwrap(_ context.Context, d door) ([]byte, int, error) {
	if d.conforms == 1 {
		return []byte("opens  " + string(d.id)), 1, d.outage
	}
	return []byte("random " + string(d.id)), 0, d.outage
}

// Of many trials that nothing tells apart as many are made at once as there are cores;
// a named one is made alone.
func TestSearchInParallel(t *testing.T) {
	var mu sync.Mutex
	var now, most int
	inCall(t, config(t), func(call *exchange.Call) {
		gate := make(chan struct{}, 64)
		search := exchange.NewSearch(call, func(ctx context.Context, d door) ([]byte, int, error) {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			gate <- struct{}{}
			runtime.Gosched()
			mu.Lock()
			now--
			mu.Unlock()
			return unwrap(ctx, d)
		})
		var doors []door
		for i := range 8 {
			doors = append(doors, door{id: keyset.ID(fmt.Sprint(i))})
		}
		doors[7].conforms = 1
		by, err := search.Run(each(doors...), func(one exchange.Candidate[door, []byte]) (bool, error) { return one.Last, nil })
		require.NoError(t, err)
		require.NotNil(t, by)
		assert.LessOrEqual(t, most, runtime.GOMAXPROCS(0))
		assert.Len(t, search.Tried, 8)
	})
	inCall(t, config(t), func(call *exchange.Call) {
		search := exchange.NewSearch(call, unwrap)
		_, err := search.Run(each(door{id: "A", named: true, conforms: 1}, door{id: "B"}, door{id: "C"}),
			func(exchange.Candidate[door, []byte]) (bool, error) { return true, nil })
		require.NoError(t, err)
		assert.Equal(t, []keyset.ID{"A"}, search.Tried)
	})
}

// What the message names first, then what opened last, and remote ones that it does not
// name after all local ones.
func TestSortOfTrials(t *testing.T) {
	of := []door{{id: "FAR1", remote: true}, {id: "A", subkey: "A1"}, {id: "A", subkey: "A2"}, {id: "B"}, {id: "FAR2", remote: true}, {id: "C", subkey: "C1"}, {id: "D"}}
	x := newExchange(t, config(t))
	order := func(named ...keyset.ID) string {
		all := slices.Clone(of)
		for i := range all {
			all[i].named = slices.Contains(named, all[i].id)
		}
		var out []string
		_, err := x.Open(t.Context(), 0, func(call *exchange.Call) (*envelope.Message, error) {
			exchange.Sort(call, all)
			return nil, envelope.Reject(envelope.Malformed, nil)
		})
		require.ErrorIs(t, err, envelope.ErrRejected)
		for _, d := range all {
			out = append(out, string(d.Component()))
		}
		return strings.Join(out, " ")
	}
	opens := func(decrypter envelope.KeyUse, signers ...envelope.KeyUse) {
		_, err := x.Open(t.Context(), 0, func(*exchange.Call) (*envelope.Message, error) {
			return &envelope.Message{Decrypter: decrypter, Signers: signers}, nil
		})
		require.NoError(t, err)
	}

	assert.Equal(t, "A1 A2 B C1 D FAR1 FAR2", order(), "as they come")
	assert.Equal(t, "C1 A1 A2 B D FAR1 FAR2", order("C"), "what the message names")
	assert.Equal(t, "A1 A2 FAR2 D B C1 FAR1", order("D", "A", "FAR2"), "and those as they come")

	opens(envelope.KeyUse{ID: "D"}) // by nobody whom we trust: a stranger must not reorder our keys
	assert.Equal(t, "A1 A2 B C1 D FAR1 FAR2", order())

	opens(envelope.KeyUse{ID: "C", Subkey: "C1"}, use("PEER"))
	assert.Equal(t, "C1 A1 A2 B D FAR1 FAR2", order(), "what opened last")
	assert.Equal(t, "B C1 A1 A2 D FAR1 FAR2", order("B"), "named before that")
	assert.Equal(t, "C1 A1 A2 B D FAR1 FAR2", order("C"))

	opens(envelope.KeyUse{ID: "D"}, use("PEER"))
	assert.Equal(t, "D A1 A2 B C1 FAR1 FAR2", order(), "without a subkey")

	opens(envelope.KeyUse{ID: "FAR2"}, use("PEER"))
	assert.Equal(t, "A1 A2 B C1 D FAR2 FAR1", order(), "a remote one that opened last")
}

// The work of a message is bounded, and its end is a rejection, unless a key service
// failed, which may have been the right one.
func TestSearchIsBounded(t *testing.T) {
	for _, tt := range []struct {
		outage     error
		cost, made int
	}{{nil, 1, exchange.MaxPrivateWork}, {keyset.ErrUnavailable, 1, exchange.MaxPrivateWork}, {nil, 16, 5}} {
		outage := tt.outage
		inCall(t, config(t), func(call *exchange.Call) {
			doors := []door{{id: "FAR", remote: true, outage: outage}}
			for i := range 2 * exchange.MaxPrivateWork {
				doors = append(doors, door{id: keyset.ID(fmt.Sprint(i)), cost: exchange.Cost(tt.cost)})
			}
			made := 0
			var mu sync.Mutex
			search := exchange.NewSearch(call, func(ctx context.Context, d door) ([]byte, int, error) {
				mu.Lock()
				made++
				mu.Unlock()
				return unwrap(ctx, d)
			})
			_, err := search.Run(each(doors...), func(exchange.Candidate[door, []byte]) (bool, error) { return false, nil })
			assert.Equal(t, tt.made, made)
			if outage != nil {
				assert.ErrorIs(t, err, outage)
				assert.NotErrorIs(t, err, envelope.ErrRejected)
				return
			}
			var oe *envelope.OpenError
			require.ErrorAs(t, err, &oe)
			assert.Equal(t, envelope.TooLarge, oe.Reason)
		})
	}
}
