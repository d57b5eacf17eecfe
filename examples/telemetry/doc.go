// Package telemetry shows what an envelope and its rings do as metrics and traces of
// OpenTelemetry, and the same metrics as Prometheus reads them over HTTP. Copy it.
//
//	alerts.yml      when a person is called, as rules of Prometheus
//	dashboard.json  what that person looks at, for Grafana; dashboard.go makes it
//
// No message decides how many series there are. Every value of a label is ours: a reason
// or a problem out of a fixed list, the name that we have for a partner or a replica, the
// ID of a key in one of our own sets. What a stranger wrote into a message reaches the log
// at most; see [envelope.LogTo].
package telemetry
