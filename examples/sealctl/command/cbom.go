package command

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/sealwax/sealwax/keyset"
)

var cbom = command{
	name: "cbom", args: "KEYS...",
	what: "write an inventory of keys and algorithms, CycloneDX 1.6",
	help: keyFileHelp + `
Each argument is a manifest, or a key file. The inventory holds no secret: algorithms
with their sizes and whether they hold against a quantum computer, and keys with their
states, uses, and ends. It is what PCI DSS 12.3.3 asks to be kept, and auditors read.

  sealctl cbom -o cbom.json partner-1/own.json partner-1/peer.json partner-2/own.json
`,
	run: runCBOM,
}

func runCBOM(ctx context.Context, c *call) error {
	keys := keyReader{c: c}
	c.outputFlag("the inventory")
	keys.flag()
	if err := c.parse(1, 1<<10); err != nil {
		return err
	}
	doc := newInventory(time.Now())
	seen := map[string]bool{}
	for _, file := range c.args {
		if seen[file] {
			return misuse("%s is given twice", file)
		}
		seen[file] = true
		s, err := keys.set(ctx, "keys", []string{file}, either)
		if err != nil {
			return err
		}
		doc.add(file, s)
	}
	doc.sort()
	return c.writeAs(forEverybody, func(w io.Writer) error { return writeJSON(w, doc) })
}

// An inventory is a CycloneDX document of cryptographic assets.
type inventory struct {
	BOMFormat    string           `json:"bomFormat"`
	SpecVersion  string           `json:"specVersion"`
	Version      int              `json:"version"`
	Metadata     inventoryAbout   `json:"metadata"`
	Components   []asset          `json:"components"`
	Dependencies []assetDependsOn `json:"dependencies"`
}

type inventoryAbout struct {
	Timestamp string `json:"timestamp"`
}

type asset struct {
	Type       string          `json:"type"`
	Ref        string          `json:"bom-ref"`
	Name       string          `json:"name"`
	Crypto     assetCrypto     `json:"cryptoProperties"`
	Properties []assetProperty `json:"properties,omitempty"`
}

type assetCrypto struct {
	Type      string          `json:"assetType"`
	Algorithm *assetAlgorithm `json:"algorithmProperties,omitempty"`
	Key       *assetKey       `json:"relatedCryptoMaterialProperties,omitempty"`
}

type assetAlgorithm struct {
	Primitive  string `json:"primitive"`
	Parameters string `json:"parameterSetIdentifier,omitempty"`
	Curve      string `json:"curve,omitempty"`
	Classical  int    `json:"classicalSecurityLevel,omitempty"` // in bits
	Quantum    int    `json:"nistQuantumSecurityLevel"`         // category of NIST; 0 for none
}

type assetKey struct {
	Type       string `json:"type"`
	ID         string `json:"id"`
	State      string `json:"state"`
	Size       int    `json:"size,omitempty"` // in bits
	Algorithm  string `json:"algorithmRef,omitempty"`
	Activation string `json:"activationDate,omitempty"`
	Expiration string `json:"expirationDate,omitempty"`
}

type assetProperty struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type assetDependsOn struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn"`
}

func newInventory(at time.Time) *inventory {
	return &inventory{
		BOMFormat: "CycloneDX", SpecVersion: "1.6", Version: 1, Metadata: inventoryAbout{at.UTC().Format(time.RFC3339)},
		Components: []asset{}, Dependencies: []assetDependsOn{},
	}
}

// assetStates are the states of NIST SP 800-57: a key that only opens protects nothing new.
var assetStates = map[keyset.State]string{
	keyset.Pending: "pre-activation", keyset.Active: "active", keyset.Retiring: "deactivated", keyset.Revoked: "compromised",
}

// add adds the keys of a manifest or a file, and their algorithms.
func (d *inventory) add(file string, s *keyset.Set) {
	for k := range s.All() {
		i := k.Material.Info()
		about := &assetKey{Type: "public-key", ID: string(i.ID), State: assetStates[k.State], Size: i.Bits}
		party := "partner"
		if s.Private() {
			about.Type, party = "private-key", "own"
		}
		begin, end := k.Bounds()
		if !begin.IsZero() {
			about.Activation = begin.UTC().Format(time.RFC3339)
		}
		if !end.IsZero() {
			about.Expiration = end.UTC().Format(time.RFC3339)
		}
		var refs []string
		for _, a := range algorithmsOf(i) {
			d.algorithm(a)
			if refs = append(refs, a.Ref); about.Algorithm == "" {
				about.Algorithm = a.Ref
			}
			if about.Size == 0 {
				about.Size = a.bits
			}
		}
		name := i.Name
		if name == "" {
			name = string(i.ID)
		}
		ref := fmt.Sprintf("key/%s/%s", file, i.ID)
		d.Components = append(d.Components, asset{"cryptographic-asset", ref, name, assetCrypto{Type: "related-crypto-material", Key: about}, []assetProperty{
			{"sealwax:manifest", file}, {"sealwax:party", party}, {"sealwax:format", string(i.Format)}, {"sealwax:use", i.Use.String()},
			{"sealwax:state", k.State.String()}, {"sealwax:algorithm", i.Algorithm}, {"sealwax:post-quantum", i.PostQuantum.String()},
		}})
		d.Dependencies = append(d.Dependencies, assetDependsOn{ref, append([]string{}, refs...)})
	}
}

// algorithm adds an algorithm once.
func (d *inventory) algorithm(a namedAlgorithm) {
	if !slices.ContainsFunc(d.Components, func(c asset) bool { return c.Ref == a.Ref }) {
		about := a.assetAlgorithm
		d.Components = append(d.Components, asset{"cryptographic-asset", a.Ref, a.name, assetCrypto{Type: "algorithm", Algorithm: &about}, nil})
	}
}

// sort puts what is the same in the same order, for whoever compares two inventories.
func (d *inventory) sort() {
	slices.SortFunc(d.Components, func(a, b asset) int { return strings.Compare(a.Ref, b.Ref) })
	slices.SortFunc(d.Dependencies, func(a, b assetDependsOn) int { return strings.Compare(a.Ref, b.Ref) })
}
