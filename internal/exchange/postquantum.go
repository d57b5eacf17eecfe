package exchange

import (
	"fmt"

	"github.com/sealwax/sealwax/envelope"
	"github.com/sealwax/sealwax/keyset"
)

// worth is [envelope.Event].PostQuantum of a message that is sealed with the keys.
func worth(keys []envelope.KeyUse) (worth keyset.Use) {
	classical := false
	for _, k := range keys {
		switch {
		case k.PostQuantum:
			worth |= k.Use
		case k.Use == keyset.Encryption:
			classical = true
		}
	}
	if classical {
		worth &^= keyset.Encryption
	}
	return worth
}

// Demand returns an error if a message that is sealed with these keys would be worth less
// than is demanded. It is called before anything is written, and asks for the keys only if
// something is demanded.
func (c *Call) Demand(with func() []envelope.KeyUse) error {
	if c.x.c.PostQuantum == 0 {
		return nil
	}
	keys := with()
	if lacks := c.x.c.PostQuantum &^ worth(keys); lacks != 0 {
		var classical []keyset.ID
		for _, k := range keys {
			if !k.PostQuantum && k.Use&lacks != 0 {
				classical = append(classical, k.ID)
			}
		}
		return fmt.Errorf("RequirePostQuantum: the keys %v are not, for %v; retire them, or add others: %w", classical, lacks, envelope.ErrNoKey)
	}
	return nil
}

// judgeWorth notes what the signatures of a message are worth, and refuses it if that is less than
// is demanded.
func (c *Call) judgeWorth(m *envelope.Message) error {
	m.PostQuantum |= worth(m.Signers)
	if lacks := c.x.c.PostQuantum &^ m.PostQuantum; lacks != 0 {
		return envelope.Reject(envelope.Forbidden, fmt.Errorf("RequirePostQuantum: the message is not, for %v", lacks), m.Decrypter.ID)
	}
	return nil
}
