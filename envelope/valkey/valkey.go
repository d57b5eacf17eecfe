package valkey

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sealwax/sealwax/envelope"
)

// A Config says whose messages a memory is for. Two memories with the same three names
// are one, in however many processes; everything else is kept apart. The names are
// required, and have up to 64 letters, digits, dots, dashes, and underscores of ASCII.
type Config struct {
	Environment string // such as "production"
	Partner     string // one for each: what one of them sends must not hide what another does
	Direction   string // such as "orders": one for each envelope that opens what this partner sends

	// Timeout is the longest that one question takes, and the deadline of the
	// context if that comes first. If zero, it is two seconds.
	Timeout time.Duration
}

const defaultTimeout = 2 * time.Second

var name = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func (c Config) check() error {
	for _, part := range []struct{ field, text string }{{"Environment", c.Environment}, {"Partner", c.Partner}, {"Direction", c.Direction}} {
		if !name.MatchString(part.text) {
			return fmt.Errorf("%s is %q, and has to be 1 to 64 letters, digits, dots, dashes, or underscores", part.field, part.text)
		}
	}
	if c.Timeout < 0 {
		return fmt.Errorf("the Timeout is negative: %v", c.Timeout)
	}
	return nil
}

// A Memory is an [envelope.Replays] on a server. It is safe for concurrent use, and for
// use by any number of processes.
type Memory struct {
	client  redis.UniversalClient
	prefix  string
	script  string // its name on the server
	timeout time.Duration
}

var _ envelope.Replays = (*Memory)(nil)

//go:embed remember.lua
var script string

// New returns a memory, and marks the server as one, if it is not yet: what was accepted
// before it was marked, it does not know. client is a [*redis.Client], also one of
// [redis.NewFailoverClient], or a [*redis.ClusterClient], and has to be made with
// ContextTimeoutEnabled. It stays the caller's, who closes it.
//
// New returns an error if a name is missing; if the server cannot be asked, or is a
// replica; if it lacks a command, as Redis does before 6.2, or the permission for one;
// and if it may evict: with a limit of memory, maxmemory-policy has to be noeviction.
func New(ctx context.Context, client redis.UniversalClient, c Config) (*Memory, error) {
	if err := errors.Join(c.check(), bounded(client)); err != nil {
		return nil, fmt.Errorf("valkey: %w", err)
	}
	m := &Memory{client: client, timeout: c.Timeout}
	if m.timeout == 0 {
		m.timeout = defaultTimeout
	}
	// The hash tag in braces has all keys of one memory in one slot of a cluster, so that
	// one script enters two digests.
	m.prefix = fmt.Sprintf("sealwax:{%s:%s:%s}:", c.Environment, c.Partner, c.Direction)
	if err := m.check(ctx); err != nil {
		return nil, fmt.Errorf("valkey: %w", err)
	}
	return m, nil
}

// bounded refuses clients that do not end with their context, and those that put keys
// elsewhere when a server is down, where nothing is known of them.
func bounded(client redis.UniversalClient) error {
	var enabled bool
	switch c := client.(type) {
	case *redis.Client:
		if c == nil {
			return errors.New("the client is nil")
		}
		enabled = c.Options().ContextTimeoutEnabled
	case *redis.ClusterClient:
		if c == nil {
			return errors.New("the client is nil")
		}
		enabled = c.Options().ContextTimeoutEnabled
	default:
		return fmt.Errorf("the client is a %T; it has to be a *redis.Client or a *redis.ClusterClient", client)
	}
	if !enabled {
		return errors.New("the client does without the deadlines of contexts: set ContextTimeoutEnabled in its options")
	}
	return nil
}

// check loads the script, and asks the server whether it is one to remember with.
func (m *Memory) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	var err error
	if m.script, err = m.client.ScriptLoad(ctx, script).Result(); err != nil {
		return fmt.Errorf("the script cannot be loaded: %w", err)
	}
	var trial [32]byte
	_, _ = rand.Read(trial[:])
	said, err := m.ask(ctx, m.keys(trial))
	if err == nil && said[0] != "checked" {
		err = refusal(said)
	}
	return err
}

// Remember implements [envelope.Replays], in one round trip to the server. Its clock is
// that of the server. If memory is limited and used up, the error wraps
// [envelope.ErrFull].
func (m *Memory) Remember(ctx context.Context, s envelope.Sighting) (fresh bool, err error) {
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	if len(s.Digests) == 0 {
		return false, errors.New("valkey: a message without digests cannot be remembered")
	}
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	made := ""
	if !s.Made.IsZero() {
		made = strconv.FormatInt(s.Made.UnixMilli(), 10)
	}
	// The client asks again if it loses the answer. By this the server knows the question.
	var question [8]byte
	_, _ = rand.Read(question[:])
	said, err := m.ask(ctx, m.keys(s.Digests...), strconv.FormatInt(s.Until.UnixMilli(), 10), made, question[:])
	switch {
	case err != nil:
		return false, fmt.Errorf("valkey: %w", err)
	case said[0] == "fresh":
		return true, nil
	case said[0] == "known":
		return false, nil
	}
	return false, fmt.Errorf("valkey: %w", refusal(said))
}

func (m *Memory) keys(digests ...[32]byte) []string {
	keys := make([]string, 0, 1+len(digests))
	keys = append(keys, m.prefix+"since")
	for i := range digests {
		keys = append(keys, m.prefix+string(digests[i][:]))
	}
	return keys
}

// ask runs the script, and returns at least one word. A server that was restarted does
// not know it any more.
func (m *Memory) ask(ctx context.Context, keys []string, args ...any) (said []string, err error) {
	said, err = m.client.EvalSha(ctx, m.script, keys, args...).StringSlice()
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		said, err = m.client.Eval(ctx, script, keys, args...).StringSlice()
	}
	switch {
	case redis.HasErrorPrefix(err, "OOM"):
		return nil, fmt.Errorf("%w: %w", envelope.ErrFull, err)
	case err == nil && len(said) == 0:
		return nil, errors.New("the server says nothing")
	}
	return said, err
}

// refusal is what the script says if it remembers nothing.
func refusal(said []string) error {
	detail := ""
	if len(said) > 1 {
		detail = said[1]
	}
	switch said[0] {
	case "past":
		return fmt.Errorf("what is to be remembered is forgotten at once: the clock of the server says %s", at(detail))
	case "forgotten":
		return fmt.Errorf("%w: it began at %s", envelope.ErrForgotten, at(detail))
	case "evicts":
		return fmt.Errorf("the server may evict what it is to remember: its maxmemory-policy is %q, and has to be noeviction", detail)
	case "anonymous":
		return errors.New("the server does not tell the run_id in INFO, by which a failover is noticed")
	}
	return fmt.Errorf("the server says %q", said)
}

// at is a time in milliseconds, for people.
func at(text string) string {
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return strconv.Quote(text)
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339Nano)
}
