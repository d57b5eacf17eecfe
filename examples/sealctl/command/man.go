package command

import (
	"context"
	"flag"
	"fmt"
	"strings"
)

func man() command {
	return command{
		name: "man",
		what: "write the page for man",
		help: `
  sealctl man >sealctl.1 && man ./sealctl.1
`,
		run: func(_ context.Context, c *call) error {
			if err := c.parse(0, 0); err != nil {
				return err
			}
			_, err := fmt.Fprint(c.out, page(c.files))
			return err
		},
	}
}

// page is the manual page: what each command says of itself.
func page(files KeyFiles) string {
	var b strings.Builder
	b.WriteString(".TH SEALCTL 1\n.nh\n.SH NAME\nsealctl \\- seal and open messages in OpenPGP and JOSE, and rotate the keys\n.SH SYNOPSIS\n")
	for _, cmd := range commands() {
		fmt.Fprintf(&b, ".B %s\n%s.br\n", roff("sealctl "+cmd.name), roff(strings.TrimLeft(cmd.args+"\n", "\n")))
	}
	b.WriteString(".SH DESCRIPTION\n" + preformatted(topHelp) + preformatted(settingsHelp) + ".SH COMMANDS\n")
	for _, cmd := range commands() {
		fmt.Fprintf(&b, ".SS %s\n%s.\n%s", roff(strings.TrimSpace("sealctl "+cmd.name+" "+cmd.args)), roff(cmd.what), preformatted(cmd.own()))
		about(cmd, files).flags.VisitAll(func(f *flag.Flag) {
			head, what := line(f)
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(head), roff(what))
		})
	}
	return b.String()
}

// preformatted keeps the lines of a text.
func preformatted(text string) string {
	var b strings.Builder
	b.WriteString(".PP\n.nf\n")
	for line := range strings.Lines(strings.Trim(text, "\n") + "\n") {
		b.WriteString(roff(strings.TrimRight(line, "\n")) + "\n")
	}
	b.WriteString(".fi\n")
	return b.String()
}

// roff escapes a line: a dot or an apostrophe that begins one would be a request.
func roff(line string) string {
	line = strings.NewReplacer(`\`, `\e`, "-", `\-`, "`", `\(ga`, "'", `\(aq`, "\"", `\(dq`).Replace(line)
	if strings.HasPrefix(line, ".") {
		return `\&` + line
	}
	return line
}
