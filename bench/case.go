package main

import "fmt"

// A scenario is what is measured together, in the same rounds.
type scenario struct {
	part     string
	op       string
	size     int // of the payload, in bytes
	keys     int // of the party that is asked; 0 where it has only one
	cores    int // 0 for all of them
	subjects func() ([]subject, error)
}

func (c scenario) String() string {
	text := fmt.Sprintf("%s %s %s", c.part, c.op, sizeName(c.size))
	if c.keys != 0 {
		text += fmt.Sprintf(", %d keys", c.keys)
	}
	if c.cores != 0 {
		text += fmt.Sprintf(", %d core", c.cores)
	}
	return text
}

// The parts that are not profiles.
const (
	partChunks    = "chunks"   // OpenPGP messages of one size in chunks of several
	partJOSEKeys  = "keys-jwe" // recipients that the message does not name
	partPGPKeys   = "keys-pgp"
	partSigners   = "signers"      // signers that the message does not name
	partParallel1 = "parallel-jwe" // one core and all of them
	partParallel2 = "parallel-pgp"
	partSwap      = "swap"   // a set that is replaced meanwhile
	partLookup    = "lookup" // of a key in it
)

func partNames() []string {
	var names []string
	for _, c := range cases() {
		if len(names) == 0 || names[len(names)-1] != c.part {
			names = append(names, c.part)
		}
	}
	return names
}

// cases are all that is measured.
func cases() []scenario {
	var out []scenario
	for _, p := range profiles() {
		out = append(out, p.cases(0, sizes()...)...)
		if p.id == pgpRSA || p.id == pgpCurve {
			out = append(out, p.cases(1, 1<<20, 16<<20)...)
		}
	}
	return append(out, studies()...)
}

func (p profile) cases(cores int, sizes ...int) []scenario {
	var out []scenario
	for _, size := range sizes {
		for _, op := range []string{"Seal", "Open"} {
			out = append(out, scenario{p.id, op, size, 0, cores, func() ([]subject, error) {
				all, err := p.subjects(op, payload(size))
				for i := range all {
					all[i].cores = cores
				}
				return all, err
			}})
		}
	}
	return out
}
