package jwe_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// The newer profile of the Standard Payments family: JWS in JWE, both compact,
// keys exchanged as JWK. It is the default.
func Example_standardPayments() {
	exchanged(func(own, peer keyset.Source) jwe.Config {
		return jwe.Config{Own: own, Peer: peer}
	}, rsaPair)
	// Output:
	// JWE {"alg":"RSA-OAEP-256","cty":"JWT","enc":"A256GCM","kid":"enc"}
	// JWS PS256 map[]
	// opened {"amount":"12.50"}
}

// The older profile of the Standard Payments family: RSA1_5, AES-CBC with HMAC,
// compression, and no JWS; mutual TLS authenticates. Each of the three is waived
// by its name. The partner's messages open under either of our keys.
func Example_standardPaymentsOlder() {
	exchanged(func(own, peer keyset.Source) jwe.Config {
		return jwe.Config{
			Own: own, Peer: peer,
			Seal:     jwe.Algorithms{Key: jwe.RSA1_5, Content: jwe.A128CBCHS256},
			Compress: true,
			Waive: []envelope.Waiver{
				jwe.InsecureRSA1_5("older profile; the keys are for this partner alone"),
				jwe.InsecureCompression("older profile"),
				jwe.InsecureEncryptOnly("older profile; mutual TLS ends in this process"),
			},
		}
	}, rsa15Pair)
	// Output:
	// JWE {"alg":"RSA1_5","enc":"A128CBC-HS256","kid":"enc","zip":"DEF"}
	// opened {"amount":"12.50"}
}

// Visa Message Level Encryption: no JWS, "iat" of the JWE in milliseconds, the
// kid is that of the certificate. The caller wraps the token as {"encData":"…"}.
func Example_visa() {
	exchanged(func(own, peer keyset.Source) jwe.Config {
		return jwe.Config{
			Own: own, Peer: peer,
			Seal:   jwe.Algorithms{Content: jwe.A128GCM},
			Header: map[string]any{"iat": func(t time.Time) any { return t.UnixMilli() }},
			Waive:  []envelope.Waiver{jwe.InsecureEncryptOnly("Visa MLE: two-way TLS authenticates")},
			Now:    noon,
		}
	}, rsaPair)
	// Output:
	// JWE {"alg":"RSA-OAEP-256","enc":"A128GCM","iat":1780315200000,"kid":"enc"}
	// opened {"amount":"12.50"}
}

// CyberSource message-level encryption: RSA-OAEP, "iat" of the JWE in seconds.
func Example_cyberSource() {
	exchanged(func(own, peer keyset.Source) jwe.Config {
		return jwe.Config{
			Own: own, Peer: peer,
			Seal:   jwe.Algorithms{Key: jwe.RSAOAEP},
			Header: map[string]any{"iat": func(t time.Time) any { return t.Unix() }},
			Waive:  []envelope.Waiver{jwe.InsecureEncryptOnly("CyberSource MLE: the request is signed by the caller's JWT")},
			Now:    noon,
		}
	}, rsaPair)
	// Output:
	// JWE {"alg":"RSA-OAEP","enc":"A256GCM","iat":1780315200,"kid":"enc"}
	// opened {"amount":"12.50"}
}

// Mastercard payload encryption: no JWS; the kid is the SHA-256 fingerprint of
// the key, which Open knows by itself. A128CBC-HS256 is met on the way in.
func Example_mastercard() {
	exchanged(func(own, peer keyset.Source) jwe.Config {
		return jwe.Config{
			Own: own, Peer: peer,
			Accept: []jwe.Algorithm{jwe.RSAOAEP256, jwe.A256GCM, jwe.A128CBCHS256},
			Waive:  []envelope.Waiver{jwe.InsecureEncryptOnly("Mastercard: OAuth 1.0a signs the request")},
		}
	}, rsaPair)
	// Output:
	// JWE {"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"enc"}
	// opened {"amount":"12.50"}
}

// Juspay: RS256 in RSA-OAEP and A256GCM.
func Example_juspay() {
	exchanged(func(own, peer keyset.Source) jwe.Config {
		return jwe.Config{
			Own: own, Peer: peer,
			Seal: jwe.Algorithms{Key: jwe.RSAOAEP, Content: jwe.A256GCM, Signature: jwe.RS256},
		}
	}, rsaPair)
	// Output:
	// JWE {"alg":"RSA-OAEP","cty":"JWT","enc":"A256GCM","kid":"enc"}
	// JWS RS256 map[]
	// opened {"amount":"12.50"}
}

// 2C2P and PACO: PS256 in RSA-OAEP and A128CBC-HS256, "typ" JWT on both. The
// claims in the payload are the caller's; with Self and Partner set, Open checks
// "iss" and "aud" among them, and with MaxAge "iat". "nbf" and "exp" are for the
// caller to judge.
func Example_paco() {
	exchanged(func(own, peer keyset.Source) jwe.Config {
		return jwe.Config{
			Own: own, Peer: peer,
			Seal:         jwe.Algorithms{Key: jwe.RSAOAEP, Content: jwe.A128CBCHS256},
			Header:       map[string]any{"typ": "JWT"},
			SignedHeader: map[string]any{"typ": "JWT"},
		}
	}, rsaPair)
	// Output:
	// JWE {"alg":"RSA-OAEP","cty":"JWT","enc":"A128CBC-HS256","kid":"enc","typ":"JWT"}
	// JWS PS256 map[typ:JWT]
	// opened {"amount":"12.50"}
}

// Wise: a JWS in a JWE, as application/jose+json.
func Example_wise() {
	exchanged(func(own, peer keyset.Source) jwe.Config {
		return jwe.Config{Own: own, Peer: peer, JSON: true}
	}, rsaPair)
	// Output:
	// JWE {"alg":"RSA-OAEP-256","cty":"JOSE+JSON","enc":"A256GCM","kid":"enc"}
	// JWS PS256 map[]
	// opened {"amount":"12.50"}
}

// Samsung Wallet: a JWE with RSA1_5 and A128GCM. The JWS that goes around it is
// the caller's, and so is what is in it.
func Example_samsung() {
	exchanged(func(own, peer keyset.Source) jwe.Config {
		return jwe.Config{
			Own: own, Peer: peer,
			Seal: jwe.Algorithms{Key: jwe.RSA1_5, Content: jwe.A128GCM},
			Waive: []envelope.Waiver{
				jwe.InsecureRSA1_5("Samsung Wallet knows nothing else"),
				jwe.InsecureEncryptOnly("Samsung Wallet: the JWS is around the JWE"),
			},
		}
	}, rsa15Pair)
	// Output:
	// JWE {"alg":"RSA1_5","enc":"A128GCM","kid":"enc"}
	// opened {"amount":"12.50"}
}

func noon() time.Time { return time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC) }

// rsaPair returns a signing and a decryption key, as files hold them.
func rsaPair() (sign, decrypt *jwe.Key) {
	sign, err := jwe.NewKey("sig", rsaKeys[0](), keyset.Signing)
	if err != nil {
		log.Fatal(err)
	}
	decrypt, err = jwe.NewKey("enc", rsaKeys[1](), keyset.Encryption)
	if err != nil {
		log.Fatal(err)
	}
	return sign, decrypt
}

// rsa15Pair is a pair whose decryption key is for RSA1_5 and nothing else: a JWK says so
// itself.
func rsa15Pair() (sign, decrypt *jwe.Key) {
	sign, decrypt = rsaPair()
	decrypt, err := decrypt.WithAlgorithm(jwe.RSA1_5)
	if err != nil {
		log.Fatal(err)
	}
	return sign, decrypt
}

// exchanged sends a message from one side to the other and prints what it
// says about itself.
// Both sides have the same Config but for the keys.
func exchanged(config func(own, peer keyset.Source) jwe.Config, keys func() (sign, decrypt *jwe.Key)) {
	sign, decrypt := keys()
	from, err := jwe.New(config(active(sign), active(decrypt.Public())))
	if err != nil {
		log.Fatal(err)
	}
	to, err := jwe.New(config(active(decrypt), active(sign.Public())))
	if err != nil {
		log.Fatal(err)
	}
	payload := `{"amount":"12.50"}`
	sealed, err := from.Seal(context.Background(), []byte(payload))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("JWE", headerOf(sealed))
	msg, err := to.Open(context.Background(), sealed)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range msg.Signers {
		fmt.Println("JWS", s.Algorithm, msg.Header)
	}
	fmt.Println("opened", string(msg.Payload))
}

// headerOf returns the header of a JWE with its members sorted.
func headerOf(sealed []byte) string {
	part, _, _ := strings.Cut(string(sealed), ".")
	if _, inJSON, ok := strings.Cut(string(sealed), `{"protected":"`); ok {
		part, _, _ = strings.Cut(inJSON, `"`)
	}
	d := json.NewDecoder(base64.NewDecoder(base64.RawURLEncoding, strings.NewReader(part)))
	d.UseNumber()
	var members map[string]any
	if err := d.Decode(&members); err != nil {
		log.Fatal(err)
	}
	text, err := json.Marshal(members)
	if err != nil {
		log.Fatal(err)
	}
	return string(text)
}
