package command

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/sealwax/sealwax/internal/base64url"
	"github.com/sealwax/sealwax/keyset"
)

var fingerprint = command{
	name: "fingerprint", args: "KEYS...",
	what: "write fingerprints in groups, to compare them on the telephone",
	help: keyFileHelp + `
The fingerprint of an OpenPGP key is its ID. That of a JOSE key is its thumbprint by RFC
7638 with SHA-256, here in hexadecimal, where upper and lower case are one: its ID is the
same in base64url. Read all of it: whoever makes keys chooses some of its characters.

  sealctl fingerprint partner-public.asc
`,
	run: func(ctx context.Context, c *call) error {
		keys := keyReader{c: c}
		keys.flag()
		if err := c.parse(1, 1<<10); err != nil {
			return err
		}
		type report struct {
			keyReport
			Groups []string `json:"groups"`
		}
		reports := []report{}
		var text strings.Builder
		for _, file := range c.args { // one by one: they may be of both formats
			s, err := keys.set(ctx, "keys", []string{file}, publics)
			if err != nil {
				return err
			}
			for k := range s.All() {
				r := report{newKeyReport(k), groups(k.Material.Info())}
				reports = append(reports, r)
				fmt.Fprintf(&text, "%s\n", r.line())
				for i, g := range r.Groups {
					switch {
					case i%8 == 0:
						text.WriteString("    ")
					default:
						text.WriteString(" ")
					}
					text.WriteString(g)
					if i%8 == 7 || i == len(r.Groups)-1 {
						text.WriteString("\n")
					}
				}
			}
		}
		return c.say(map[string]any{"keys": reports}, text.String(), false)
	},
}

// groups are the fingerprint of a key in groups of four characters.
func groups(i keyset.Info) (out []string) {
	text := string(i.ID)
	if raw, err := base64url.DecodeString(text); i.Format == keyset.JOSE && err == nil {
		text = strings.ToUpper(hex.EncodeToString(raw))
	}
	for len(text) > 4 {
		out, text = append(out, text[:4]), text[4:]
	}
	return append(out, text)
}
