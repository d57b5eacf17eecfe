//go:build ignore

// Testlog reads what go test -json prints and says what a person wants to know:
// each package, the output of what failed, each test that was skipped and why,
// and the sum. It exits with 1 if a test failed, if none ran, or if one was
// skipped for anything but -vectors=false and the missing vectors.
//
// With -interop it also makes the table of messages that were exchanged with
// peers, of what their tests tell as the attribute "interop". If the file holds
// another one, it writes it anew, and exits with 1.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

type event struct {
	Action, Package, Test, Output, ImportPath string
	Key, Value                                string
	Elapsed                                   float64
}

func main() {
	vectors := flag.Bool("vectors", true, "whether the test vectors are there")
	interop := flag.String("interop", "", "the `file` with the table of peers")
	flag.Parse()
	var exchanged []string
	output := map[string]*strings.Builder{}
	passed, failed, skipped, refused := 0, 0, 0, 0
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	for in.Scan() {
		var e event
		if json.Unmarshal(in.Bytes(), &e) != nil {
			fmt.Println(in.Text()) // of the go command itself
			continue
		}
		name := e.Package + " " + e.Test
		if e.Package == "" {
			name = e.ImportPath
		}
		if output[name] == nil {
			output[name] = new(strings.Builder)
		}
		switch e.Action {
		case "output", "build-output":
			if o := output[name]; o.Len() < 1<<20 {
				o.WriteString(e.Output)
			}
			continue
		case "attr":
			if e.Key == "interop" {
				exchanged = append(exchanged, e.Value)
			}
			continue
		case "build-fail":
			fmt.Print(output[name])
			failed++
			continue
		case "pass", "fail", "skip":
		default:
			continue
		}
		if e.Test == "" {
			word := map[string]string{"pass": "ok  ", "fail": "FAIL", "skip": "?   "}[e.Action]
			fmt.Printf("%s\t%s\t%.3fs\n", word, e.Package, e.Elapsed)
			if e.Action == "fail" {
				fmt.Print(output[name])
			}
			continue
		}
		switch e.Action {
		case "pass":
			passed++
		case "fail":
			failed++
			fmt.Print(output[name])
		case "skip":
			text := output[name].String()
			if strings.HasPrefix(e.Test, "Fuzz") && strings.Contains(e.Test, "/") {
				break // an input that the target has no use for
			}
			skipped++
			fmt.Print(text)
			if *vectors || !strings.Contains(text, "SEALWAX_VECTORS") {
				refused++
			}
		}
		delete(output, name)
	}
	if err := in.Err(); err != nil {
		fmt.Println(err)
		failed++
	}
	if refused != 0 {
		fmt.Printf("%d tests were skipped that must run here\n", refused)
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	if *interop != "" && failed == 0 && !current(*interop, table(exchanged)) {
		failed++
	}
	if failed != 0 || refused != 0 || passed == 0 {
		os.Exit(1)
	}
}

// table returns the document about peers: format, peer, what was exchanged, how
// many of its messages we opened, and how many of ours it did.
func table(exchanged []string) string {
	var b strings.Builder
	b.WriteString("# Messages exchanged with other programs\n\n" +
		"Made by `.ci/run` from what the tests of the peers tell: each number is messages that one side made and the other opened, " +
		"with every signature verified. The programs are those of Debian and of npm, as `.ci/run` installs them.\n\n" +
		"| format | program | what | its messages that we opened | ours that it opened |\n|---|---|---|---|---|\n")
	slices.Sort(exchanged)
	exchanged = slices.Compact(exchanged) // a test that ran under two Go releases
	theirs, ours := 0, 0
	for _, line := range exchanged {
		cells := strings.Split(line, "|")
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
		n, err := strconv.Atoi(cells[len(cells)-2])
		m, err2 := strconv.Atoi(cells[len(cells)-1])
		if err != nil || err2 != nil {
			panic(line)
		}
		theirs, ours = theirs+n, ours+m
	}
	fmt.Fprintf(&b, "| | | **together** | **%d** | **%d** |\n", theirs, ours)
	return b.String()
}

func current(name, want string) bool {
	if have, err := os.ReadFile(name); err == nil && string(have) == want {
		return true
	}
	if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
		fmt.Println(err)
		return false
	}
	fmt.Printf("%s was not what the tests tell; it has been written anew: look at it and commit it\n", name)
	return false
}
