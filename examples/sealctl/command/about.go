package command

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// about returns a command's call as its help knows it: with every flag. Each command
// defines its flags before it does anything, and -h ends it there.
func about(cmd command, files KeyFiles) *call {
	c := newCall(cmd, files, []string{"-h"}, strings.NewReader(""), io.Discard, io.Discard)
	_ = cmd.run(context.Background(), c)
	return c
}

// words are what may follow the name of a command, beside flags and files.
func words(cmd command) []string {
	switch cmd.name {
	case "rotate":
		all := []string{"init"}
		for name := range (&rotation{}).steps() {
			all = append(all, name)
		}
		slices.Sort(all)
		return all
	case "help":
		return append(names(), "keys")
	case "completion":
		return shells
	}
	return nil
}

func names() (all []string) {
	for _, cmd := range commands() {
		all = append(all, cmd.name)
	}
	return all
}

// own is the part of a command's help that no other command has.
func (cmd command) own() string {
	help, shared := cmd.help, ""
	for _, part := range []string{settingsHelp, keyFileHelp} {
		if rest, ok := strings.CutPrefix(help, part); ok {
			help, shared = rest, "\nsealctl help keys says what a key file is, and how to permit what is refused.\n"
			break
		}
	}
	return strings.TrimRight(help, "\n") + "\n" + shared
}

// line is a flag in one line.
func line(f *flag.Flag) (head, what string) {
	kind, what := flag.UnquoteUsage(f)
	head = strings.TrimSpace("-" + f.Name + " " + kind)
	if zero := map[string]bool{"": true, "0": true, "false": true}; !zero[f.DefValue] && !strings.Contains(what, "default") {
		what += " (default " + f.DefValue + ")"
	}
	return head, what
}

const topHelp = `
Keys are read from files, or from standard input as "-". The exit status is 0 when it is
done, 1 when something on our side is at fault, 2 for a command line that is not
understood, 3 for a rejected message, 4 for findings of check or rehearse, and 5 for a
step that is refused.
`

func helpOn() command {
	return command{
		name: "help", args: "[COMMAND]",
		what: "say in one screen what a command does",
		help: `
  sealctl help rotate
  sealctl help keys      what a key file is
`,
		run: func(_ context.Context, c *call) error {
			if err := c.parse(0, 1); err != nil {
				return err
			}
			if len(c.args) == 0 {
				usage(c.out)
				return nil
			}
			if c.args[0] == "keys" {
				_, err := io.WriteString(c.out, settingsHelp)
				return err
			}
			for _, cmd := range commands() {
				if cmd.name == c.args[0] {
					about(cmd, c.files).short(c.out)
					return nil
				}
			}
			return misuse("there is no command %q", c.args[0])
		},
	}
}

// short is the help of a command in one screen.
func (c *call) short(w io.Writer) {
	fmt.Fprintf(w, "sealctl %s %s\n%s.\n%s\n", c.name, c.command.args, c.what, c.own())
	c.flags.VisitAll(func(f *flag.Flag) {
		head, what := line(f)
		fmt.Fprintf(w, "  %-22s %s\n", head, what)
	})
}
