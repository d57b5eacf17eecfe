package rehearse_test

import (
	"bytes"
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sealwax/sealwax/examples/sealctl/rehearse"
	"github.com/sealwax/sealwax/internal/rehearsal"
)

func result(name string, level rehearsal.Level, outcome rehearsal.Outcome, saw string) rehearsal.Result {
	c := rehearsal.NewCase(name, "a demand", "a source", level, nil)
	return rehearsal.Result{Case: c, Outcome: outcome, Saw: saw, Took: 1500 * time.Millisecond}
}

// reportOf is a report of cases with what a hostile endpoint can send.
func reportOf(ended bool, results ...rehearsal.Result) *rehearse.Report {
	r := &rehearse.Report{Endpoint: "http://127.0.0.1:8080/echo", Began: time.Date(2027, 1, 1, 9, 0, 0, 0, time.UTC), Format: "openpgp", Profile: "standard-payments", Ended: ended,
		Keys: []rehearse.Key{{Whose: "endpoint", Name: "<b>Bank</b> | [x](javascript:alert)", ID: "ABCD"}}}
	for _, one := range results {
		r.Cases = append(r.Cases, rehearse.NewLine(one))
	}
	return r
}

const hostile = "<script>alert(1)</script> | `x` [a](http://evil.example) \n\r\x1b[31m | ![i](//e)"

func TestHostileReports(t *testing.T) {
	r := reportOf(true, result("keys/by-new", rehearsal.Demanded, rehearsal.Failed, hostile), result("invalid/x", rehearsal.Advice, rehearsal.Failed, strings.Repeat("a", 10_000)))
	var page, text, junit bytes.Buffer
	require.NoError(t, r.HTML(&page))
	assert.NotContains(t, page.String(), "<script")
	assert.NotContains(t, page.String(), "<b>")
	assert.Contains(t, page.String(), "&lt;script&gt;")
	assert.Contains(t, page.String(), "default-src 'none'", "a browser loads nothing")
	assert.NotContains(t, page.String(), strings.Repeat("a", 500), "what was sent is cut")

	require.NoError(t, r.Markdown(&text))
	for line := range strings.Lines(text.String()) {
		if strings.HasPrefix(line, "| keys/by-new") {
			assert.Equal(t, 6, strings.Count(strings.ReplaceAll(line, `\|`, ""), "|"), "one row with five cells")
			assert.Contains(t, line, `\<script\>`)
			assert.Contains(t, line, `\[a\](`)
		}
	}
	assert.NotContains(t, text.String(), "\x1b")

	require.NoError(t, r.JUnit(&junit))
	var suite struct {
		Failures int `xml:"failures,attr"`
		Cases    []struct {
			Name string `xml:"name,attr"`
		} `xml:"testcase"`
	}
	require.NoError(t, xml.Unmarshal(junit.Bytes(), &suite))
	assert.Equal(t, 1, suite.Failures, "advice is no failure")
	assert.Len(t, suite.Cases, 2)
}

func TestVerdict(t *testing.T) {
	held := result("keys/a", rehearsal.Demanded, rehearsal.Held, "answered")
	advice := result("invalid/b", rehearsal.Advice, rehearsal.Failed, "accepted")
	untried := result("rotation/c", rehearsal.Demanded, rehearsal.NotTried, "nobody installs keys")
	nothing := result("transport/d", rehearsal.Demanded, rehearsal.NotApplicable, "plain HTTP on this machine")
	for _, c := range []struct {
		report  *rehearse.Report
		blocks  int
		verdict string
	}{
		{reportOf(true, held, advice, nothing), 0, "Every demanded case held."},
		{reportOf(true, held, untried), 1, "One demanded case did not hold, or was not tried."},
		{reportOf(true, held, untried, result("keys/e", rehearsal.Demanded, rehearsal.Failed, "401")), 2, "2 demanded cases did not hold, or were not tried."},
		{reportOf(false, held), 0, "The rehearsal was stopped before its end."},
	} {
		assert.Equal(t, c.blocks, c.report.Blocking())
		assert.Equal(t, c.verdict, c.report.Verdict())
		assert.Contains(t, c.report.Text(), c.verdict)
	}
}
