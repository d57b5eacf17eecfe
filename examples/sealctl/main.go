// Sealctl makes keys, seals, opens, and explains messages, and walks keys through
// a rotation, from the command line. It is written on the public packages of
// this module alone.
//
//	go run github.com/sealwax/sealwax/examples/sealctl -h
//
// Keys are read from files, or from standard input as "-", never from arguments.
// What a command makes goes to standard output, or to the file of -o; what it
// says about it goes to standard error, or to standard output if nothing else is
// there. With -json it is one JSON object.
//
// The exit status is
//
//	0  done
//	1  not done: a file, a key, or a setting is at fault, or a key service
//	2  not understood: see -h
//	3  the message is rejected (open, inspect)
//	4  there are findings (check)
//	5  the step is refused: too early, or the wrong one (rotate)
package main

import "github.com/sealwax/sealwax/examples/sealctl/command"

func main() { command.Main(command.Files) }
