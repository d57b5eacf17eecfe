package pgp_test

import (
	"slices"
	"time"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/pgp"
)

// A vectorSetup is what a file is opened with. Names of files are those of the
// table, with "#2" for the second certificate in one.
type vectorSetup struct {
	own, peer []string
	inside    bool   // the packets of the file are encrypted to us first
	document  string // behind a literal of this text, if it is not empty
	waive     []envelope.Waiver
	now       time.Time
}

// What old test data needs to get as far as what it is about: keys of 1024
// bits, and self-signatures under SHA-1.
var oldKeys = []envelope.Waiver{pgp.InsecureSHA1Certificates("test data")}

func waiving(w ...envelope.Waiver) []envelope.Waiver { return append(slices.Clone(oldKeys), w...) }

func day(s string) time.Time {
	d, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return d.Add(12 * time.Hour)
}

// Signers of rnp's messages. The second key of keyrings/1 is DSA, and not read.
var rnpSigners = []string{
	"keyrings/1/pubring.gpg#1",
	"test_forged_keys/eddsa-2024-pub.pgp",
	"test_key_edge_cases/key-25519-non-tweaked.asc",
	"test_key_edge_cases/key-eddsa-small-x-pub.asc",
	"test_key_validity/alice-sign-sub-pub.pgp",
	"test_key_validity/case15/pubring.gpg",
	"test_key_validity/rsa_key_small_sig-pub.asc",
	"test_messages/expired_signing_key-pub.asc",
	"test_messages/expired_signing_sub-pub.asc",
	"test_messages/key-rsas-rsae.asc",
	"test_stream_key_load/ecc-25519-pub.asc",
	"test_stream_key_load/ecc-p256-pub.asc",
	"test_stream_key_load/ecc-x25519-pub.asc",
	"test_stream_key_load/eddsa-00-pub.pgp",
	"test_stream_key_load/rsa-rsa-pub.asc",
	"test_stream_signatures/pub.asc",
}

var vectorSetups = map[string]map[string]vectorSetup{
	"rnp": {
		"alice":            {own: []string{"test_key_validity/alice-sub-sec.pgp"}, waive: waiving(pgp.InsecureUnsigned("test data"))},
		"25519":            {own: []string{"test_key_edge_cases/key-25519-non-tweaked-sec.asc"}},
		"p256":             {own: []string{"test_stream_key_load/ecc-p256-sec.asc"}, waive: waiving(pgp.InsecureUnsigned("test data"))},
		"ring1":            {own: []string{"keyrings/1/secring.gpg#1"}, waive: waiving(pgp.InsecureUnsigned("test data"))},
		"ring1, no waiver": {own: []string{"keyrings/1/secring.gpg#1"}},
		"rsas":             {own: []string{"test_messages/key-rsas-rsae.asc"}},
		"rsa2048":          {own: []string{"test_key_validity/rsa_key_small_sig-sec.asc"}, waive: waiving(pgp.InsecureUnsigned("test data"))},
		"v6":               {own: []string{"RFC9580/A.4.transferable-seckey-v6.asc"}, waive: []envelope.Waiver{pgp.InsecureUnsigned("test data")}},
		"inside":           {inside: true, peer: rnpSigners, waive: oldKeys},
		"inside, 12 June":  {inside: true, peer: rnpSigners, waive: oldKeys, now: day("2021-06-12")},
		"inside, 18 June":  {inside: true, peer: rnpSigners, waive: oldKeys, now: day("2021-06-18")},
		"inside, ring5":    {inside: true, peer: []string{"keyrings/5/pubring.gpg"}},
		"inside, ring6":    {inside: true, peer: []string{"keyrings/6/pubring.gpg"}},
		"inside, 2072":     {inside: true, peer: []string{"keyrings/6/pubring.gpg"}, now: day("2072-02-01")},
		"inside, v6":       {inside: true, peer: []string{"RFC9580/A.3.transferable-pubkey-v6.asc"}},
	},
	"go-crypto": {
		"keys1and2":           {own: []string{"extracted/read_write_test_data__testKeys1And2PrivateHex.hex#2"}, peer: []string{"extracted/read_write_test_data__testKeys1And2Hex.hex#1"}, waive: oldKeys},
		"keys1and2, unsigned": {own: []string{"extracted/read_write_test_data__testKeys1And2PrivateHex.hex#1"}, waive: waiving(pgp.InsecureUnsigned("test data"))},
		"v5":                  {own: []string{"extracted/read_write_test_data__keyv5Test.asc"}, waive: oldKeys},
		"aead":                {own: []string{"openpgp/test_data/aead-ocb-asym-key.asc"}, waive: waiving(pgp.InsecureUnsigned("test data"))},
		"v6":                  {own: []string{"extracted/read_write_test_data__v6PrivKey.asc"}, waive: []envelope.Waiver{pgp.InsecureUnsigned("test data")}},
		"sign-only":           {own: []string{"extracted/read_write_test_data__rsaSignOnly.asc"}},
		"pqc":                 {own: []string{"openpgp/test_data/pqc/v4-eddsa-sample-sk.asc"}, peer: []string{"openpgp/test_data/pqc/v4-eddsa-sample-pk.asc"}},
		"pqc, v6":             {own: []string{"openpgp/test_data/pqc/v6-mldsa-65-sample-sk.asc"}, peer: []string{"openpgp/test_data/pqc/v6-mldsa-65-sample-pk.asc"}},
		"inside":              {inside: true, peer: goCryptoSigners, waive: oldKeys},
		"inside, v6":          {inside: true, peer: []string{"extracted/clearsign_test__clearSignV6PublicKey.asc"}},
		"inside, signed input": {inside: true, peer: goCryptoSigners, waive: oldKeys,
			document: "Signed message\nline 2\nline 3\n"},
		"inside, hello": {inside: true, peer: []string{"extracted/read_write_test_data__keyWithExpiredCrossSig.asc"},
			waive: oldKeys, document: "Hello World :)"},
	},
}

var goCryptoSigners = []string{
	"extracted/read_write_test_data__testKeys1And2Hex.hex#1",
	"extracted/read_write_test_data__testKeys1And2Hex.hex#2",
	"extracted/read_write_test_data__criticalNotationSigner.asc",
	"extracted/read_write_test_data__keyV4forVerifyingSignedMessageV3.asc",
	"extracted/read_write_test_data__p256TestKeyHex.hex",
	"extracted/read_write_test_data__v4Key25519.asc",
	"extracted/read_write_test_data__keyv5Test.asc",
}
