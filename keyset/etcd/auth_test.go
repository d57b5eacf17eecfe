package etcd_test

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/keyset/etcd"
)

// etcdctl runs commands as the README has them.
func (s *server) etcdctl(commands string) {
	path, err := exec.LookPath("etcdctl")
	if err != nil {
		if os.Getenv("SEALWAX_REQUIRE_PEERS") == "1" {
			s.t.Fatal("etcdctl is not installed, and SEALWAX_REQUIRE_PEERS is set")
		}
		s.t.Skip("etcdctl is not installed: on Debian it is in etcd-client")
	}
	for line := range strings.Lines(commands) {
		words := strings.Fields(line)
		require.Equal(s.t, "etcdctl", words[0])
		c := exec.CommandContext(s.t.Context(), path, words[1:]...)
		c.Env = []string{"PATH=" + os.Getenv("PATH"), "ETCDCTL_API=3", "ETCDCTL_ENDPOINTS=" + s.url}
		out, err := c.CombinedOutput()
		require.NoError(s.t, err, "%s%s", line, out)
	}
}

// The roles of the README may do what it says, and nothing else.
func TestRoles(t *testing.T) {
	s, f := start(t), newFleet(t, 2)
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	require.Len(t, blocks, 1)
	s.etcdctl(blocks[0][1])

	admin := s.client()
	_, err = admin.RoleAdd(t.Context(), "root")
	require.NoError(t, err)
	_, err = admin.RoleAdd(t.Context(), "nobody")
	require.NoError(t, err)
	clients := map[string]*clientv3.Client{}
	for _, name := range []string{"root", "nobody", "bank-replica", "bank-operator", "bank-auditor"} {
		_, err := admin.UserAdd(t.Context(), name, "secret of "+name)
		require.NoError(t, err)
		_, err = admin.UserGrantRole(t.Context(), name, name)
		require.NoError(t, err)
	}
	_, err = admin.AuthEnable(t.Context())
	require.NoError(t, err)
	for _, name := range []string{"root", "nobody", "bank-replica", "bank-operator", "bank-auditor"} {
		clients[name] = s.client(func(c *clientv3.Config) { c.Username, c.Password = name, "secret of "+name })
	}
	leases := func() int {
		r, err := clients["root"].Leases(t.Context())
		require.NoError(t, err)
		return len(r.Leases)
	}
	operator := etcd.Store(clients["bank-operator"], bank)
	require.NoError(t, keyset.Create(t.Context(), operator, f.m))

	// A replica follows and reports, and cannot step.
	ctx, cancel := context.WithCancel(t.Context())
	var ring keyset.Ring
	follower, err := follow(ctx, clients["bank-replica"], &ring, f.open, "web-0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() { defer close(done); _ = follower.Run(ctx) }()
	reports := etcd.Reports(clients["bank-operator"], bank)
	require.Eventually(t, func() bool {
		all, err := reports.All(t.Context())
		return err == nil && len(all["web-0"].Data) != 0
	}, 30*time.Second, 10*time.Millisecond)
	for _, name := range []string{"bank-replica", "bank-auditor"} {
		err := keyset.Step(t.Context(), etcd.Store(clients[name], bank), revoke(f.ids[0]))
		require.ErrorIs(t, err, keyset.ErrReadOnly, name)
		assert.Contains(t, err.Error(), "permission denied", name)
		assert.NotContains(t, err.Error(), "secret", name)
	}

	// An auditor reads all of it, and writes nothing.
	auditor := etcd.Reports(clients["bank-auditor"], bank)
	all, err := auditor.All(t.Context())
	require.NoError(t, err)
	assert.Len(t, all, 1)
	before := leases()
	_, err = auditor.Put(t.Context(), "web-1", "", []byte("{}"), time.Hour)
	require.ErrorIs(t, err, keyset.ErrReadOnly)
	assert.Equal(t, before, leases(), "a report that was refused leaves a lease")
	require.ErrorIs(t, auditor.Forget(t.Context(), "web-0"), keyset.ErrReadOnly)

	// An operator steps, and every replica is asked.
	require.NoError(t, keyset.Step(t.Context(), operator, func(ring *keyset.Ring) error { return ring.Retire(f.ids[1]) }))
	require.Eventually(t, func() bool {
		err = promote(t.Context(), clients["bank-operator"], f.ids[1], "echo")
		return err == nil
	}, 30*time.Second, 10*time.Millisecond, "%v", err)
	require.NoError(t, keyset.Step(t.Context(), operator, func(ring *keyset.Ring) error { return ring.Forget("web-0", "test") }, keyset.AskReplicas(reports)))

	// Whoever has no role is told so: that is neither nothing nor a conflict.
	_, _, err = etcd.Store(clients["nobody"], bank).Load(t.Context(), "")
	require.ErrorContains(t, err, "permission denied")
	require.NotErrorIs(t, err, os.ErrNotExist)
	cancel()
	<-done
}
