module github.com/sealwax/sealwax/keyset/modeltest

go 1.26.0

replace github.com/sealwax/sealwax => ../..

require (
	github.com/sealwax/sealwax v0.1.0
	pgregory.net/rapid v1.3.0
)

require (
	github.com/ProtonMail/go-crypto v1.5.2 // indirect
	github.com/cloudflare/circl v1.6.5 // indirect
	github.com/go-jose/go-jose/v4 v4.1.9 // indirect
	golang.org/x/crypto v0.59.0 // indirect
	golang.org/x/sys v0.50.0 // indirect
)
