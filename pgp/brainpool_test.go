package pgp_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/pgp"
)

// BoringCrypto has the curves of NIST and no other: a certificate on a Brainpool curve, whose
// signatures that build cannot verify, is refused where it is read and not at the first message.
func TestCertificateOnBrainpool(t *testing.T) {
	k, err := pgp.ReadKey(strings.NewReader(onBrainpool))
	if boring {
		require.ErrorContains(t, err, "no valid self-signature")
		return
	}
	require.NoError(t, err)
	assert.Equal(t, "ECDSA-BrainpoolP256+ECDH-BrainpoolP256", k.Info().Algorithm)
}

const onBrainpool = `-----BEGIN PGP PUBLIC KEY BLOCK-----

xlMEaVW5ABMJKyQDAwIIAQEHAgMEd6b9OFWjsL70lrrP0mkVZ0AJD0F+HNtxnp1N
WlPhzp+llsKM8C0rNz9andoi51XawTIpLAlvmK2DW3g6yGf4W80jUGFydG5lciA8
YnJhaW5wb29sQHBhcnRuZXIuZXhhbXBsZT7CvQQTEwgAbwWCaVW5AAILBwkQjsFM
C09gB4g1FAAAAAAAHAAQc2FsdEBub3RhdGlvbnMub3BlbnBncGpzLm9yZ76LuJ+v
qD4wzCSDrGeXTi8CFQgCFgACGQECmwMCHgEWIQS3str5a731Lq00c0SOwUwLT2AH
iAAAp/wA/3RaAOKYZT/fH70M714+hztnjL6oeuC1+gdhKLQyZ/6jAP9qTFVfIfxy
Q95pUUcpgCr+1RppVCvg3iZqc7KBaAe9sM5XBGlVuQASCSskAwMCCAEBBwIDBG7L
CtqlSL00CnPN/6aM1/7QBClIwQO1lxd/RpwU18C7U0hrQtxrg/pPyxsg9riwMsRW
AW0pt774gQaGXvpaVHADAQoJwq4EGBMIAGAFgmlVuQAJEI7BTAtPYAeINRQAAAAA
ABwAEHNhbHRAbm90YXRpb25zLm9wZW5wZ3Bqcy5vcmfx95XNz7MEMBOMYRMJV2Pd
ApsMFiEEt7La+Wu99S6tNHNEjsFMC09gB4gAAOimAP9yx7ilL6VZUx74VGPA8Kqv
bJHHc+iCBao0NqFgyEoHKAD/VJZCeedWjORVgoV2GrrxvShAezo5fbn56haCfqVH
fF4=
=24QI
-----END PGP PUBLIC KEY BLOCK-----`
