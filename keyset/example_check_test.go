package keyset_test

import (
	"fmt"
	"log"
	"time"

	"github.com/sealwax/sealwax/keyset"
)

// A monitor asks once a day what needs the attention of a person. Findings have
// a label for metrics, and log and print as one line.
func ExampleSet_Check() {
	today := time.Date(2027, 12, 10, 0, 0, 0, 0, time.UTC)
	// Tombstones stand for keys that were read by package pgp or jwe.
	certificate := func(id keyset.ID, bits int, created time.Time, years int) keyset.Material {
		return keyset.Tombstone(keyset.Info{
			ID: id, Format: keyset.OpenPGP, Use: keyset.Signing | keyset.Encryption,
			Bits: bits, NotBefore: created, NotAfter: created.AddDate(years, 0, 0),
		})
	}
	set, err := keyset.New(12,
		keyset.Key{State: keyset.Active, Material: certificate("8A1C", 3072, today.AddDate(-1, 0, 20), 1)},
		keyset.Key{State: keyset.Retiring, Material: certificate("04D7", 1024, today.AddDate(-2, 0, 0), 3), Since: today.AddDate(0, -3, 0)},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	agreed := keyset.Requirements{
		Lead:        30 * 24 * time.Hour,
		MaxLifetime: 2 * 366 * 24 * time.Hour,
		MinRSABits:  2048,
		Linger:      60 * 24 * time.Hour,
	}
	for _, finding := range set.Check(today, agreed) {
		fmt.Println(finding)
	}

	// Output:
	// expiring: key 8A1C ends at 2027-12-30T00:00:00Z
	// no_successor: no key takes over when key 8A1C ends at 2027-12-30T00:00:00Z
	// lingering: key 04D7 was to be removed by 2027-11-09T00:00:00Z
	// too_long: key 04D7 should have ended by 2027-12-12T00:00:00Z
	// too_short: key 04D7 has an RSA modulus below the agreed size
}

// What payment networks agree on with their partners: RSA of 2048 bits or more,
// a key of one year and two at most, and in OpenPGP a subkey to encrypt to.
func ExampleSet_Check_paymentProfile() {
	agreed := keyset.Requirements{
		Lead:        60 * 24 * time.Hour,
		MaxLifetime: 2 * 365 * 24 * time.Hour,
		MinRSABits:  2048,
		Linger:      30 * 24 * time.Hour,
		Subkey:      true,
	}
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	own, err := keyset.New(1,
		ownCert.in(keyset.Active, "8A1C", valid(now.AddDate(-1, 1, 0), now.AddDate(0, 1, 0)), bits(3072)),
		ownCert.in(keyset.Pending, "04D7", valid(now, now.AddDate(5, 0, 0)), bits(1024)))
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range own.Check(now, agreed) {
		fmt.Println(f)
	}
	// Output:
	// expiring: key 8A1C ends at 2026-12-21T00:00:00Z
	// no_subkey: key 8A1C is an OpenPGP certificate without an encryption subkey
	// too_long: key 04D7 should have ended by 2028-11-20T00:00:00Z
	// too_short: key 04D7 has an RSA modulus below the agreed size
	// no_subkey: key 04D7 is an OpenPGP certificate without an encryption subkey
}
