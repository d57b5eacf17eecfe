package keyset_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sealwax/sealwax/keyset"
)

func TestCheck(t *testing.T) {
	const day = 24 * time.Hour
	at := time.Date(2027, 6, 1, 0, 0, 0, 0, time.UTC)
	in := func(days int) time.Time { return at.Add(time.Duration(days) * day) }
	var none time.Time
	since := func(k keyset.Key, days int) keyset.Key { k.Since = in(days); return k }
	ends := func(k keyset.Key, days int) keyset.Key { k.NotAfter = in(days); return k }
	good := ownCert.in(keyset.Active, "good", valid(in(-10), in(300)))

	lead := keyset.Requirements{Lead: 30 * day}
	year := keyset.Requirements{MaxLifetime: 365 * day}
	strong := keyset.Requirements{MinRSABits: 3072}
	linger := keyset.Requirements{Linger: 30 * day}
	quantum := keyset.Requirements{PostQuantumBy: in(500)}
	all := keyset.Requirements{Lead: 30 * day, MaxLifetime: 365 * day, MinRSABits: 2048, Linger: 30 * day}

	noSealer := keyset.Finding{Problem: keyset.NoSealer, When: at}
	noOpener := keyset.Finding{Problem: keyset.NoOpener, When: at}
	about := func(id keyset.ID, p keyset.Problem, days int) keyset.Finding {
		return keyset.Finding{ID: id, Problem: p, When: in(days)}
	}

	tests := []struct {
		name string
		r    keyset.Requirements
		keys []keyset.Key
		want []keyset.Finding
	}{
		{"nothing to report", all, []keyset.Key{good}, nil},
		{"no requirements", keyset.Requirements{}, []keyset.Key{ownCert.in(keyset.Active, "A", bits(512))}, nil},
		{"empty", all, nil, []keyset.Finding{noSealer, noOpener}},
		{"revoked keys are not looked at", all, []keyset.Key{good, since(ends(ownCert.in(keyset.Revoked, "R", bits(512)), -5), -90)}, nil},
		{"only revoked", all, []keyset.Key{ownCert.in(keyset.Revoked, "R")}, []keyset.Finding{noSealer, noOpener}},

		// Sealing and opening, in every role.
		{"own signing key alone", all, []keyset.Key{ownSign.in(keyset.Active, "A", valid(in(-1), in(99)))}, []keyset.Finding{noOpener}},
		{"own decryption key alone", all, []keyset.Key{ownDecrypt.in(keyset.Active, "A", valid(in(-1), in(99)))}, []keyset.Finding{noSealer}},
		{"partner's signing key alone", keyset.Requirements{}, []keyset.Key{peerVerify.in(keyset.Active, "A")}, []keyset.Finding{noSealer}},
		{"partner's encryption key alone", keyset.Requirements{}, []keyset.Key{peerEncrypt.in(keyset.Active, "A")}, []keyset.Finding{noOpener}},
		{"pending opens, but does not seal", keyset.Requirements{}, []keyset.Key{ownCert.in(keyset.Pending, "A")}, []keyset.Finding{noSealer}},
		{"retiring opens, but does not seal", keyset.Requirements{}, []keyset.Key{ownCert.in(keyset.Retiring, "A")}, []keyset.Finding{noSealer}},
		{"ours decrypts after its end", keyset.Requirements{}, []keyset.Key{ends(ownCert.in(keyset.Active, "A"), -1)}, []keyset.Finding{noSealer, about("A", keyset.Expired, -1)}},
		{"partner's does not verify after its end", keyset.Requirements{}, []keyset.Key{ends(peerCert.in(keyset.Active, "A"), -1)}, []keyset.Finding{noSealer, noOpener, about("A", keyset.Expired, -1)}},
		{"partner's does not verify before its beginning", keyset.Requirements{}, []keyset.Key{peerVerify.in(keyset.Active, "A", valid(in(1), none)), peerEncrypt.in(keyset.Active, "B")}, []keyset.Finding{noOpener, about("A", keyset.NotYetValid, 1)}},
		{"partner's signing key that ended", lead, []keyset.Key{peerVerify.in(keyset.Active, "A", valid(none, in(-1))), peerVerify.in(keyset.Pending, "B"), peerEncrypt.in(keyset.Active, "C")}, []keyset.Finding{about("A", keyset.Expired, -1)}},

		// Ends.
		{"at its end", keyset.Requirements{}, []keyset.Key{ends(good, 0)}, nil},
		{"past its end", keyset.Requirements{}, []keyset.Key{good, ends(ownCert.in(keyset.Active, "A"), -1)}, []keyset.Finding{about("A", keyset.Expired, -1)}},
		{"pending, past its end", keyset.Requirements{}, []keyset.Key{good, ends(ownCert.in(keyset.Pending, "A"), -1)}, []keyset.Finding{about("A", keyset.Expired, -1)}},
		{"retiring, past its end", lead, []keyset.Key{good, ends(ownCert.in(keyset.Retiring, "A"), -1)}, nil},
		{"expiring", lead, []keyset.Key{good, ends(ownCert.in(keyset.Active, "A"), 29)}, []keyset.Finding{about("A", keyset.Expiring, 29)}},
		{"expiring, at the edge", lead, []keyset.Key{good, ends(ownCert.in(keyset.Active, "A"), 30)}, []keyset.Finding{about("A", keyset.Expiring, 30)}},
		{"not yet expiring", lead, []keyset.Key{good, ends(ownCert.in(keyset.Active, "A"), 31)}, nil},
		{"expiring today", lead, []keyset.Key{good, ends(ownCert.in(keyset.Active, "A"), 0)}, []keyset.Finding{about("A", keyset.Expiring, 0)}},
		{"pending, soon over", lead, []keyset.Key{good, ends(ownCert.in(keyset.Pending, "A"), 5)}, nil},
		{"the earlier end counts", lead, []keyset.Key{good, ends(ownCert.in(keyset.Active, "A", valid(none, in(9))), 20)}, []keyset.Finding{about("A", keyset.Expiring, 9)}},
		{"active before its beginning", all, []keyset.Key{good, ownCert.in(keyset.Active, "A", valid(in(2), in(200)))}, []keyset.Finding{about("A", keyset.NotYetValid, 2)}},
		{"pending before its beginning", all, []keyset.Key{good, ownCert.in(keyset.Pending, "A", valid(in(2), in(200)))}, nil},

		// Successors.
		{"none", lead, []keyset.Key{ends(good, 5)}, []keyset.Finding{about("good", keyset.Expiring, 5), about("good", keyset.NoSuccessor, 5)}},
		{"a pending one", lead, []keyset.Key{ends(good, 5), ownCert.in(keyset.Pending, "B")}, []keyset.Finding{about("good", keyset.Expiring, 5)}},
		{"a retiring one is none", lead, []keyset.Key{ends(good, 5), ownCert.in(keyset.Retiring, "B")}, []keyset.Finding{about("good", keyset.Expiring, 5), about("good", keyset.NoSuccessor, 5)}},
		{"one that ends at the same time is none", lead, []keyset.Key{ends(good, 5), ends(ownCert.in(keyset.Active, "B"), 5)},
			[]keyset.Finding{about("good", keyset.Expiring, 5), about("good", keyset.NoSuccessor, 5), about("B", keyset.Expiring, 5), about("B", keyset.NoSuccessor, 5)}},
		{"one that ends a little later is one", lead, []keyset.Key{ends(good, 5), ends(ownCert.in(keyset.Active, "B"), 9)},
			[]keyset.Finding{about("good", keyset.Expiring, 5), about("B", keyset.Expiring, 9), about("B", keyset.NoSuccessor, 9)}},
		{"one that begins too late is none", lead, []keyset.Key{ends(good, 5), ownCert.in(keyset.Pending, "B", valid(in(6), none))},
			[]keyset.Finding{about("good", keyset.Expiring, 5), about("good", keyset.NoSuccessor, 5)}},
		{"one that begins in time is one", lead, []keyset.Key{ends(good, 5), ownCert.in(keyset.Pending, "B", valid(in(5), none))}, []keyset.Finding{about("good", keyset.Expiring, 5)}},
		{"a key for the other purpose is none", lead, []keyset.Key{ends(ownSign.in(keyset.Active, "S"), 5), ownDecrypt.in(keyset.Active, "D")},
			[]keyset.Finding{about("S", keyset.Expiring, 5), about("S", keyset.NoSuccessor, 5)}},
		{"a verification key matters as well", lead, []keyset.Key{ends(peerVerify.in(keyset.Active, "V"), 5), peerEncrypt.in(keyset.Active, "E")},
			[]keyset.Finding{about("V", keyset.Expiring, 5), about("V", keyset.NoSuccessor, 5)}},
		{"half a successor", lead, []keyset.Key{ends(good, 5), ownCert.in(keyset.Active, "B", func(i *keyset.Info) { i.Use = keyset.Signing })},
			[]keyset.Finding{about("good", keyset.Expiring, 5), about("good", keyset.NoSuccessor, 5)}},
		{"two halves", lead, []keyset.Key{ends(good, 5), ownCert.in(keyset.Active, "B", func(i *keyset.Info) { i.Use = keyset.Signing }), ownCert.in(keyset.Pending, "C", func(i *keyset.Info) { i.Use = keyset.Encryption })},
			[]keyset.Finding{about("good", keyset.Expiring, 5)}},

		// Agreements.
		{"lingering", linger, []keyset.Key{good, since(ownCert.in(keyset.Retiring, "A"), -31)}, []keyset.Finding{about("A", keyset.Lingering, -1)}},
		{"not yet lingering", linger, []keyset.Key{good, since(ownCert.in(keyset.Retiring, "A"), -30)}, nil},
		{"since when is not known", linger, []keyset.Key{good, ownCert.in(keyset.Retiring, "A")}, nil},
		{"active for long", linger, []keyset.Key{since(good, -500)}, nil},
		{"no limit to linger", keyset.Requirements{}, []keyset.Key{good, since(ownCert.in(keyset.Retiring, "A"), -500)}, nil},
		{"a year", year, []keyset.Key{ownCert.in(keyset.Active, "A", valid(in(-100), in(265)))}, nil},
		{"more than a year", year, []keyset.Key{ownCert.in(keyset.Active, "A", valid(in(-100), in(266)))}, []keyset.Finding{about("A", keyset.TooLong, 265)}},
		{"more than a year, narrowed", year, []keyset.Key{ends(ownCert.in(keyset.Active, "A", valid(in(-100), in(266))), 200)}, nil},
		{"without end", year, []keyset.Key{ownCert.in(keyset.Active, "A", valid(in(-100), none))}, []keyset.Finding{about("A", keyset.TooLong, 265)}},
		{"without beginning, a year left", year, []keyset.Key{ends(ownCert.in(keyset.Active, "A"), 365)}, nil},
		{"without beginning, more left", year, []keyset.Key{ends(ownCert.in(keyset.Active, "A"), 366)}, []keyset.Finding{about("A", keyset.TooLong, 365)}},
		{"short", strong, []keyset.Key{ownCert.in(keyset.Active, "A", bits(3071))}, []keyset.Finding{about("A", keyset.TooShort, 0)}},
		{"long enough", strong, []keyset.Key{ownCert.in(keyset.Active, "A", bits(3072))}, nil},
		{"no RSA", strong, []keyset.Key{ownCert.in(keyset.Active, "A", bits(0))}, nil},
		{"short, and not in use yet", strong, []keyset.Key{good, ownCert.in(keyset.Pending, "A", bits(1024))}, []keyset.Finding{about("A", keyset.TooShort, 0)}},

		// Post-quantum, from a day on.
		{"classical, and ends before", quantum, []keyset.Key{ownCert.in(keyset.Active, "A", valid(in(-10), in(400)))}, nil},
		{"classical, and ends on the day", quantum, []keyset.Key{ownCert.in(keyset.Active, "A", valid(in(-10), in(500)))}, nil},
		{"classical, and lasts", quantum, []keyset.Key{ownCert.in(keyset.Active, "A", valid(in(-10), in(501)))}, []keyset.Finding{about("A", keyset.Classical, 500)}},
		{"classical, and narrowed", quantum, []keyset.Key{ends(ownCert.in(keyset.Active, "A", valid(in(-10), none)), 400)}, nil},
		{"classical, and without end", quantum, []keyset.Key{good, ownCert.in(keyset.Pending, "A")}, []keyset.Finding{about("A", keyset.Classical, 500)}},
		{"post-quantum", quantum, []keyset.Key{ownCert.in(keyset.Active, "A", lasting(keyset.Signing|keyset.Encryption))}, nil},
		{"half of it", quantum, []keyset.Key{ownCert.in(keyset.Active, "A", lasting(keyset.Encryption))}, []keyset.Finding{about("A", keyset.Classical, 500)}},
		{"nobody asks for it", keyset.Requirements{}, []keyset.Key{ownCert.in(keyset.Active, "A")}, nil},

		{"all in order", all, []keyset.Key{
			since(ownSign.in(keyset.Retiring, "A", bits(1024), valid(in(-500), none)), -40),
			ends(ownSign.in(keyset.Pending, "B"), -1),
			ownSign.in(keyset.Active, "C", valid(in(1), in(20))),
		}, []keyset.Finding{
			noSealer, noOpener,
			about("A", keyset.Lingering, -10), about("A", keyset.TooLong, -135), about("A", keyset.TooShort, 0),
			about("B", keyset.Expired, -1),
			about("C", keyset.Expiring, 20), about("C", keyset.NoSuccessor, 20), about("C", keyset.NotYetValid, 1),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := new(keyset.Set)
			if tt.keys != nil {
				s = newSet(t, 1, tt.keys...)
			}
			assert.Equal(t, tt.want, s.Check(at, tt.r))
		})
	}
}

// TestFindingText: a line a person understands, beginning with the label.
func TestFindingText(t *testing.T) {
	when := time.Date(2027, 6, 1, 12, 0, 0, 0, time.FixedZone("elsewhere", 3600))
	for problem, want := range map[keyset.Problem]string{
		keyset.NoSealer:    "no_sealer: no active key is valid and fit to seal with",
		keyset.NoOpener:    "no_opener: no key is fit to open with",
		keyset.Expired:     "expired: key A ended at 2027-06-01T11:00:00Z",
		keyset.Expiring:    "expiring: key A ends at 2027-06-01T11:00:00Z",
		keyset.NoSuccessor: "no_successor: no key takes over when key A ends at 2027-06-01T11:00:00Z",
		keyset.NotYetValid: "not_yet: key A is active and not valid before 2027-06-01T11:00:00Z",
		keyset.Lingering:   "lingering: key A was to be removed by 2027-06-01T11:00:00Z",
		keyset.TooLong:     "too_long: key A should have ended by 2027-06-01T11:00:00Z",
		keyset.TooShort:    "too_short: key A has an RSA modulus below the agreed size",
		keyset.Unchecked:   "unchecked: key A was removed at 2027-06-01T11:00:00Z without asking for its usage; the manifest has the reason",
		keyset.Classical:   "classical: key A is not post-quantum, and has to be from 2027-06-01T11:00:00Z on",
		keyset.NoSubkey:    "no_subkey: key A is an OpenPGP certificate without an encryption subkey",
		"other":            "other: key A at 2027-06-01T11:00:00Z",
	} {
		f := keyset.Finding{ID: "A", Problem: problem, When: when}
		assert.Equal(t, want, f.String())
	}
}
