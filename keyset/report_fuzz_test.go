package keyset_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/internal/seeds"
	"github.com/sealwax/sealwax/keyset"
)

// What is read of a report is written as the same. Reports make the same of a ring in
// whatever order they are merged, and no key idler than without them.
func FuzzReports(f *testing.F) {
	now, ab := time.Now(), strings.Repeat("AB", 20)
	day := func(n int) string { return now.AddDate(0, 0, -n).UTC().Format(time.RFC3339) }
	report := func(replica string, made int, usage string) string {
		return fmt.Sprintf(`{"replica":%q,"made":%q,"usage":{%s}}`, replica, day(made), usage)
	}
	used := func(id string, since, opened int) string {
		return fmt.Sprintf(`%q:{"since":%q,"sealed":1,"opened":2,"last_opened":%q}`, id, day(since), day(opened))
	}
	f.Add(report("1", 1, used(ab, 40, 30)+","+used("CD", 40, 2)), report("2", 1, used(ab, 40, 20)+","+used("CD", 30, 2)))
	f.Add(report("1", 1, used(ab, 40, 30)), report("1", 1, used(ab, 40, 2)))
	f.Add(report("1", 1, used(ab, 40, 30)+","+used(strings.ToLower(ab), 40, 2)), report("2", 0, used(ab, 40, 30)+`,"CD":{"since":"0001-01-01T00:00:01Z","sealed":0,"opened":0}`))
	f.Fuzz(func(t *testing.T, a, b string) {
		var read []keyset.Report
		for _, text := range []string{a, b} {
			p, err := keyset.ReadReport(strings.NewReader(text))
			if err != nil {
				require.Zero(t, p)
				return
			}
			var once, twice strings.Builder
			_, err = p.WriteTo(&once)
			require.NoError(t, err)
			again, err := keyset.ReadReport(strings.NewReader(once.String()))
			require.NoError(t, err)
			_, err = again.WriteTo(&twice)
			require.NoError(t, err)
			require.Equal(t, once.String(), twice.String())
			read = append(read, p)
		}
		told := func(reports ...keyset.Report) (idle, proven error) {
			r := editing(t, ownCert, [3]string{"CD", "active"}, [3]string{ab, "retiring"}, [3]string{"EF", "pending"})
			for _, p := range reports {
				if err := r.Merge(p); err != nil {
					return err, err
				}
			}
			return r.Remove(keyset.ID(ab), 7*24*time.Hour), r.Promote("EF")
		}
		idle, proven := told(read...)
		alsoIdle, alsoProven := told(read[1], read[0])
		require.Equal(t, fmt.Sprint(idle, proven), fmt.Sprint(alsoIdle, alsoProven))
		for _, p := range read {
			if alone, _ := told(p); errors.Is(alone, keyset.ErrBusy) && read[0].Replica != read[1].Replica {
				require.Error(t, idle, "another replica makes no key idle")
			}
		}
	})
}

func TestSeeds(t *testing.T) { seeds.Told(t) }
