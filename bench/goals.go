package main

import "io"

type verdict struct{}

func check(*report) []verdict                  { return nil }
func met([]verdict) bool                       { return true }
func printVerdicts(io.Writer, []verdict) error { return nil }
