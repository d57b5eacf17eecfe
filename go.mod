module github.com/sealwax/sealwax

go 1.26.0

require (
	github.com/ProtonMail/go-crypto v1.5.2
	github.com/go-jose/go-jose/v4 v4.1.9
	github.com/stretchr/testify v1.12.1
	golang.org/x/crypto v0.59.0
)

require (
	github.com/cloudflare/circl v1.6.5 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	golang.org/x/sys v0.50.0 // indirect
)
