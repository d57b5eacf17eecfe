package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// A machine is where a report was measured, when, and with what.
type machine struct {
	Date    string
	CPU     string
	Cores   int // that were used
	Go      string
	Modules []string
	Rounds  int
}

// compared are the modules whose versions matter.
var compared = []string{
	"github.com/go-jose/go-jose/v4",
	"github.com/lestrrat-go/jwx/v3",
	"github.com/ProtonMail/go-crypto",
	"github.com/ProtonMail/gopenpgp/v3",
}

func thisMachine(rounds int) machine {
	m := machine{
		Date:   time.Now().UTC().Format(time.DateOnly),
		CPU:    cpuModel(),
		Cores:  runtime.GOMAXPROCS(0),
		Go:     fmt.Sprintf("%s %s/%s", runtime.Version(), runtime.GOOS, runtime.GOARCH),
		Rounds: rounds,
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if slices.Contains(compared, d.Path) {
				m.Modules = append(m.Modules, d.Path+" "+d.Version)
			}
		}
	}
	return m
}

// cpuModel is empty where the system does not say it.
func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// String returns one line for the foot of a table.
func (m machine) String() string {
	cpu := m.CPU
	if cpu == "" {
		cpu = "processor"
	}
	return fmt.Sprintf("%s, %d cores of %s, %s; %s; median (quartiles) of %d rounds.",
		m.Date, m.Cores, cpu, m.Go, strings.Join(m.Modules, ", "), m.Rounds)
}
