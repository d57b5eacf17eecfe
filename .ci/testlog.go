//go:build ignore

// Testlog reads what go test -json prints and says what a person wants to know:
// each package, the output of what failed, each test that was skipped and why,
// and the sum. It exits with 1 if a test failed, if none ran, or if one was
// skipped for anything but -vectors=false and the missing vectors.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
)

type event struct {
	Action, Package, Test, Output, ImportPath string
	Elapsed                                   float64
}

func main() {
	vectors := flag.Bool("vectors", true, "whether the test vectors are there")
	flag.Parse()
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
	if failed != 0 || refused != 0 || passed == 0 {
		os.Exit(1)
	}
}
