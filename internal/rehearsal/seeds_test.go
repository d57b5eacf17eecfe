package rehearsal_test

import (
	"testing"

	"github.com/sealwax/sealwax/internal/seeds"
)

func TestSeeds(t *testing.T) { seeds.Told(t) }
