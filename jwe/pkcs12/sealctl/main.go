// Sealctl is examples/sealctl for keys in PKCS #12 files too: give the file with their
// password as -passphrase.
package main

import (
	"github.com/sealwax/sealwax/examples/sealctl/command"
	"github.com/sealwax/sealwax/jwe/pkcs12"
)

func main() {
	command.Main(command.KeyFiles{Read: pkcs12.ReadKeys, Open: pkcs12.OpenFile})
}
