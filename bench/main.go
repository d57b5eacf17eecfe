package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// Options are what the command line says.
type options struct {
	check         bool
	rounds, cores int
	visit         time.Duration
	part, size    *regexp.Regexp
	short         bool
	save          string
	load          string
	progress, out io.Writer
}

func main() {
	o := options{progress: os.Stderr, out: os.Stdout}
	var part, size string
	flag.BoolVar(&o.check, "check", false, "say pass or falls short for every goal, instead of the table")
	flag.IntVar(&o.rounds, "rounds", 41, "how often each implementation is visited; payloads of 16 MiB a quarter as often")
	flag.DurationVar(&o.visit, "visit", 20*time.Millisecond, "how long a visit takes, if one operation does not take longer")
	flag.IntVar(&o.cores, "cores", 2, "how many cores to use; the goals are for two")
	flag.StringVar(&part, "profile", "", "measure only the parts whose names match this regular expression: "+strings.Join(partNames(), ", "))
	flag.StringVar(&size, "size", "", "measure only payloads whose sizes match this regular expression: 1 KiB, 16 KiB, 1 MiB, 16 MiB")
	flag.BoolVar(&o.short, "short", false, "a quick look: few rounds, no payload above 16 KiB")
	flag.StringVar(&o.save, "save", "", "write what was measured to this file")
	flag.StringVar(&o.load, "load", "", "measure nothing and read these files, separated by commas, which -save wrote")
	flag.Parse()
	var err1, err2 error
	o.part, err1 = regexp.Compile(part)
	o.size, err2 = regexp.Compile(size)
	err := errors.Join(err1, err2)
	met := true
	if err == nil {
		met, err = o.run()
	}
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	case !met:
		os.Exit(1)
	}
}

// run measures, or loads, and prints. It reports whether every goal that was
// asked for is met.
func (o options) run() (bool, error) {
	r, err := o.report()
	if err != nil {
		return false, err
	}
	if o.save != "" {
		if err := r.save(o.save); err != nil {
			return false, err
		}
	}
	if !o.check {
		return true, r.table(o.out)
	}
	all := check(r)
	return met(all), printJudged(o.out, r, all)
}

func (o options) report() (*report, error) {
	if o.load != "" {
		return load(strings.Split(o.load, ","))
	}
	if o.short {
		o.rounds, o.visit = min(o.rounds, 7), min(o.visit, 10*time.Millisecond)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(min(max(o.cores, 1), runtime.NumCPU())))
	r := &report{Machine: thisMachine(o.rounds)}
	for _, c := range cases() {
		if !o.part.MatchString(c.part) || !o.size.MatchString(sizeName(c.size)) || o.short && c.size > 16<<10 {
			continue
		}
		result, err := o.measure(c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c, err)
		}
		r.Results = append(r.Results, *result)
	}
	return r, nil
}

func (o options) measure(c scenario) (*result, error) {
	start := time.Now()
	subjects, err := c.subjects()
	if err != nil {
		return nil, err
	}
	s := schedule{o.rounds, o.visit}
	if c.size >= 16<<20 {
		s.rounds = max(3, s.rounds/4)
	}
	before := readUsage()
	all, err := s.measure(subjects)
	if err != nil {
		return nil, err
	}
	others := readUsage().others(before)
	subjects = nil
	runtime.GC() // the buffers of this case are not the next one's
	fmt.Fprintf(o.progress, "%6.1f s  %s\n", time.Since(start).Seconds(), c)
	return &result{Part: c.part, Op: c.op, Size: c.size, Keys: c.keys, Cores: c.cores, Others: others, Series: all}, nil
}
