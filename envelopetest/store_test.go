package envelopetest

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/keyset"
)

func TestMemoryStoreKeepsItsPromises(t *testing.T) {
	TestStore(t, func(t *testing.T) keyset.Store { return NewStore(t) })
	t.Run("two", func(t *testing.T) {
		TestStore(t, func(t *testing.T) keyset.Store { s := NewStore(t); return TwoStores(s, s) })
	})
}

func TestMemoryStoreInABubble(t *testing.T) {
	for _, p := range slices.Concat(storePromises, stepPromises) {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { assert.Empty(t, p.check(NewStore(t))) })
		})
	}
}

// documented is the prose of a file: its comments, without their marks and lines.
func documented(t *testing.T, name string) string {
	raw, err := os.ReadFile(name)
	require.NoError(t, err)
	prose := strings.Join(regexp.MustCompile(`(?m)^\s*//.*$`).FindAllString(string(raw), -1), "\n")
	return strings.Join(strings.Fields(regexp.MustCompile(`(?m)^\s*//`).ReplaceAllString(prose, " ")), " ")
}

// What the suites quote, the interfaces say.
func TestPromisesAreQuoted(t *testing.T) {
	quoted := func(file, name, text string) {
		prose := documented(t, file)
		for sentence := range strings.SplitAfterSeq(text, ". ") {
			assert.Contains(t, prose, strings.TrimSpace(sentence), "%s: %s", file, name)
		}
	}
	for _, p := range storePromises {
		quoted("../keyset/store.go", p.name, p.text)
	}
	for _, p := range stepPromises {
		quoted("../keyset/step.go", p.name, p.text)
	}
	for _, p := range reportPromises {
		quoted("../keyset/reports.go", p.name, p.text)
	}
}

// A brokenStore breaks one promise of the store that it wraps.
type brokenStore struct {
	keyset.Store
	load func(s keyset.Store, ctx context.Context, known keyset.Version) ([]byte, keyset.Version, error)
	swap func(s keyset.Store, ctx context.Context, old keyset.Version, data []byte) (keyset.Version, error)
}

func (b brokenStore) Load(ctx context.Context, known keyset.Version) ([]byte, keyset.Version, error) {
	if b.load != nil {
		return b.load(b.Store, ctx, known)
	}
	return b.Store.Load(ctx, known)
}

func (b brokenStore) Swap(ctx context.Context, old keyset.Version, data []byte) (keyset.Version, error) {
	if b.swap != nil {
		return b.swap(b.Store, ctx, old, data)
	}
	return b.Store.Swap(ctx, old, data)
}

// inForce is the version in force.
func inForce(s keyset.Store) keyset.Version {
	_, version, _ := s.Load(bg, "")
	return version
}

// What changes the bytes on their way in.
func storing(change func([]byte) []byte) brokenStore {
	return brokenStore{swap: func(s keyset.Store, ctx context.Context, old keyset.Version, data []byte) (keyset.Version, error) {
		return s.Swap(ctx, old, change(data))
	}}
}

// brokenStores are wrong in one way each, by the promise that notices.
func brokenStores() map[string]map[string]brokenStore {
	var mu sync.Mutex
	return map[string]map[string]brokenStore{
		"Nothing": {
			"no error": {load: func(s keyset.Store, ctx context.Context, known keyset.Version) ([]byte, keyset.Version, error) {
				data, version, err := s.Load(ctx, known)
				if errors.Is(err, fs.ErrNotExist) {
					return nil, "", nil
				}
				return data, version, err
			}},
			"another error": {load: func(s keyset.Store, ctx context.Context, known keyset.Version) ([]byte, keyset.Version, error) {
				data, version, err := s.Load(ctx, known)
				if errors.Is(err, fs.ErrNotExist) {
					err = errors.New("nothing here")
				}
				return data, version, err
			}},
			"waits until there is something": {load: func(s keyset.Store, ctx context.Context, known keyset.Version) ([]byte, keyset.Version, error) {
				data, version, err := s.Load(ctx, known)
				if errors.Is(err, fs.ErrNotExist) {
					select {
					case <-ctx.Done():
					case <-time.After(promptly):
					}
				}
				return data, version, err
			}},
			"takes any version for none": {swap: func(s keyset.Store, ctx context.Context, old keyset.Version, data []byte) (keyset.Version, error) {
				if inForce(s) == "" {
					old = ""
				}
				return s.Swap(ctx, old, data)
			}},
		},
		"Octets": {
			"text": storing(func(data []byte) []byte { return bytes.ToValidUTF8(data, []byte("\ufffd")) }),
			"lines": storing(func(data []byte) []byte {
				return append(bytes.TrimSuffix(data, []byte("\n")), '\n')
			}),
			"a string of C": storing(func(data []byte) []byte { before, _, _ := bytes.Cut(data, []byte{0}); return before }),
			"half a MiB":    storing(func(data []byte) []byte { return data[:min(len(data), 1<<19)] }),
			"one version": {
				load: func(s keyset.Store, ctx context.Context, known keyset.Version) ([]byte, keyset.Version, error) {
					data, version, err := s.Load(ctx, "")
					if version != "" {
						version = "v"
					}
					return data, version, err
				},
				swap: func(s keyset.Store, ctx context.Context, old keyset.Version, data []byte) (keyset.Version, error) {
					_, err := s.Swap(ctx, inForce(s), data)
					return "v", err
				},
			},
			"another version than that of Load": {swap: func(s keyset.Store, ctx context.Context, old keyset.Version, data []byte) (keyset.Version, error) {
				version, err := s.Swap(ctx, inForce(s), data)
				return version + "?", err
			}},
		},
		"Ownership": {
			"keeps data": func() brokenStore {
				var kept []byte
				return brokenStore{
					load: func(s keyset.Store, ctx context.Context, known keyset.Version) ([]byte, keyset.Version, error) {
						_, version, err := s.Load(ctx, known)
						return bytes.Clone(kept), version, err
					},
					swap: func(s keyset.Store, ctx context.Context, old keyset.Version, data []byte) (keyset.Version, error) {
						kept = data
						return s.Swap(ctx, old, data)
					},
				}
			}(),
			"gives away what it keeps": func() brokenStore {
				var kept []byte
				return brokenStore{
					load: func(s keyset.Store, ctx context.Context, known keyset.Version) ([]byte, keyset.Version, error) {
						_, version, err := s.Load(ctx, known)
						return kept, version, err
					},
					swap: func(s keyset.Store, ctx context.Context, old keyset.Version, data []byte) (keyset.Version, error) {
						kept = bytes.Clone(data)
						return s.Swap(ctx, old, data)
					},
				}
			}(),
			"writes to data": {swap: func(s keyset.Store, ctx context.Context, old keyset.Version, data []byte) (keyset.Version, error) {
				defer clear(data)
				return s.Swap(ctx, old, data)
			}},
		},
		"Conflict": {
			"the last one wins": {swap: func(s keyset.Store, ctx context.Context, _ keyset.Version, data []byte) (keyset.Version, error) {
				return s.Swap(ctx, inForce(s), data)
			}},
			"the zero Version is any": {swap: func(s keyset.Store, ctx context.Context, old keyset.Version, data []byte) (keyset.Version, error) {
				if old == "" {
					old = inForce(s)
				}
				return s.Swap(ctx, old, data)
			}},
			"compares beginnings": {swap: func(s keyset.Store, ctx context.Context, old keyset.Version, data []byte) (keyset.Version, error) {
				if is := inForce(s); is != "" && strings.HasPrefix(string(old), string(is)) {
					old = is
				}
				return s.Swap(ctx, old, data)
			}},
			"stores, and says conflict": {swap: func(s keyset.Store, ctx context.Context, old keyset.Version, data []byte) (keyset.Version, error) {
				version, err := s.Swap(ctx, old, data)
				if errors.Is(err, keyset.ErrConflict) {
					_, _ = s.Swap(ctx, inForce(s), data)
				}
				return version, err
			}},
			"an error without a type": {swap: func(s keyset.Store, ctx context.Context, old keyset.Version, data []byte) (keyset.Version, error) {
				version, err := s.Swap(ctx, old, data)
				if errors.Is(err, keyset.ErrConflict) {
					err = errors.New(err.Error())
				}
				return version, err
			}},
		},
		"Waiting": {
			"does not wait": {load: func(s keyset.Store, ctx context.Context, _ keyset.Version) ([]byte, keyset.Version, error) {
				return s.Load(ctx, "")
			}},
			"an error in place of waiting": {load: func(s keyset.Store, ctx context.Context, known keyset.Version) ([]byte, keyset.Version, error) {
				if known != "" && known == inForce(s) {
					return nil, "", errors.New("nothing new")
				}
				return s.Load(ctx, known)
			}},
			"does not wake up": {load: func(s keyset.Store, ctx context.Context, known keyset.Version) ([]byte, keyset.Version, error) {
				if known != "" && known == inForce(s) {
					<-ctx.Done()
					return nil, "", ctx.Err()
				}
				return s.Load(ctx, known)
			}},
			"waits for any change of an old version": {load: func(s keyset.Store, ctx context.Context, known keyset.Version) ([]byte, keyset.Version, error) {
				if known != "" {
					known = inForce(s)
				}
				return s.Load(ctx, known)
			}},
		},
		"Order": {
			"a cache that is late": func() brokenStore {
				var last, former looked
				return brokenStore{load: func(s keyset.Store, ctx context.Context, known keyset.Version) ([]byte, keyset.Version, error) {
					data, version, err := s.Load(ctx, known)
					mu.Lock()
					defer mu.Unlock()
					if err == nil && version != last.version {
						former, last = last, looked{data, version, nil}
						if former.version != "" {
							return bytes.Clone(former.data), former.version, nil
						}
					}
					return data, version, err
				}}
			}(),
			"another version for each look": func() brokenStore {
				n := 0
				return brokenStore{load: func(s keyset.Store, ctx context.Context, known keyset.Version) ([]byte, keyset.Version, error) {
					data, version, err := s.Load(ctx, "")
					mu.Lock()
					defer mu.Unlock()
					n++
					return data, version + keyset.Version(strings.Repeat("'", n)), err
				}}
			}(),
		},
		"Cancellation": {
			"does not end": {load: func(s keyset.Store, _ context.Context, known keyset.Version) ([]byte, keyset.Version, error) {
				ctx, cancel := context.WithTimeout(bg, time.Hour)
				defer cancel()
				return s.Load(ctx, known)
			}},
			"an error of its own": {load: func(s keyset.Store, ctx context.Context, known keyset.Version) ([]byte, keyset.Version, error) {
				data, version, err := s.Load(ctx, known)
				if ctx.Err() != nil {
					err = errors.New("the connection was closed")
				}
				return data, version, err
			}},
			"does not look at ctx": {swap: func(s keyset.Store, _ context.Context, old keyset.Version, data []byte) (keyset.Version, error) {
				return s.Swap(bg, old, data)
			}},
			"stores half": {swap: func(s keyset.Store, ctx context.Context, old keyset.Version, data []byte) (keyset.Version, error) {
				version, err := s.Swap(ctx, old, data)
				if ctx.Err() != nil {
					_, _ = s.Swap(bg, old, data[:len(data)/2])
				}
				return version, err
			}},
			"takes the end of ctx for a conflict": {swap: func(s keyset.Store, ctx context.Context, old keyset.Version, data []byte) (keyset.Version, error) {
				version, err := s.Swap(ctx, old, data)
				if ctx.Err() != nil {
					err = keyset.ErrConflict
				}
				return version, err
			}},
		},
		"Writers": {
			"looks, and then stores": {swap: func(s keyset.Store, ctx context.Context, old keyset.Version, data []byte) (keyset.Version, error) {
				is := inForce(s)
				if old != is {
					return "", keyset.ErrConflict
				}
				time.Sleep(time.Millisecond)
				return s.Swap(ctx, inForce(s), data)
			}},
			"stores, and says conflict": {swap: func(s keyset.Store, ctx context.Context, old keyset.Version, data []byte) (keyset.Version, error) {
				version, err := s.Swap(ctx, old, data)
				if err == nil && bytes.Count(data, []byte("\n"))%5 == 0 {
					err = keyset.ErrConflict
				}
				return version, err
			}},
			"busy": {swap: func(s keyset.Store, ctx context.Context, old keyset.Version, data []byte) (keyset.Version, error) {
				time.Sleep(time.Millisecond)
				version, err := s.Swap(ctx, old, data)
				if errors.Is(err, keyset.ErrConflict) {
					err = errors.New("the database is locked")
				}
				return version, err
			}},
		},
	}
}

// brokenForSteps are wrong in ways that Step cannot make good.
func brokenForSteps() map[string]map[string]brokenStore {
	all := brokenStores()
	return map[string]map[string]brokenStore{
		"Steps": all["Writers"],
		"StepUnanswered": {"the first one wins": {swap: func() func(s keyset.Store, ctx context.Context, old keyset.Version, data []byte) (keyset.Version, error) {
			swaps := 0
			return func(s keyset.Store, ctx context.Context, old keyset.Version, data []byte) (keyset.Version, error) {
				if swaps++; swaps%2 == 0 {
					return inForce(s), nil
				}
				return s.Swap(ctx, old, data)
			}
		}()}},
		"StepStale": {"the last one wins": all["Conflict"]["the last one wins"]},
	}
}

// The suite catches a store that breaks any one promise.
func TestTheSuiteCatchesStores(t *testing.T) {
	catches(t, storePromises, brokenStores(), func(t *testing.T, b brokenStore) keyset.Store {
		b.Store = NewStore(t)
		return b
	})
	// Two places are not two handles on one.
	for _, p := range slices.Concat(storePromises, stepPromises) {
		if slices.Contains([]string{"Nothing", "Conflict", "Waiting", "Order", "Writers", "Steps", "StepUnanswered", "StepStale"}, p.name) {
			synctest.Test(t, func(t *testing.T) { assert.NotEmpty(t, p.check(TwoStores(NewStore(t), NewStore(t))), p.name) })
		}
	}
	catches(t, stepPromises, brokenForSteps(), func(t *testing.T, b brokenStore) keyset.Store {
		b.Store = NewStore(t)
		return b
	})
}

// catches lets the checks of one promise each look at subjects that break it. In a
// bubble no time passes while they wait for what never comes.
func catches[S, B any](t *testing.T, promises []promise[S], broken map[string]map[string]B, subject func(*testing.T, B) S) {
	for _, p := range promises {
		assert.NotEmpty(t, broken[p.name], "nothing breaks %s", p.name)
		for way, b := range broken[p.name] {
			t.Run(p.name+", "+way, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					assert.NotEmpty(t, p.check(subject(t, b)), "the suite does not notice")
				})
			})
		}
		delete(broken, p.name)
	}
	assert.Empty(t, broken, "no such promise")
}
