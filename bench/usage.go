package main

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"time"
)

// A usage is how much time all cores have spent on anything, and on this program,
// in hundredths of a second. It is zero where the system does not say it.
type usage struct {
	all, ours float64
	at        time.Time
}

func readUsage() usage {
	system, err1 := os.ReadFile("/proc/stat")
	process, err2 := os.ReadFile("/proc/self/stat")
	if err1 != nil || err2 != nil {
		return usage{}
	}
	u := parseUsage(system, process)
	u.at = time.Now()
	return u
}

// parseUsage reads what proc(5) describes: of the system, user, nice, system,
// idle, iowait, irq, softirq, and steal; of the process, utime and stime, which
// are 11 and 12 fields after its name.
func parseUsage(system, process []byte) usage {
	line, _, _ := bytes.Cut(system, []byte("\n"))
	fields := bytes.Fields(line)
	own := bytes.Fields(process[bytes.LastIndexByte(process, ')')+1:])
	if len(fields) < 9 || len(own) < 13 {
		return usage{}
	}
	sum := func(list ...[]byte) (total float64) {
		for _, text := range list {
			n, _ := strconv.ParseFloat(string(text), 64)
			total += n
		}
		return total
	}
	const idle = 4
	return usage{all: sum(fields[1:idle]...) + sum(fields[idle+2:9]...), ours: sum(own[11:13]...)}
}

// others returns the part of all cores that other programs have used since an
// earlier time.
func (u usage) others(before usage) float64 {
	passed := u.at.Sub(before.at).Seconds() * 100 * float64(runtime.NumCPU())
	if passed <= 0 {
		return 0
	}
	return max(0, (u.all-before.all)-(u.ours-before.ours)) / passed
}
