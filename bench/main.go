package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// Options are what the command line says.
type options struct {
	schedule
	cores    int
	only     *regexp.Regexp
	progress io.Writer
}

// A page is a document whose tables come from here.
type page struct {
	file  string
	asked func() []asked
	write func(o options, w io.Writer, r report) error
}

// An asked question has its subjects, which are made when it is measured.
type asked struct {
	question
	subjects func() ([]subject, error)
}

func pages() map[string]page {
	return map[string]page{
		"performance": {"performance.md", performance, options.writePerformance},
		"scale":       {"scale.md", scale, options.writeScale},
	}
}

func main() {
	o := options{progress: os.Stderr, only: regexp.MustCompile("")}
	flag.IntVar(&o.rounds, "rounds", 25, "how often each implementation is visited; payloads of 16 MiB a quarter as often")
	flag.DurationVar(&o.visit, "visit", 20*time.Millisecond, "how long a visit takes, if one operation does not take longer")
	flag.IntVar(&o.cores, "cores", 2, "how many cores to use")
	flag.Func("only", "measure only what matches this regular expression, as \"jwe-.* Open 1 KiB\"", func(text string) (err error) {
		o.only, err = regexp.Compile(text)
		return err
	})
	update := flag.Bool("update", false, "write the tables to the page in the folder docs")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: bench [flags] performance|scale")
		flag.PrintDefaults()
	}
	flag.Parse()
	p, ok := pages()[flag.Arg(0)]
	if !ok || flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := o.make(p, *update, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// make measures a page, and prints it, or writes it to its file.
func (o options) make(p page, update bool, w io.Writer) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(min(max(o.cores, 1), runtime.NumCPU())))
	r, err := o.measured(p.asked())
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := p.write(o, &out, r); err != nil {
		return err
	}
	if !update {
		_, err := out.WriteTo(w)
		return err
	}
	file := filepath.Join("..", "docs", p.file)
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if text, err = replaced(text, out.Bytes()); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, text, 0o644)
}

// replaced replaces what is between the marks.
func replaced(text, tables []byte) ([]byte, error) {
	const begin, end = "<!-- bench: begin -->\n", "<!-- bench: end -->\n"
	before, rest, ok1 := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		return nil, errors.New("it has no marks")
	}
	return []byte(before + begin + "\n" + strings.TrimSpace(string(tables)) + "\n\n" + end + after), nil
}

func (o options) measured(all []asked) (report, error) {
	r := report{}
	for _, q := range all {
		if !o.only.MatchString(q.String()) {
			continue
		}
		start := time.Now()
		subjects, err := q.subjects()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q, err)
		}
		s := o.schedule
		if q.size >= huge {
			s.rounds = max(3, s.rounds/4)
		}
		if r[q.question], err = s.measure(subjects); err != nil {
			return nil, fmt.Errorf("%s: %w", q, err)
		}
		fmt.Fprintf(o.progress, "%6.1f s  %s\n", time.Since(start).Seconds(), q)
	}
	return r, nil
}

// machine is one line for the foot of a table: where it was measured, when, and with what.
func (o options) machine() string {
	cpu := "processor"
	text, _ := os.ReadFile("/proc/cpuinfo") // elsewhere there is none
	if m := regexp.MustCompile(`(?m)^model name\s*: (.+)$`).FindSubmatch(text); m != nil {
		cpu = string(m[1])
	}
	var modules strings.Builder
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			switch d.Path {
			case "github.com/go-jose/go-jose/v4", "github.com/lestrrat-go/jwx/v3", "github.com/ProtonMail/go-crypto", "github.com/ProtonMail/gopenpgp/v3":
				fmt.Fprintf(&modules, "; %s %s", d.Path, d.Version)
			}
		}
	}
	return fmt.Sprintf("%s, %d cores of %s, %s %s/%s%s; median (quartiles) of %d rounds.", time.Now().UTC().Format(time.DateOnly),
		runtime.GOMAXPROCS(0), cpu, runtime.Version(), runtime.GOOS, runtime.GOARCH, &modules, o.rounds)
}
