package main

import (
	"errors"
	"fmt"
)

// What a story has proven, counted where it was tried.
type proven struct {
	echoes  int // sealed with a new key alone, and answered
	refused int // steps that came too early, or that would have brought back a revoked key
}

// refuses is for the steps that must not be possible yet, or any more.
func (s *story) refuses(err, want error) error {
	if !errors.Is(err, want) {
		return fmt.Errorf("a step that must be refused was not: got %v, want %w", err, want)
	}
	s.proven.refused++
	return nil
}

// show is the last word about a format: what a reader may conclude.
func (s *story) show() {
	requests, failed := s.traffic.requests.Load(), s.traffic.failed.Load()
	if failed != 0 {
		return // nothing is proven, and the failures stand above
	}
	fmt.Fprintln(s.out, "\nPROVEN")
	for _, line := range []string{
		fmt.Sprintf("%d keys were replaced on both sides while %d requests were answered: none failed", len(s.all)+1, requests),
		fmt.Sprintf("no key came to seal before the partner had answered an echo sealed with it alone: %d echoes", s.proven.echoes),
		fmt.Sprintf("%d steps were refused: too early, or bringing back a revoked key", s.proven.refused),
		fmt.Sprintf("of the %d messages that somebody had recorded, none was accepted once its key was removed or revoked", len(s.captured)),
	} {
		fmt.Fprintln(s.out, "  "+line)
	}
}
