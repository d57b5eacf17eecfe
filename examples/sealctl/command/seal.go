package command

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
)

// maxInput bounds what is held in memory, in bytes, unless -max-size asks for more.
// OpenPGP messages from a file are not held.
const maxInput = 64 << 20

var seal = command{
	name: "seal", args: "-own KEYS -peer KEYS [FILE]",
	what: "sign and encrypt a payload",
	help: settingsHelp + `
The payload is FILE, or standard input. OpenPGP payloads of any size are sealed
without being held in memory; what has been written is no message unless the exit
status is 0.

  sealctl seal -own own.json -peer peer.json <request.json >request.sealed
  sealctl seal -own own.json -peer peer.json -probe own-2027 echo.json
`,
	run: runSeal,
}

func runSeal(ctx context.Context, c *call) error {
	s := newSettings(c)
	s.way = seals
	s.sealing()
	c.flags.StringVar(&s.probe, "probe", "", "seal with this `key` alone, ours or the partner's, to show that it works before it is promoted")
	reports := c.flags.String("reports", "", "with -probe: the `folder` of keyset.ReportFiles, where replicas report: all of them must have loaded the key")
	c.outputFlag("the message")
	if err := c.parse(0, 1); err != nil {
		return err
	}
	if *reports != "" && s.probe == "" {
		return misuse("-reports is for -probe")
	}
	e, _, _, err := s.envelope(ctx)
	if err != nil {
		return err
	}
	if *reports != "" {
		if err := s.everywhere(ctx, *reports); err != nil {
			return err
		}
	}
	in, closeIn, err := c.input("the payload")
	if err != nil {
		return err
	}
	defer closeIn()
	if streamer, ok := e.(envelope.Streamer); ok {
		err = c.write(func(w io.Writer) error { return streamer.SealTo(ctx, w, in) })
	} else {
		err = sealWhole(ctx, c, e, in, max(s.maxSize, maxInput))
	}
	if err != nil {
		return err
	}
	r := newSealReport(e.ContentType(), s.used)
	return c.say(r, r.text(), true)
}

// everywhere refuses a probe that some replica is not ready for: the answer may reach any
// of them. It is a step of the manifest that changes nothing.
func (s *settings) everywhere(ctx context.Context, reports string) error {
	files := s.peer
	if s.probed.Material.Info().Private {
		files = s.own
	}
	r := &rotation{c: s.c, keys: s.keys, file: files[0], asked: reports}
	opts, err := r.options(ctx, uses)
	if err != nil {
		return fmt.Errorf("-reports: the key is in no manifest: %w", err)
	}
	return refusal(r.do(ctx, func(ring *keyset.Ring) error {
		_, err := ring.Probe(s.probed.ID())
		return err
	}, opts...))
}

// sealWhole seals all of the payload, or nothing.
func sealWhole(ctx context.Context, c *call, e envelope.Envelope, in io.Reader, most int64) error {
	payload, err := readAtMost(in, most)
	if err != nil {
		return fmt.Errorf("the payload: %w", err)
	}
	sealed, err := e.Seal(ctx, payload)
	if err != nil {
		return err
	}
	return c.write(func(w io.Writer) error { _, err := w.Write(sealed); return err })
}

// A sealReport says which keys made a message.
type sealReport struct {
	ContentType string      `json:"content_type"`
	Signers     []useReport `json:"signers"`
	Recipients  []useReport `json:"recipients"`
}

func newSealReport(contentType string, used []envelope.KeyUse) sealReport {
	r := sealReport{ContentType: contentType, Signers: []useReport{}, Recipients: []useReport{}}
	for _, u := range used {
		if u.Own {
			r.Signers = append(r.Signers, newUseReport(u))
		} else {
			r.Recipients = append(r.Recipients, newUseReport(u))
		}
	}
	return r
}

func (r sealReport) text() string {
	var b strings.Builder
	for _, s := range r.Signers {
		fmt.Fprintf(&b, "signed with %s\n", s.line())
	}
	for _, s := range r.Recipients {
		fmt.Fprintf(&b, "encrypted to %s\n", s.line())
	}
	fmt.Fprintf(&b, "send it as %s\n", r.ContentType)
	return b.String()
}

var open = command{
	name: "open", args: "-own KEYS -peer KEYS [FILE]",
	what: "decrypt a message and verify who signed it",
	help: settingsHelp + `
The message is FILE, or standard input; OpenPGP messages of any size are opened
from a FILE. Nothing is written of a message that is rejected: the exit status is
3, and the reason is for you alone, not for the sender.

  sealctl open -own own.json -peer peer.json <request.sealed >request.json
`,
	run: runOpen,
}

func runOpen(ctx context.Context, c *call) error {
	s := newSettings(c)
	s.opening()
	c.outputFlag("the payload")
	if err := c.parse(0, 1); err != nil {
		return err
	}
	e, _, _, err := s.envelope(ctx)
	if err != nil {
		return err
	}
	in, closeIn, err := c.input("the message")
	if err != nil {
		return err
	}
	defer closeIn()
	var m *envelope.Message
	streamer, streams := e.(envelope.Streamer)
	seekable, seeks := in.(io.ReadSeeker)
	if seeks {
		_, err := seekable.Seek(0, io.SeekCurrent) // a pipe is a file that does not
		seeks = err == nil
	}
	if streams && seeks {
		err = c.write(func(w io.Writer) (err error) {
			m, err = streamer.OpenTo(ctx, w, seekable)
			return err
		})
	} else {
		m, err = openWhole(ctx, c, e, in, s.maxSize)
	}
	if err != nil {
		return err
	}
	r := newOpenReport(m)
	return c.say(r, r.text(), true)
}

func openWhole(ctx context.Context, c *call, e envelope.Envelope, in io.Reader, maxSize int64) (*envelope.Message, error) {
	sealed, err := readMessage(in, maxSize)
	if err != nil {
		return nil, err
	}
	m, err := e.Open(ctx, sealed)
	if err != nil {
		return nil, err
	}
	return m, c.write(func(w io.Writer) error { _, err := w.Write(m.Payload); return err })
}

// readMessage reads a message, and forgives the end of line of an editor. One with a
// payload of maxSize is read: in JOSE each layer is a third larger than what it holds.
func readMessage(in io.Reader, maxSize int64) ([]byte, error) {
	most := int64(maxInput)
	if maxSize < 1<<40 { // beyond which nothing is held in memory
		most = max(most, 3*maxSize)
	}
	sealed, err := readAtMost(in, most)
	if err != nil {
		return nil, fmt.Errorf("the message: %w; name an OpenPGP message as a FILE", err)
	}
	if len(sealed) != 0 && sealed[0] < 0x80 {
		sealed = bytes.TrimRight(sealed, "\r\n")
	}
	return sealed, nil
}
