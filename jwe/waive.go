package jwe

import (
	"fmt"
	"slices"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/internal/exchange"
	"github.com/sealwax/sealwax/keyset"
)

// Names of waivers, as [envelope.Waiver.Name] returns them.
const (
	waiveEncryptOnly = "jwe.InsecureEncryptOnly"
	waiveRSA15       = "jwe.InsecureRSA1_5"
	waiveCompression = "jwe.InsecureCompression"
	waiveLongIV      = "jwe.InsecureLongIV"
	waiveCarried     = "jwe.InsecureCarriedKeys"
	waiveEvidence    = "jwe.InsecureUnsignedEvidence"
	waiveForgetful   = "jwe.InsecureForgetfulStart"
	waiveRSADualUse  = "jwe.InsecureRSADualUse"
)

// InsecureEncryptOnly makes Seal produce a JWE without a JWS inside, and lets Open accept
// one; a JWS that is inside must still verify. Anyone who has our public key can then
// make a message that opens: the transport has to authenticate the partner, for example
// with mutual TLS that ends in this process. These fields of Config need a signature, and
// cannot be combined with it: SignedHeader, Bare, Self, RequireTyp, RequireCty,
// SealContext, OpenContext, MaxAge, and Seal.Signature.
//
// The structure of the content decides whether it is a JWS. Seal returns an error for a
// payload that has that structure, because Open would take it for a JWS.
func InsecureEncryptOnly(reason string) envelope.Waiver {
	return envelope.NewWaiver(waiveEncryptOnly, reason)
}

// InsecureRSA1_5 permits RSAES-PKCS1-v1_5, in Open and, if chosen, in Seal, for
// the keys of ours with the given IDs, or for all of them if there are none. A key
// takes part only if it is bound to RSA1_5, by "alg" in its JWK, by
// [Key.WithAlgorithm], or by its source (see [OpenFile]), and then does nothing else. A
// key that opens it for one partner is weaker for all: give it to that partner alone. A
// message to several recipients is still refused.
//
// A key that does not decrypt is replaced with a random one before the content
// is decrypted, for local and for remote keys, as RFC 7516, Section 11.5,
// requires. A remote service may still reveal the difference by its timing or
// its own logs.
//
// In a program that runs under GODEBUG=fips140=only, New returns an error for
// it: there the standard library does without this padding.
func InsecureRSA1_5(reason string, keys ...keyset.ID) envelope.Waiver {
	return envelope.NewKeyWaiver(waiveRSA15, reason, keys...)
}

// InsecureCompression permits "zip" in messages to open, up to MaxSize after
// decompression and to a thousand times their size, and [Config.Compress]. The
// size of what is compressed beside a secret can tell something of the secret.
func InsecureCompression(reason string) envelope.Waiver {
	return envelope.NewWaiver(waiveCompression, reason)
}

// InsecureLongIV permits AES-GCM with an IV of 16 bytes instead of 12, in
// Open. RFC 7518, Section 5.3, does not, but libraries of some partners
// send it.
func InsecureLongIV(reason string) envelope.Waiver {
	return envelope.NewWaiver(waiveLongIV, reason)
}

// InsecureCarriedKeys has Open ignore the header parameters "jwk", "jku", "x5c", and
// "x5u", in which some partners send the key or the certificate that they sign with,
// or the address of it. They are not parsed, no key comes from them, and they are
// not in [envelope.Message].Header. A partner that expects them to be obeyed trusts
// whatever key a message brings along. In "crit" they are refused all the same. In a
// header that nothing protects they are ignored without this waiver.
func InsecureCarriedKeys(reason string) envelope.Waiver {
	return envelope.NewWaiver(waiveCarried, reason)
}

// InsecureUnsignedEvidence is for use beside [InsecureEncryptOnly] and says that the
// transport authenticates the partner: a message that opens without a signature then
// counts for the rotation of keys as one that is signed. Without this waiver such a
// message makes a key busy, and is evidence of nothing. With it, whoever else can send
// us messages can have an old key removed while the partner still uses it.
func InsecureUnsignedEvidence(reason string) envelope.Waiver {
	return envelope.NewWaiver(waiveEvidence, reason)
}

// InsecureForgetfulStart is for use beside [Config.Replays]. It has Open accept messages
// that are dated before the memory began; without it they are an outage of ours. Then,
// each time that a memory begins, what was accepted within MaxAge before can be accepted
// once more. An [envelope.Memory] begins whenever the process starts.
func InsecureForgetfulStart(reason string) envelope.Waiver {
	return envelope.NewWaiver(waiveForgetful, reason)
}

// InsecureRSADualUse permits the private RSA keys with the given IDs, of which there
// must be one at least, both to sign and to decrypt. Whoever can make us decrypt with
// such a key comes near to signing with it. Use it to rotate away from it. It panics
// if there is no ID.
func InsecureRSADualUse(reason string, ids ...keyset.ID) envelope.Waiver {
	if len(ids) == 0 {
		panic("jwe: InsecureRSADualUse without the ID of a key")
	}
	return envelope.NewKeyWaiver(waiveRSADualUse, reason, ids...)
}

// permitted returns why a key of ours is refused under the waivers of a call, or nil.
func permitted(c *exchange.Call, k *Key) error {
	if k.dual() && !c.WaiveFor(waiveRSADualUse, k.info.ID) {
		return fmt.Errorf("key %s is an RSA key both to sign and to decrypt, which %s can permit for it", k.info.ID, waiveRSADualUse)
	}
	return nil
}

// unpermitted adds to a refusal what would let a key of ours open the message.
func unpermitted(c *exchange.Call, r *recipient) string {
	if r.header.alg == RSA1_5 {
		return "; a key for RSA1_5 is bound to it, as by WithAlgorithm, and named by the waiver"
	}
	for entry := range c.Own.Opening() {
		if k, ok := entry.Material.(*Key); ok && r.fits(k) && k.dual() {
			return fmt.Sprintf("; key %s both signs and decrypts, which %s can permit", k.info.ID, waiveRSADualUse)
		}
	}
	return ""
}

// waivers are those of a Config, looked up once.
type waivers struct {
	encryptOnly, rsa15, compression, longIV, carried bool
	rsa15Keys                                        []keyset.ID // that rsa15 is for; all if empty
	dualKeys                                         []keyset.ID // that may sign and decrypt
}

func waiversOf(list []envelope.Waiver) (w waivers) {
	for _, v := range list {
		switch v.Name() {
		case waiveEncryptOnly:
			w.encryptOnly = true
		case waiveRSA15:
			w.rsa15, w.rsa15Keys = true, v.Keys()
		case waiveCompression:
			w.compression = true
		case waiveLongIV:
			w.longIV = true
		case waiveCarried:
			w.carried = true
		case waiveRSADualUse:
			w.dualKeys = append(w.dualKeys, v.Keys()...)
		}
	}
	return w
}

// permits reports whether a key of ours may open messages of the algorithm.
func (w *waivers) permits(k *Key, alg Algorithm) bool {
	if alg == RSA1_5 {
		return w.rsa15 && (len(w.rsa15Keys) == 0 || slices.Contains(w.rsa15Keys, k.info.ID))
	}
	return !k.dual() || slices.Contains(w.dualKeys, k.info.ID)
}
