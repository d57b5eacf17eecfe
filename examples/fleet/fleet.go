package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// replicaNames are the replicas that there are. Each keeps its name when it is restarted.
var replicaNames = []string{"replica-1", "replica-2", "replica-3"}

// A fleet is the replicas, as processes.
type fleet struct {
	self   string // this program
	keys   keyFolder
	at     string // the place
	memory string // shared, or nothing
	shared bool
	log    io.Writer

	mu        sync.Mutex
	processes []*exec.Cmd
	addresses []string
	restarts  sync.WaitGroup
}

func (f *fleet) start(ctx context.Context, n int) error {
	cmd := exec.CommandContext(ctx, f.self, "replica", "-name", replicaNames[n], "-keys", string(f.keys), "-store", f.at, "-memory", f.memory)
	cmd.Stderr = f.log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 15 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return errors.Join(fmt.Errorf("%s does not start: %w", replicaNames[n], err), cmd.Wait())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.processes[n], f.addresses[n] = cmd, strings.TrimSpace(line)
	return nil
}

// kill ends a replica at once, and starts it again a second later.
func (f *fleet) kill(ctx context.Context, n int) error {
	f.restarts.Wait()
	f.mu.Lock()
	cmd := f.processes[n]
	f.mu.Unlock()
	if err := cmd.Process.Kill(); err != nil {
		return err
	}
	_ = cmd.Wait()
	f.restarts.Go(func() {
		time.Sleep(time.Second)
		for ctx.Err() == nil && f.start(ctx, n) != nil {
			time.Sleep(200 * time.Millisecond)
		}
	})
	return nil
}

// stop ends the replicas as a deployment does.
func (f *fleet) stop() error {
	f.restarts.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for _, cmd := range f.processes {
		if cmd != nil {
			errs = append(errs, cmd.Process.Signal(os.Interrupt), cmd.Wait())
		}
	}
	return errors.Join(errs...)
}

// cut takes a replica apart from its store, while it goes on serving.
func (f *fleet) cut(n int, d time.Duration) error {
	response, err := http.PostForm("http://"+f.address(n)+"/cut", url.Values{"for": {d.String()}})
	if err != nil {
		return err
	}
	return response.Body.Close()
}

func (f *fleet) address(n int) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.addresses[n%len(f.addresses)]
}

func (f *fleet) name(n int) string { return replicaNames[n%len(replicaNames)] }
