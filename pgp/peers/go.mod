module github.com/sealwax/sealwax/pgp/peers

go 1.26.0

require (
	github.com/ProtonMail/gopenpgp/v2 v2.11.1
	github.com/ProtonMail/gopenpgp/v3 v3.5.2
	github.com/keybase/go-crypto v0.0.0-20200123153347-de78d2cb44f4
	github.com/sealwax/sealwax v0.1.0
	github.com/stretchr/testify v1.12.1
	golang.org/x/crypto v0.59.0
)

require (
	github.com/ProtonMail/go-crypto v1.5.2 // indirect
	github.com/ProtonMail/go-mime v0.0.0-20230322103455-7d82a3887f2f // indirect
	github.com/cloudflare/circl v1.6.5 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	golang.org/x/sys v0.50.0 // indirect
	golang.org/x/text v0.38.0 // indirect
)

replace github.com/sealwax/sealwax => ../..

// The last with its openpgp, which is the peer: old programs are made with it.
replace golang.org/x/crypto => golang.org/x/crypto v0.53.0
