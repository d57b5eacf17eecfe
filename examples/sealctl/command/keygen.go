package command

import (
	"context"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
	"github.com/sealwax/sealwax/pgp"
)

var keygen = command{
	name: "keygen", args: "-format FORMAT -name NAME [-o FILE]",
	what: "make a private key, or a new subkey for one",
	help: `
The key is written unencrypted, into a file that only you can read; keep it where
you keep secrets. OpenPGP keys sign and decrypt. A JOSE key does one of the two:
make one to sign (ES256, ES384, ES512, EdDSA, PS256, RS256, and the post-quantum
ML-DSA-44, ML-DSA-65, and ML-DSA-87, which a sealctl built with Go 1.27 has) and one
to decrypt (ECDH-ES+A256KW, RSA-OAEP-256, RSA-OAEP, and RSA1_5 for an older profile;
none is post-quantum yet); its name is the "kid".

  sealctl keygen -format pgp -name "Example Bank <keys@bank.example>" -o own-2027.asc
  sealctl keygen -format jose -alg ES256 -name bank-sign-2027 -o sign-2027.jwk
  sealctl keygen -subkey-of own-2027.asc -o own-2027b.asc
  sealctl keygen -subkey-of own-2027.asc -alg post-quantum -o own-2027c.asc
`,
	run: runKeygen,
}

func runKeygen(_ context.Context, c *call) error {
	validity := span(365 * 24 * time.Hour)
	keys := keyReader{c: c}
	format := c.flags.String("format", "", "the `format`, pgp or jose")
	name := c.flags.String("name", "", "the `name`: the User ID, or the \"kid\", which is the thumbprint without it")
	alg := c.flags.String("alg", "", "the `algorithm`; OpenPGP: rsa3072, rsa4096, curve25519, post-quantum; default rsa3072")
	subkeyOf := c.flags.String("subkey-of", "", "OpenPGP: write this private key `file` with another encryption subkey")
	c.flags.Var(&validity, "valid", "OpenPGP: for how `long` the key, or the subkey, is valid")
	c.outputFlag("the private key")
	keys.flag()
	if err := c.parse(0, 0); err != nil {
		return err
	}
	var made keyset.Material
	var write func(io.Writer) error
	switch {
	case *subkeyOf != "":
		k, err := renewed(&keys, *subkeyOf, *alg, time.Duration(validity))
		if err != nil {
			return err
		}
		made, write = k, k.WriteInsecurePrivateKey
	case *format == "pgp":
		if *alg == "" {
			*alg = string(pgp.RSA3072)
		}
		k, err := pgp.GenerateKey(*name, pgp.Algorithm(*alg), time.Duration(validity))
		if err != nil {
			return err
		}
		made, write = k, k.WriteInsecurePrivateKey
	case *format == "jose" && *alg == "":
		return misuse("-alg is missing: ES256 or PS256 for a key that signs, ECDH-ES+A256KW or RSA-OAEP-256 for one that decrypts")
	case *format == "jose" && given(c.flags, "valid"):
		return misuse("-valid is for OpenPGP: a JWK has no end. Rotate it in time: \"not_after\" of its entry in the manifest is an end, and check tells of it")
	case *format == "jose":
		k, err := jwe.GenerateKey(*name, jwe.Algorithm(*alg))
		if err != nil {
			return err
		}
		made, write = k, k.WriteInsecurePrivateJWK
	default:
		return misuse("-format is pgp or jose")
	}
	if err := c.writeSecret(write); err != nil {
		return err
	}
	r := newKeyReport(keyset.Key{Material: made})
	return c.say(r, fmt.Sprintf("made %s\nhand out its public half with sealctl public\n", r.line()), true)
}

// given reports whether a flag stands on the command line.
func given(flags *flag.FlagSet, name string) (is bool) {
	flags.Visit(func(f *flag.Flag) { is = is || f.Name == name })
	return is
}

func renewed(keys *keyReader, file, alg string, validity time.Duration) (*pgp.Key, error) {
	raw, err := keys.c.read(file, "-subkey-of", maxKeyFile)
	if err != nil {
		return nil, err
	}
	read, err := keys.keys(file, raw)
	if err != nil {
		return nil, err
	}
	k, ok := read[0].(*pgp.Key)
	if !ok || len(read) != 1 {
		return nil, fmt.Errorf("%s holds no single OpenPGP key: a JOSE key has no subkeys, make a new one", file)
	}
	switch pgp.Algorithm(alg) {
	case "":
		return k.WithNewSubkey(context.Background(), validity)
	case pgp.PostQuantum:
		return k.WithPostQuantumSubkey(context.Background(), validity)
	}
	return nil, misuse("-subkey-of takes no -alg but post-quantum: without it, the subkey is of the algorithm of the one before")
}
