package rehearse

import (
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"
)

// page is the report for a launch manager: one file, without scripts, and with nothing that
// is loaded. html/template escapes what the endpoint sent.
var page = template.Must(template.New("report").Funcs(template.FuncMap{"date": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }}).Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Rehearsal of {{.Endpoint}}</title>
<style>
body { font: 15px/1.5 sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em; color: #1a1a1a; }
h1 { font-size: 1.4em; }
table { border-collapse: collapse; width: 100%; margin: 1em 0; }
th, td { text-align: left; vertical-align: top; padding: .35em .6em; border-bottom: 1px solid #ddd; }
th { background: #f4f4f4; }
code { font-size: .9em; overflow-wrap: anywhere; }
.held { color: #14602b; } .failed { color: #a11414; font-weight: bold; } .not { color: #7a5200; }
.verdict { font-size: 1.15em; padding: .6em .8em; border-left: 5px solid #14602b; background: #f1f8f2; }
.verdict.blocked { border-color: #a11414; background: #fbf0f0; }
.source { color: #555; font-size: .9em; }
</style>
</head>
<body>
<h1>Launch rehearsal of <code>{{.Endpoint}}</code></h1>
<p class="verdict{{if or .Blocking (not .Ended)}} blocked{{end}}">{{.Verdict}}</p>
<p>{{date .Began}}, {{.Format}}, profile {{.Profile}}, {{len .Cases}} cases. Whether several keys are supported at once is shown by the cases of <code>keys/</code> and <code>rotation/</code>.</p>
<table>
<tr><th>whose key</th><th>name</th><th>fingerprint</th></tr>
{{range .Keys}}<tr><td>{{.Whose}}</td><td>{{.Name}}</td><td><code>{{.ID}}</code></td></tr>
{{end}}</table>
<table>
<tr><th>case</th><th>outcome</th><th>what is shown, and whose demand it is</th><th>what was seen</th></tr>
{{range .Cases}}<tr><td><code>{{.Name}}</code></td><td class="{{.Class}}">{{.Outcome}}</td><td>{{.Demand}} <span class="source">({{.Level}}: {{.Source}})</span></td><td><code>{{.Saw}}</code></td></tr>
{{end}}</table>
<p class="source">Made by sealctl rehearse. It holds no private key, and no message but those of the rehearsal.</p>
</body>
</html>
`))

// Class is how the outcome looks.
func (l Line) Class() string {
	class, _, _ := strings.Cut(l.Outcome, " ")
	return class
}

// HTML writes the report as one page.
func (r *Report) HTML(w io.Writer) error { return page.Execute(w, r) }

// Markdown writes the report as a document.
func (r *Report) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Launch rehearsal of %s\n\n**%s**\n\n%s, %s, profile %s, %d cases: %d held, %d failed, %d not tried, %d not applicable.\n\n", cell(r.Endpoint), r.Verdict(),
		r.Began.UTC().Format("2006-01-02 15:04 UTC"), r.Format, r.Profile, len(r.Cases), r.Count("held"), r.Count("failed"), r.Count("not tried"), r.Count("not applicable"))
	b.WriteString("| whose key | name | fingerprint |\n|---|---|---|\n")
	for _, k := range r.Keys {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", k.Whose, cell(k.Name), cell(string(k.ID)))
	}
	b.WriteString("\n| case | outcome | demand | level, source | seen |\n|---|---|---|---|---|\n")
	for _, l := range r.Cases {
		fmt.Fprintf(&b, "| %s | %s | %s | %s: %s | %s |\n", l.Name, l.Outcome, cell(l.Demand), l.Level, cell(l.Source), cell(l.Saw))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// cell is a text that is nothing but text in Markdown, in one line.
func cell(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < ' ' || r == 0x7f:
			b.WriteByte(' ')
		case strings.ContainsRune("\\`*_{}[]<>#+|~&!", r):
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
