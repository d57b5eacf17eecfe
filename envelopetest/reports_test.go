package envelopetest

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sealwax/sealwax/keyset"
)

func TestMemoryReportsKeepTheirPromises(t *testing.T) {
	for _, p := range reportPromises {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { assert.Empty(t, p.check(NewReports(t))) })
		})
	}
	TestReports(t, func(t *testing.T) keyset.Reports { s := NewReports(t); return TwoReports(s, s) })
}

func TestMemoryOutsideOfTests(t *testing.T) {
	assert.Panics(t, func() { NewStore(nil) })
	assert.Panics(t, func() { NewReports(nil) })
}

type (
	all        = map[string]keyset.StoredReport
	putFunc    = func(s keyset.Reports, ctx context.Context, replica string, old keyset.Version, data []byte, ttl time.Duration) (keyset.Version, error)
	allFunc    = func(s keyset.Reports, ctx context.Context) (all, error)
	forgetFunc = func(s keyset.Reports, ctx context.Context, replica string) error
)

// brokenReports break one promise of the reports that they wrap.
type brokenReports struct {
	keyset.Reports
	put    putFunc
	list   allFunc
	forget forgetFunc
}

func (b brokenReports) Put(ctx context.Context, replica string, old keyset.Version, data []byte, ttl time.Duration) (keyset.Version, error) {
	if b.put != nil {
		return b.put(b.Reports, ctx, replica, old, data, ttl)
	}
	return b.Reports.Put(ctx, replica, old, data, ttl)
}

func (b brokenReports) All(ctx context.Context) (all, error) {
	if b.list != nil {
		return b.list(b.Reports, ctx)
	}
	return b.Reports.All(ctx)
}

func (b brokenReports) Forget(ctx context.Context, replica string) error {
	if b.forget != nil {
		return b.forget(b.Reports, ctx, replica)
	}
	return b.Reports.Forget(ctx, replica)
}

// called keeps the report of a replica under another name.
func called(rename func(string) string) brokenReports {
	return brokenReports{
		put: func(s keyset.Reports, ctx context.Context, replica string, old keyset.Version, data []byte, ttl time.Duration) (keyset.Version, error) {
			if replica != "" && len(replica) <= 256 {
				replica = rename(replica)
			}
			return s.Put(ctx, replica, old, data, ttl)
		},
		forget: func(s keyset.Reports, ctx context.Context, replica string) error {
			return s.Forget(ctx, rename(replica))
		},
	}
}

// each changes the reports that All returns.
func each(change func(*keyset.StoredReport)) brokenReports {
	return brokenReports{list: func(s keyset.Reports, ctx context.Context) (all, error) {
		reports, err := s.All(ctx)
		for replica, is := range reports {
			change(&is)
			reports[replica] = is
		}
		return reports, err
	}}
}

// versionOf is the version of a report that is in force.
func versionOf(s keyset.Reports, replica string) keyset.Version {
	reports, _ := s.All(bg)
	return reports[replica].Version
}

// allBrokenReports are wrong in one way each, by the promise that notices.
func allBrokenReports() map[string]map[string]brokenReports {
	var kept []byte
	var shared all
	forgotten := map[string]all{}
	return map[string]map[string]brokenReports{
		"Nothing": {
			"Forget of nothing": {forget: func(s keyset.Reports, ctx context.Context, replica string) error {
				if versionOf(s, replica) == "" {
					return errors.New("not found")
				}
				return s.Forget(ctx, replica)
			}},
			"takes any version for none": {put: func(s keyset.Reports, ctx context.Context, replica string, old keyset.Version, data []byte, ttl time.Duration) (keyset.Version, error) {
				if versionOf(s, replica) == "" {
					old = ""
				}
				return s.Put(ctx, replica, old, data, ttl)
			}},
			"lists itself": {list: func(s keyset.Reports, ctx context.Context) (all, error) {
				reports, err := s.All(ctx)
				reports["."] = keyset.StoredReport{}
				return reports, err
			}},
		},
		"Octets": {
			"text": each(func(r *keyset.StoredReport) { r.Data = bytes.ToValidUTF8(r.Data, []byte("?")) }),
			"trim": each(func(r *keyset.StoredReport) { r.Data = bytes.TrimSpace(r.Data) }),
		},
		"Names": {
			"case":     called(strings.ToLower),
			"a path":   called(func(s string) string { return path.Clean("/" + s) }),
			"255 once": called(func(s string) string { return s[:min(len(s), 255)] }),
			"a prefix": {forget: func(s keyset.Reports, ctx context.Context, replica string) error {
				reports, err := s.All(ctx)
				for name := range reports {
					if strings.HasPrefix(name, replica) {
						err = errors.Join(err, s.Forget(ctx, name))
					}
				}
				return err
			}},
			"no limits": {put: func(s keyset.Reports, ctx context.Context, replica string, old keyset.Version, data []byte, ttl time.Duration) (keyset.Version, error) {
				if len(replica) > 256 {
					return "1", nil
				}
				return s.Put(ctx, replica, old, data, ttl)
			}},
		},
		"Ownership": {
			"keeps data": {
				put: func(s keyset.Reports, ctx context.Context, replica string, old keyset.Version, data []byte, ttl time.Duration) (keyset.Version, error) {
					kept = data
					return s.Put(ctx, replica, old, data, ttl)
				},
				list: func(s keyset.Reports, ctx context.Context) (all, error) {
					reports, err := s.All(ctx)
					for name, is := range reports {
						is.Data = bytes.Clone(kept)
						reports[name] = is
					}
					return reports, err
				},
			},
			"gives away what it keeps": {list: func(s keyset.Reports, ctx context.Context) (all, error) {
				if shared == nil {
					shared, _ = s.All(ctx)
				}
				return shared, nil
			}},
			"writes to data": {put: func(s keyset.Reports, ctx context.Context, replica string, old keyset.Version, data []byte, ttl time.Duration) (keyset.Version, error) {
				defer clear(data)
				return s.Put(ctx, replica, old, data, ttl)
			}},
		},
		"Conflict": {
			"the last one wins": {put: func(s keyset.Reports, ctx context.Context, replica string, _ keyset.Version, data []byte, ttl time.Duration) (keyset.Version, error) {
				return s.Put(ctx, replica, versionOf(s, replica), data, ttl)
			}},
			"the zero Version is any": {put: func(s keyset.Reports, ctx context.Context, replica string, old keyset.Version, data []byte, ttl time.Duration) (keyset.Version, error) {
				if old == "" {
					old = versionOf(s, replica)
				}
				return s.Put(ctx, replica, old, data, ttl)
			}},
			"stores, and says conflict": {put: func(s keyset.Reports, ctx context.Context, replica string, old keyset.Version, data []byte, ttl time.Duration) (keyset.Version, error) {
				version, err := s.Put(ctx, replica, old, data, ttl)
				if err != nil {
					_, _ = s.Put(ctx, replica, versionOf(s, replica), data, ttl)
				}
				return version, err
			}},
			"an error without a type": {put: func(s keyset.Reports, ctx context.Context, replica string, old keyset.Version, data []byte, ttl time.Duration) (keyset.Version, error) {
				version, err := s.Put(ctx, replica, old, data, ttl)
				if err != nil {
					err = errors.New(err.Error())
				}
				return version, err
			}},
			"the version of any replica": {put: func(s keyset.Reports, ctx context.Context, replica string, old keyset.Version, data []byte, ttl time.Duration) (keyset.Version, error) {
				reports, _ := s.All(ctx)
				for _, is := range reports {
					if old == is.Version {
						old = reports[replica].Version
						break
					}
				}
				return s.Put(ctx, replica, old, data, ttl)
			}},
		},
		"Forget": {
			"does nothing": {forget: func(keyset.Reports, context.Context, string) error { return nil }},
			"forgets all": {forget: func(s keyset.Reports, ctx context.Context, _ string) error {
				reports, err := s.All(ctx)
				for name := range reports {
					err = errors.Join(err, s.Forget(ctx, name))
				}
				return err
			}},
			"remembers the version": {
				forget: func(s keyset.Reports, ctx context.Context, replica string) error {
					forgotten[replica], _ = s.All(ctx)
					return s.Forget(ctx, replica)
				},
				put: func(s keyset.Reports, ctx context.Context, replica string, old keyset.Version, data []byte, ttl time.Duration) (keyset.Version, error) {
					if old != "" && forgotten[replica][replica].Version == old {
						old = ""
					}
					return s.Put(ctx, replica, old, data, ttl)
				},
			},
			"for ever": {
				put: func() putFunc {
					reported := map[string]bool{}
					return func(s keyset.Reports, ctx context.Context, replica string, old keyset.Version, data []byte, ttl time.Duration) (keyset.Version, error) {
						if old == "" && reported[replica] {
							return "", keyset.ErrConflict
						}
						reported[replica] = true
						return s.Put(ctx, replica, old, data, ttl)
					}
				}(),
			},
		},
		"Expiry": {
			"never":   each(func(r *keyset.StoredReport) { r.Expired = false }),
			"at once": each(func(r *keyset.StoredReport) { r.Expired = true }),
			"takes no time for ever": {put: func(s keyset.Reports, ctx context.Context, replica string, old keyset.Version, data []byte, ttl time.Duration) (keyset.Version, error) {
				if ttl <= 0 {
					ttl = long
				}
				return s.Put(ctx, replica, old, data, ttl)
			}},
			"deletes what has expired": {list: func(s keyset.Reports, ctx context.Context) (all, error) {
				reports, err := s.All(ctx)
				maps.DeleteFunc(reports, func(_ string, r keyset.StoredReport) bool { return r.Expired })
				return reports, err
			}},
			"half the time": {put: func(s keyset.Reports, ctx context.Context, replica string, old keyset.Version, data []byte, ttl time.Duration) (keyset.Version, error) {
				return s.Put(ctx, replica, old, data, ttl/2)
			}},
			"a conflict renews": {put: func(s keyset.Reports, ctx context.Context, replica string, old keyset.Version, data []byte, ttl time.Duration) (keyset.Version, error) {
				version, err := s.Put(ctx, replica, old, data, ttl)
				if reports, _ := s.All(ctx); errors.Is(err, keyset.ErrConflict) && reports[replica].Version != "" {
					_, _ = s.Put(ctx, replica, reports[replica].Version, reports[replica].Data, ttl)
				}
				return version, err
			}},
			"the first time stays": {put: func() putFunc {
				first := map[string]time.Duration{}
				return func(s keyset.Reports, ctx context.Context, replica string, old keyset.Version, data []byte, ttl time.Duration) (keyset.Version, error) {
					if first[replica] == 0 {
						first[replica] = ttl
					}
					return s.Put(ctx, replica, old, data, min(ttl, first[replica]))
				}
			}()},
		},
		"Cancellation": {
			"does not look at ctx": {put: func(s keyset.Reports, _ context.Context, replica string, old keyset.Version, data []byte, ttl time.Duration) (keyset.Version, error) {
				return s.Put(bg, replica, old, data, ttl)
			}},
			"stores half": {put: func(s keyset.Reports, ctx context.Context, replica string, old keyset.Version, data []byte, ttl time.Duration) (keyset.Version, error) {
				version, err := s.Put(ctx, replica, old, data, ttl)
				if ctx.Err() != nil {
					_, _ = s.Put(bg, replica, old, data[:len(data)/2], ttl)
				}
				return version, err
			}},
			"takes the end of ctx for a conflict": {put: func(s keyset.Reports, ctx context.Context, replica string, old keyset.Version, data []byte, ttl time.Duration) (keyset.Version, error) {
				version, err := s.Put(ctx, replica, old, data, ttl)
				if ctx.Err() != nil {
					err = keyset.ErrConflict
				}
				return version, err
			}},
		},
		"Replicas": {
			"looks, and then stores": {put: func(s keyset.Reports, ctx context.Context, replica string, old keyset.Version, data []byte, ttl time.Duration) (keyset.Version, error) {
				if old != versionOf(s, replica) {
					return "", keyset.ErrConflict
				}
				time.Sleep(time.Millisecond)
				return s.Put(ctx, replica, versionOf(s, replica), data, ttl)
			}},
			"one document for all": {put: func(s keyset.Reports, ctx context.Context, replica string, old keyset.Version, data []byte, ttl time.Duration) (keyset.Version, error) {
				before, _ := s.All(ctx)
				time.Sleep(time.Millisecond)
				if after, _ := s.All(ctx); !maps.EqualFunc(before, after, sameReport) {
					return "", errors.New("somebody else has written")
				}
				return s.Put(ctx, replica, old, data, ttl)
			}},
		},
	}
}

// The suite catches reports that break any one promise.
func TestTheSuiteCatchesReports(t *testing.T) {
	catches(t, reportPromises, allBrokenReports(), func(t *testing.T, b brokenReports) keyset.Reports {
		b.Reports = NewReports(t)
		return b
	})
	// Two places are not two handles on one.
	for _, p := range reportPromises {
		if slices.Contains([]string{"Nothing", "Conflict", "Forget", "Expiry", "Replicas"}, p.name) {
			synctest.Test(t, func(t *testing.T) { assert.NotEmpty(t, p.check(TwoReports(NewReports(t), NewReports(t))), p.name) })
		}
	}
}
