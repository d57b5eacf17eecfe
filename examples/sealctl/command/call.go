package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/sealwax/sealwax/envelope"
)

// A call is one command under way: its flags and its streams.
type call struct {
	command
	files    KeyFiles
	flags    *flag.FlagSet
	args     []string // what is left after the flags
	raw      []string
	in       io.Reader
	out, err io.Writer
	inTaken  string // what standard input was read for
	asJSON   bool
	output   string // the file of -o
}

func newCall(cmd command, files KeyFiles, args []string, in io.Reader, out, errs io.Writer) *call {
	c := &call{command: cmd, files: files, raw: args, in: in, out: out, err: errs}
	c.flags = flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	c.flags.SetOutput(io.Discard) // errors are printed once, by fail
	c.flags.BoolVar(&c.asJSON, "json", false, "say it as one JSON object, for scripts")
	return c
}

// parse reads the flags, which may stand before and after the other arguments,
// of which there must be at least low and at most high.
func (c *call) parse(low, high int) error {
	rest := c.raw
	for {
		if err := c.flags.Parse(rest); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return err
			}
			return misuse("%w; an ID that begins with a dash stands behind --", err)
		}
		after := c.flags.Args()
		if n := len(rest) - len(after); len(after) == 0 || n > 0 && rest[n-1] == "--" {
			c.args = append(c.args, after...)
			break
		}
		c.args, rest = append(c.args, after[0]), after[1:]
	}
	switch {
	case len(c.args) < low:
		return misuse("%s is missing", strings.Join(strings.Fields(c.command.args)[len(c.args):], " "))
	case len(c.args) > high:
		return misuse("%q is too much", c.args[high])
	}
	return nil
}

func (c *call) usage(w io.Writer) {
	fmt.Fprintf(w, "sealctl %s %s\n\n%s.\n%s\nFlags:\n", c.name, c.command.args, c.what, c.help)
	c.flags.SetOutput(w)
	c.flags.PrintDefaults()
	c.flags.SetOutput(io.Discard)
}

// fail says what went wrong, and returns the exit status.
func (c *call) fail(err error) int {
	status := status(err)
	text, reason := err.Error(), ""
	if oe, ok := errors.AsType[*envelope.OpenError](err); ok {
		text, reason = explain(oe), string(oe.Reason)
	}
	if c.asJSON {
		_ = writeJSON(c.err, map[string]any{"error": text, "reason": reason, "status": status})
		return status
	}
	fmt.Fprintf(c.err, "sealctl %s: %s\n", c.name, text)
	if status == misused {
		fmt.Fprintf(c.err, "sealctl %s -h says how\n", c.name)
	}
	return status
}

// say writes what there is to say about the outcome: as text, or as JSON.
func (c *call) say(report any, text string, made bool) error {
	w := c.out
	if made && c.output == "" {
		w = c.err
	}
	if c.asJSON {
		return writeJSON(w, report)
	}
	_, err := io.WriteString(w, text)
	return err
}

func writeJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// A list is a flag that can be given several times.
type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

// A span is a duration that can also be written in days: "30d".
type span time.Duration

func (s *span) String() string {
	if d := time.Duration(*s); d%(24*time.Hour) == 0 {
		return strconv.Itoa(int(d/(24*time.Hour))) + "d"
	}
	return time.Duration(*s).String()
}

func (s *span) Set(text string) error {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 || n > 36525 {
			return errors.New("a number of days is 0d to 36525d")
		}
		*s = span(n) * span(24*time.Hour)
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return errors.New(`a time is "30d", or "12h30m"`)
	}
	*s = span(d)
	return nil
}
