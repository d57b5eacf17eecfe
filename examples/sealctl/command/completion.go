package command

import (
	"context"
	"flag"
	"fmt"
	"strings"
)

var shells = []string{"bash", "fish", "zsh"}

func completion() command {
	return command{
		name: "completion", args: "SHELL",
		what: "write what completes command lines in bash, zsh, or fish",
		help: `
  source <(sealctl completion bash)        # in ~/.bashrc
  source <(sealctl completion zsh)         # in ~/.zshrc, after compinit
  sealctl completion fish | source         # in ~/.config/fish/config.fish
`,
		run: func(_ context.Context, c *call) error {
			if err := c.parse(1, 1); err != nil {
				return err
			}
			made := ""
			switch c.args[0] {
			case "bash":
				made = bashCompletion(c.files)
			case "zsh":
				made = "autoload -U +X bashcompinit && bashcompinit\n" + bashCompletion(c.files)
			case "fish":
				made = fishCompletion(c.files)
			default:
				return misuse("%q: the shells are %s", c.args[0], strings.Join(shells, ", "))
			}
			_, err := fmt.Fprint(c.out, made)
			return err
		},
	}
}

func bashCompletion(files KeyFiles) string {
	var b strings.Builder
	fmt.Fprintf(&b, `_sealctl() {
  local cur=${COMP_WORDS[COMP_CWORD]} words= flags=
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "%s" -- "$cur"))
    return
  fi
  case ${COMP_WORDS[1]} in
`, strings.Join(names(), " "))
	for _, cmd := range commands() {
		var flags []string
		about(cmd, files).flags.VisitAll(func(f *flag.Flag) { flags = append(flags, "-"+f.Name) })
		fmt.Fprintf(&b, "    %s) words=\"%s\" flags=\"%s\" ;;\n", cmd.name, strings.Join(words(cmd), " "), strings.Join(flags, " "))
	}
	b.WriteString(`  esac
  case $cur in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$cur")) ;;
    *) COMPREPLY=($(compgen -W "$words" -- "$cur") $(compgen -f -- "$cur")) ;;
  esac
}
complete -o filenames -F _sealctl sealctl
`)
	return b.String()
}

func fishCompletion(files KeyFiles) string {
	quoted := func(s string) string { return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'" }
	var b strings.Builder
	for _, cmd := range commands() {
		fmt.Fprintf(&b, "complete -c sealctl -n __fish_use_subcommand -f -a %s -d %s\n", cmd.name, quoted(cmd.what))
		about(cmd, files).flags.VisitAll(func(f *flag.Flag) {
			_, what := line(f)
			fmt.Fprintf(&b, "complete -c sealctl -n '__fish_seen_subcommand_from %s' -o %s -d %s\n", cmd.name, f.Name, quoted(what))
		})
		for _, word := range words(cmd) {
			fmt.Fprintf(&b, "complete -c sealctl -n '__fish_seen_subcommand_from %s' -a %s\n", cmd.name, word)
		}
	}
	return b.String()
}
