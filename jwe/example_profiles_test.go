package jwe_test

import (
	"context"
	"crypto/rsa"
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
	// JWS PS256 map[], dated and numbered
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
			Header: map[string]any{"iat": func(_ context.Context, t time.Time) any { return t.UnixMilli() }},
			Waive:  []envelope.Waiver{jwe.InsecureEncryptOnly("Visa MLE: two-way TLS authenticates")},
			Now:    noon,
		}
	}, rsaPair)
	// Output:
	// JWE {"alg":"RSA-OAEP-256","enc":"A128GCM","iat":1780315200000,"kid":"enc"}
	// opened {"amount":"12.50"}
}

// CyberSource message-level encryption: the kid is the serialNumber in the subject of
// the certificate, "iat" of the JWE is in seconds, "cty" is JWT around plain JSON.
func Example_cyberSource() {
	exchanged(cyberSource, rsaPair)
	// Output:
	// JWE {"alg":"RSA-OAEP-256","cty":"JWT","enc":"A256GCM","iat":1780315200,"kid":"enc"}
	// opened {"amount":"12.50"}
}

// Mastercard payload encryption: no JWS; the kid is the SHA-256 fingerprint of
// the key, which Open knows by itself. A128CBC-HS256 is met on the way in. The client
// for Node writes IVs of 16 octets, and "/" where base64url has "_".
func Example_mastercard() {
	exchanged(mastercard, rsaPair)
	// Output:
	// JWE {"alg":"RSA-OAEP-256","cty":"application/json","enc":"A256GCM","kid":"enc"}
	// opened {"amount":"12.50"}
}

// Juspay: the JWS is an object of its parts, RS256 in RSA-OAEP-256 and A256GCM. The
// caller writes the parts of the JWE as members of JSON likewise, and reads them. The
// client for Node reads this and writes RSA-OAEP, which Open accepts too. Each side has
// one pair of keys both to sign and to decrypt, which a waiver permits by its ID.
func Example_juspay() {
	ours, theirs := dualKey(rsaKeys[0]()), dualKey(rsaKeys[1]())
	exchanged(juspay(ours.Info().ID, theirs.Info().ID), func() (_, _ *jwe.Key) { return ours, theirs })
	// Output:
	// JWE {"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"enc"}
	// JWS RS256 map[]
	// opened {"amount":"12.50"}
}

// PACO of 2C2P: PS256 in RSA-OAEP and A128CBC-HS256, "typ" JWT on both. The claims in
// the payload are the caller's, and Open judges "nbf" and "exp" among them, because of
// that "typ"; with Self and Partner set also "iss" and "aud", and with MaxAge "iat".
func Example_paco() {
	exchanged(func(own, peer keyset.Source) jwe.Config {
		return jwe.Config{
			Own: own, Peer: peer,
			Seal:         jwe.Algorithms{Key: jwe.RSAOAEP, Content: jwe.A128CBCHS256},
			Header:       map[string]any{"typ": "JWT"},
			SignedHeader: map[string]any{"typ": "JWT"},
			RequireTyp:   "JWT",
			Bare:         true,
		}
	}, rsaPair)
	// Output:
	// JWE {"alg":"RSA-OAEP","cty":"JWT","enc":"A128CBC-HS256","kid":"enc","typ":"JWT"}
	// JWS PS256 map[typ:JWT]
	// opened {"amount":"12.50"}
}

// Wise: a compact JWS in a compact JWE, whose protected header has the path of the
// request. The caller sends it as application/jose+json.
func Example_wise() {
	exchanged(func(own, peer keyset.Source) jwe.Config {
		return jwe.Config{
			Own: own, Peer: peer,
			SignedHeader: map[string]any{"url": func(ctx context.Context, _ time.Time) any {
				path, _ := ctx.Value(pathKey{}).(string)
				return path
			}},
		}
	}, rsaPair)
	// Output:
	// JWE {"alg":"RSA-OAEP-256","cty":"JWT","enc":"A256GCM","kid":"enc"}
	// JWS PS256 map[url:/v1/cards], dated and numbered
	// opened {"amount":"12.50"}
}

// Samsung Wallet: a JWS around a JWE with RSA1_5 and A128GCM.
func Example_samsung() {
	exchanged(func(own, peer keyset.Source) jwe.Config {
		return jwe.Config{
			Own: own, Peer: peer,
			Layers: jwe.EncryptThenSign, Bare: true,
			Seal:         jwe.Algorithms{Key: jwe.RSA1_5, Content: jwe.A128GCM, Signature: jwe.RS256},
			SignedHeader: map[string]any{"cty": "CARD", "utc": func(_ context.Context, t time.Time) any { return t.UnixMilli() }},
			Waive:        []envelope.Waiver{jwe.InsecureRSA1_5("Samsung Wallet knows nothing else")},
			Now:          noon,
		}
	}, rsa15Pair)
	// Output:
	// JWE {"alg":"RSA1_5","enc":"A128GCM","kid":"enc"}
	// JWS RS256 outer map[cty:CARD utc:1.7803152e+12]
	// opened {"amount":"12.50"}
}

// The gateway of 2C2P: PS256 around RSA-OAEP and A256GCM.
func Example_gateway() {
	exchanged(func(own, peer keyset.Source) jwe.Config {
		return jwe.Config{
			Own: own, Peer: peer,
			Layers: jwe.EncryptThenSign,
			Seal:   jwe.Algorithms{Key: jwe.RSAOAEP},
		}
	}, rsaPair)
	// Output:
	// JWE {"alg":"RSA-OAEP","enc":"A256GCM","kid":"enc"}
	// JWS PS256 outer map[], dated and numbered
	// opened {"amount":"12.50"}
}

// Paze: a JWS around a JWE around a JWS.
func Example_paze() {
	exchanged(func(own, peer keyset.Source) jwe.Config {
		return jwe.Config{Own: own, Peer: peer, Layers: jwe.SignEncryptSign}
	}, rsaPair)
	// Output:
	// JWE {"alg":"RSA-OAEP-256","cty":"JWT","enc":"A256GCM","kid":"enc"}
	// JWS PS256 map[], dated and numbered
	// JWS PS256 outer map[], dated and numbered
	// opened {"amount":"12.50"}
}

// The profiles that the partners' own clients are tried with.

func cyberSource(own, peer keyset.Source) jwe.Config {
	return jwe.Config{
		Own: own, Peer: peer,
		Header: map[string]any{"iat": func(_ context.Context, t time.Time) any { return t.Unix() }, "cty": "JWT"},
		Waive:  []envelope.Waiver{jwe.InsecureEncryptOnly("CyberSource MLE: the request is signed by the caller's JWT")},
		Now:    noon,
	}
}

func mastercard(own, peer keyset.Source) jwe.Config {
	return jwe.Config{
		Own: own, Peer: peer,
		Accept: []jwe.Algorithm{jwe.RSAOAEP256, jwe.A256GCM, jwe.A128CBCHS256},
		Header: map[string]any{"cty": "application/json"},
		Waive: []envelope.Waiver{
			jwe.InsecureEncryptOnly("Mastercard: OAuth 1.0a signs the request"),
			jwe.InsecureLongIV("Mastercard's client for Node writes 16 bytes"),
		},
	}
}

func juspay(pair ...keyset.ID) func(own, peer keyset.Source) jwe.Config {
	return func(own, peer keyset.Source) jwe.Config {
		return jwe.Config{
			Own: own, Peer: peer,
			Members: true, Bare: true,
			Seal:  jwe.Algorithms{Signature: jwe.RS256},
			Waive: []envelope.Waiver{jwe.InsecureRSADualUse("Juspay knows one pair of keys for each side", pair...)},
		}
	}
}

// dualKey returns a key that both signs and decrypts.
func dualKey(private *rsa.PrivateKey) *jwe.Key {
	k, err := jwe.NewKey("enc", private, keyset.Signing|keyset.Encryption)
	if err != nil {
		log.Fatal(err)
	}
	return k
}

type pathKey struct{}

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
	ctx := context.WithValue(context.Background(), pathKey{}, "/v1/cards")
	sealed, err := from.Seal(ctx, []byte(payload))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("JWE", headerOf(sealed))
	msg, err := to.Open(context.Background(), sealed)
	if err != nil {
		log.Fatal(err)
	}
	_, dated := msg.Header["iat"]
	_, numbered := msg.Header["jti"]
	delete(msg.Header, "iat")
	delete(msg.Header, "jti")
	for _, s := range msg.Signers {
		line := []any{"JWS", s.Algorithm}
		if s.Layer == envelope.Outer {
			line = append(line, "outer")
		}
		line = append(line, fmt.Sprint(msg.Header))
		if dated && numbered {
			line[len(line)-1] = fmt.Sprint(msg.Header, ", dated and numbered")
		}
		fmt.Println(line...)
	}
	fmt.Println("opened", string(msg.Payload))
}

// headerOf returns the header of a JWE with its members sorted.
func headerOf(sealed []byte) string {
	part, rest, _ := strings.Cut(string(sealed), ".")
	if strings.Count(rest, ".") == 1 { // a JWS around it
		middle, _, _ := strings.Cut(rest, ".")
		inside, err := base64.RawURLEncoding.DecodeString(middle)
		if err != nil {
			log.Fatal(err)
		}
		return headerOf(inside)
	}
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
