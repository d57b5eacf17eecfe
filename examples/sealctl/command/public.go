package command

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

var public = command{
	name: "public", args: "KEYS...",
	what: "write what to hand to the partner",
	help: keyFileHelp + `
It is an armored OpenPGP certificate for each key, or a JWK Set. Of a manifest,
only keys that a partner has use for are written: those that are pending or active,
and JOSE keys that still verify. Compare the fingerprints with the partner over
another channel.

  sealctl public own.json >for-the-partner.asc
  sealctl public -revoke "lost in the move" own-2026.asc >revoked.asc

With -revoke the one certificate is written that the key file holds or, of a manifest,
that -key names. A manifest has to have it revoked already: nobody outside is told that
a key is revoked with which we go on.

  sealctl rotate own.json revoke own-2026
  sealctl public -revoke "lost in the move" -key own-2026 own.json >revoked.asc
`,
	run: runPublic,
}

func runPublic(ctx context.Context, c *call) error {
	keys := keyReader{c: c}
	revoke := c.flags.String("revoke", "", "OpenPGP: write the certificate as revoked, for this `reason`")
	key := c.flags.String("key", "", "with -revoke: the `key` of a manifest that is revoked")
	c.outputFlag("it")
	keys.flag()
	if err := c.parse(1, 1<<10); err != nil {
		return err
	}
	make := func() (func(io.Writer) error, error) { return handedOut(ctx, &keys) }
	switch {
	case *revoke != "":
		make = func() (func(io.Writer) error, error) { return revocation(ctx, &keys, *key, *revoke) }
	case *key != "":
		return misuse("-key is for -revoke")
	}
	write, err := make()
	if err != nil {
		return err
	}
	var whole bytes.Buffer // nothing is written unless all of it can be
	if err := write(&whole); err != nil {
		return err
	}
	written, err := keys.keys("what was written", whole.Bytes())
	if err != nil {
		return err
	}
	if err := c.writeAs(forEverybody, func(w io.Writer) error { _, err := whole.WriteTo(w); return err }); err != nil {
		return err
	}
	var reports []keyReport
	var text strings.Builder
	for _, k := range written {
		r := newKeyReport(keyset.Key{Material: k})
		reports = append(reports, r)
		fmt.Fprintln(&text, r.line())
		if *revoke != "" {
			fmt.Fprintf(&text, "written as revoked: %q\n", *revoke)
		}
	}
	return c.say(map[string]any{"keys": reports}, text.String(), true)
}

// handedOut writes the public halves of all keys that a partner has use for.
func handedOut(ctx context.Context, keys *keyReader) (func(io.Writer) error, error) {
	s, err := keys.set(ctx, "keys", keys.c.args, publics)
	if err != nil {
		return nil, err
	}
	if s.Format() == keyset.OpenPGP {
		return func(w io.Writer) error { return pgp.WriteCertificates(w, s) }, nil
	}
	return func(w io.Writer) error { return jwe.WriteJWKSet(w, s) }, nil
}
