package command

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/sealwax/sealwax/examples/sealctl/rehearse"
	"github.com/sealwax/sealwax/internal/rehearsal"
	"github.com/sealwax/sealwax/keyset"
)

var rehearseURL = command{
	name: "rehearse", args: "-peer KEYS URL",
	what: "play the network that tests an endpoint before its launch",
	help: keyFileHelp + `
The endpoint may be written in anything. It is sent what a network sends: messages by
several keys, to several, damaged, weak, and odd ones, at the network's rate (10 s apart,
30 in 15 minutes), and a rotation of the network's keys if it takes part in one.

The network's keys are made for this and last a week. -prepare makes them, in the folder
of -keys, and says what the endpoint has to trust: the files in its folder trust, or its
peer.json, which endpoints on this module follow. Have the endpoint remove them
afterwards. The private halves are in the folder private, for nobody else.

With -wait or -on-step the rotation is walked: at each step the folder is written anew,
and whoever runs the endpoint installs what it says. -on-step runs a command for that,
with the name of the step and the folder as its arguments.

-fast sends as fast as the endpoint answers, and under load while keys are replaced: on
this machine only. The exit status is 0 if every demanded case held, and 4 if one did
not, or was not tried.

-profile standard-payments-older is the older JOSE profile: a JWE without a JWS, RSA1_5 or
RSA-OAEP, AES-CBC with HMAC, "zip":"DEF". Nobody signs; the endpoint has to demand a client
certificate, and -cert and -key name the one that the network shows.

  sealctl rehearse -prepare -peer own-public.asc
  sealctl rehearse -peer own-public.asc https://bank.example/echo
  sealctl rehearse -fast -on-step ./install -peer own-public.asc http://127.0.0.1:8080/echo
  sealctl rehearse -profile standard-payments-older -cert network.pem -key network.key \
    -peer own.jwks https://bank.example/echo
`,
	run: runRehearse,
}

// A rehearsing is one call of rehearse.
type rehearsing struct {
	*call
	peer    list
	folder  string
	profile string
	prepare bool
	fast    bool
	wait    bool
	onStep  string
	settle  span
	only    list
	payload string
	ca      string
	cert    string
	key     string
	report  string
	junit   string

	partner *keyset.Set
	lines   *bufio.Reader
	made    *rehearse.Report
}

func runRehearse(ctx context.Context, c *call) error {
	r := &rehearsing{call: c}
	keys := keyReader{c: c}
	f := c.flags
	f.Var(&r.peer, "peer", "the endpoint's public keys: a key `file`, again for each file, or a manifest")
	f.StringVar(&r.folder, "keys", "rehearsal", "the `folder` with the keys of the network")
	f.StringVar(&r.profile, "profile", string(rehearsal.StandardPayments), "what is agreed with the network: `standard-payments`, or standard-payments-older for the older JOSE profile")
	f.BoolVar(&r.prepare, "prepare", false, "make the keys, say what the endpoint has to trust, and send nothing")
	f.BoolVar(&r.fast, "fast", false, "do not wait between messages: on this machine only")
	f.BoolVar(&r.wait, "wait", false, "walk the rotation, and wait at each step for the Enter key")
	f.StringVar(&r.onStep, "on-step", "", "walk the rotation, and run this `command` at each step")
	f.Var(&r.settle, "settle", "how `long` the endpoint takes until it trusts what was installed")
	f.Var(&r.only, "only", "try the cases whose names begin so: `keys/`, again for each")
	f.StringVar(&r.payload, "payload", "", "a `file` with what each request says, for an endpoint that speaks another protocol: any reply is an answer")
	f.StringVar(&r.ca, "ca", "", "a `file` with the certificates that the endpoint's is verified with, in PEM")
	f.StringVar(&r.cert, "cert", "", "a `file` with the client certificate of the network, in PEM, for an endpoint that asks for one")
	f.StringVar(&r.key, "key", "", "a `file` with the private key of -cert, in PEM")
	f.StringVar(&r.report, "report", "", "write the report to this `file`: .html or .md")
	f.StringVar(&r.junit, "junit", "", "write the cases to this `file` for a CI server")
	keys.flag()
	if err := c.parse(0, 1); err != nil {
		return err
	}
	var err error
	if r.partner, err = keys.set(ctx, "peer", r.peer, publics); err != nil {
		return err
	}
	if err := rehearsal.Profile(r.profile).Check(r.partner.Format()); err != nil {
		return misuse("-profile: %w", err)
	}
	if r.prepare {
		return r.makeKeys(ctx)
	}
	return r.rehearse(ctx)
}

func (r *rehearsing) rotates() bool { return r.wait || r.onStep != "" }

// makeKeys is -prepare.
func (r *rehearsing) makeKeys(ctx context.Context) error {
	if _, err := rehearse.MakeFolder(ctx, r.folder, r.partner, rehearsal.Profile(r.profile), r.rotates()); err != nil {
		return err
	}
	trust, manifest := filepath.Join(r.folder, "trust"), filepath.Join(r.folder, "peer.json")
	return r.say(map[string]string{"trust": trust, "manifest": manifest}, fmt.Sprintf(`made keys that last a week
have the endpoint trust the keys in %s; one on this module can follow %s
remove them from the endpoint afterwards
`, trust, manifest), false)
}

func (r *rehearsing) rehearse(ctx context.Context) error {
	h, endpoint, err := r.plan(ctx)
	if err != nil {
		return err
	}
	defer endpoint.Close()
	_, err = h.Run(ctx)
	r.made.Ended = err == nil
	if err := errors.Join(err, r.write()); err != nil {
		return err
	}
	if r.asJSON {
		if err := writeJSON(r.out, r.made); err != nil {
			return err
		}
	} else if _, err := io.WriteString(r.out, r.made.Text()); err != nil {
		return err
	}
	if n := r.made.Blocking(); n != 0 {
		return &exitError{found, fmt.Errorf("%d demanded cases did not hold, or were not tried", n)}
	}
	return nil
}

// plan puts the rehearsal together.
func (r *rehearsing) plan(ctx context.Context) (*rehearsal.Rehearsal, *rehearse.Endpoint, error) {
	if len(r.args) == 0 {
		return nil, nil, misuse("URL is missing")
	}
	over, err := r.tls()
	if err != nil {
		return nil, nil, err
	}
	endpoint, err := rehearse.NewEndpoint(r.args[0], over)
	if err != nil {
		return nil, nil, misuse("%w", err)
	}
	if over.Mutual && over.Certificate == nil && endpoint.OverTLS() {
		return nil, nil, misuse("-cert and -key are missing: in profile %s the transport authenticates, so that an endpoint refuses whoever has no client certificate", r.profile)
	}
	if r.fast && !endpoint.Local() {
		return nil, nil, misuse("-fast is for endpoints on this machine, such as http://127.0.0.1:8080/echo: others are asked at the network's rate")
	}
	folder, err := rehearse.OpenFolder(r.folder, r.partner, rehearsal.Profile(r.profile), r.rotates())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("there are no keys in %s: make them with -prepare, and the other flags as they are here", r.folder)
	}
	if err != nil {
		return nil, nil, err
	}
	network, err := folder.Network.Trusted(rehearsal.Standing())
	if err != nil {
		return nil, nil, err
	}
	r.made = &rehearse.Report{Endpoint: endpoint.String(), Began: time.Now().UTC().Truncate(time.Second), Format: string(r.partner.Format()), Profile: r.profile,
		Keys: append(rehearse.KeysOf("endpoint", r.partner), rehearse.KeysOf("network", network)...)}
	h := &rehearsal.Rehearsal{Network: folder.Network, Partner: r.partner, Send: endpoint.Send, Load: r.fast, More: endpoint.Cases(),
		Before: r.before, After: r.after}
	if r.payload != "" {
		if h.Payload, err = r.read(r.payload, "the payload", 1<<20); err != nil {
			return nil, nil, err
		}
	}
	if len(r.only) != 0 {
		h.Only = func(name string) bool {
			for _, o := range r.only {
				if strings.HasPrefix(name, o) {
					return true
				}
			}
			return false
		}
	}
	if !r.fast {
		pace := &rehearse.Pace{}
		h.Pause = pace.Wait
	}
	if r.rotates() {
		h.Install = func(ctx context.Context, s rehearsal.Step) error { return r.install(ctx, folder, s) }
	}
	return h, endpoint, nil
}

// tls is how the endpoint is reached.
func (r *rehearsing) tls() (t rehearse.TLS, err error) {
	t.Mutual = !rehearsal.Profile(r.profile).Signed()
	if t.Roots, err = r.roots(); err != nil {
		return t, err
	}
	if (r.cert == "") != (r.key == "") {
		return t, misuse("-cert and -key go together")
	}
	if r.cert == "" {
		return t, nil
	}
	cert, err := r.read(r.cert, "the client certificate", maxKeyFile)
	if err != nil {
		return t, err
	}
	key, err := r.read(r.key, "the key of the client certificate", maxKeyFile)
	if err != nil {
		return t, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return t, fmt.Errorf("-cert %s and -key %s: %w", r.cert, r.key, err)
	}
	t.Certificate = &pair
	return t, nil
}

func (r *rehearsing) roots() (*x509.CertPool, error) {
	if r.ca == "" {
		return nil, nil
	}
	raw, err := r.read(r.ca, "the certificates", maxKeyFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", r.ca)
	}
	return pool, nil
}

// install writes the folder of a step, and has the endpoint's owner install it.
func (r *rehearsing) install(ctx context.Context, folder *rehearse.Folder, s rehearsal.Step) error {
	if err := folder.Write(ctx, s); err != nil {
		return err
	}
	if r.onStep != "" {
		cmd := exec.CommandContext(ctx, r.onStep, s.Name, r.folder)
		cmd.Stdout, cmd.Stderr = r.err, r.err
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("-on-step %s %s: %w", r.onStep, s.Name, err)
		}
	}
	if r.wait {
		fmt.Fprintf(r.err, "\n%s: the keys are in %s. Press Enter when the endpoint has them: ", s.Do, filepath.Join(r.folder, "trust"))
		if err := r.enter(ctx); err != nil {
			return err
		}
	}
	return rehearse.Sleep(ctx, time.Duration(r.settle))
}

// enter reads a line. What is typed after ctx has ended is nobody's.
func (r *rehearsing) enter(ctx context.Context) error {
	line := make(chan error, 1)
	go func() {
		if r.lines == nil {
			r.lines = bufio.NewReader(r.in)
		}
		_, err := r.lines.ReadString('\n')
		line <- err
	}()
	select {
	case err := <-line:
		if err != nil {
			return fmt.Errorf("nobody pressed Enter: %w", err)
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// before shows on a terminal what is under way.
func (r *rehearsing) before(c rehearsal.Case) {
	if terminal(r.out) && !r.asJSON {
		fmt.Fprintf(r.out, "\r\x1b[K%3d. %s ...", len(r.made.Cases)+1, c.Name)
	}
}

func (r *rehearsing) after(result rehearsal.Result) {
	line := rehearse.NewLine(result)
	r.made.Cases = append(r.made.Cases, line)
	if r.asJSON {
		return
	}
	if terminal(r.out) {
		fmt.Fprint(r.out, "\r\x1b[K")
	}
	fmt.Fprint(r.out, line.Text())
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// write writes the files of -report and -junit, also of a rehearsal that was stopped.
func (r *rehearsing) write() error {
	var errs []error
	for name, to := range map[string]func(io.Writer) error{r.report: r.made.HTML, r.junit: r.made.JUnit} {
		if name == "" {
			continue
		}
		if name == r.report && strings.HasSuffix(name, ".md") {
			to = r.made.Markdown
		}
		c := *r.call
		c.output = name
		errs = append(errs, c.write(to))
	}
	return errors.Join(errs...)
}
