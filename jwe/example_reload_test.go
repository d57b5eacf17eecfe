package jwe_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"strings"
	"testing/fstest"

	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// A server follows a manifest; the keys are files beside it. In a program the
// file system is that of os.OpenRoot, and the manifest is read every minute.
func ExampleOpenFile() {
	files := fstest.MapFS{}
	entry := func(kid string, alg jwe.Algorithm, state keyset.State) string {
		k := generate(kid, alg)
		var file bytes.Buffer
		if err := k.WriteInsecurePrivateJWK(&file); err != nil {
			log.Fatal(err)
		}
		files[kid+".jwk"] = &fstest.MapFile{Data: file.Bytes()}
		return fmt.Sprintf(`{"id": %q, "state": %q, "source": "file:%s.jwk"}`, k.Info().ID, state, kid)
	}
	manifest := `{"version": 1, "revision": 7, "format": "jose", "private": true, "keys": [` + strings.Join([]string{
		entry("sign-2026", jwe.ES256, keyset.Active),
		entry("enc-2027", jwe.ECDHESA256KW, keyset.Active),
		entry("enc-2026", jwe.ECDHESA256KW, keyset.Retiring),
	}, ", ") + `]}`

	m, err := keyset.ReadManifest(strings.NewReader(manifest))
	if err != nil {
		log.Fatal(err)
	}
	var ring keyset.Ring
	outcome, err := ring.Reload(context.Background(), m, jwe.OpenFile(files))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(outcome)
	fmt.Println(ring.Load())
	// Output:
	// revision 7
	// keyset revision 7: jose, private, 2 active, 1 retiring
}
