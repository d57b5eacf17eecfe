package telemetry

import "encoding/json"

// A panel is one picture of the dashboard, 12 columns wide and 8 high.
type panel struct {
	title, kind, unit string
	queries           []query
}

type query struct{ expr, legend string }

// panels are the pictures in their order, two in a row: what is wrong first.
var panels = []panel{
	{"Calls that fail, and no message is at fault", "timeseries", "ops", []query{
		{`sum by (partner, op, reason) (rate(sealwax_messages_total{outcome="failed", partner=~"$partner"}[5m]))`, "{{partner}} {{op}}: {{reason}}"}}},
	{"Days until a key ends", "bargauge", "d", []query{
		{`sort(min by (partner, ring, key) (sealwax_key_expires_seconds{partner=~"$partner"} and ignoring (state) sealwax_key_state{state="active"}) / 86400)`, "{{partner}} {{ring}} {{key}}"}}},
	{"Messages", "timeseries", "ops", []query{
		{`sum by (partner, op) (rate(sealwax_messages_total{outcome="done", partner=~"$partner"}[5m]))`, "{{partner}} {{op}}"}}},
	{"Rejections, by reason", "timeseries", "ops", []query{
		{`sum by (partner, reason) (rate(sealwax_messages_total{outcome="rejected", partner=~"$partner"}[5m]))`, "{{partner}}: {{reason}}"}}},
	{"Time of a call, 99 of 100", "timeseries", "s", []query{
		{`histogram_quantile(0.99, sum by (op, outcome, le) (rate(sealwax_message_duration_seconds_bucket{partner=~"$partner"}[5m])))`, "{{op}}, {{outcome}}"}}},
	{"Which key seals, and which opens", "timeseries", "ops", []query{
		{`sum by (ring, key) (rate(sealwax_key_sealed_total{partner=~"$partner"}[5m]))`, "seals: {{ring}} {{key}}"},
		{`sum by (ring, key) (rate(sealwax_key_opened_total{partner=~"$partner"}[5m]))`, "opens: {{ring}} {{key}}"}}},
	{"State of each key, and how many days it has been idle", "table", "d", []query{
		{`min by (partner, ring, key, state) (sealwax_key_state{partner=~"$partner"} * on (instance, partner, ring, key) group_left () sealwax_key_last_used_seconds) / 86400`, ""}}},
	{"Findings, and steps that were refused", "table", "none", []query{
		{`max by (partner, ring, key, problem) (sealwax_finding{partner=~"$partner"})`, ""},
		{`max by (partner, ring, key) (sealwax_refused{partner=~"$partner"})`, ""}}},
	{"Revision of each replica, and of the store", "timeseries", "none", []query{
		{`max by (manifest) (sealwax_manifest_revision)`, "{{manifest}}: the store"},
		{`max by (manifest, replica) (sealwax_replica_revision)`, "{{manifest}}: {{replica}}"}}},
	{"Replicas that are silent or in trouble, a store that cannot be read", "timeseries", "none", []query{
		{`max by (manifest, replica) (sealwax_replica_silent)`, "{{manifest}}: {{replica}} is silent"},
		{`max by (manifest, replica) (sealwax_replica_trouble)`, "{{manifest}}: {{replica}} is in trouble"},
		{`max by (manifest) (sealwax_store_unreadable)`, "{{manifest}}: the store"}}},
	{"Messages without a signature, and messages under a waiver", "timeseries", "ops", []query{
		{`sum by (partner, waiver) (rate(sealwax_waived_total{partner=~"$partner"}[5m]))`, "{{partner}}: {{waiver}}"},
		{`sum by (ring, key) (rate(sealwax_key_unsigned_total{partner=~"$partner"}[5m]))`, "unsigned: {{ring}} {{key}}"}}},
	{"Manifest that each process has loaded", "timeseries", "none", []query{
		{`max by (instance, partner, ring) (sealwax_revision{partner=~"$partner"})`, "{{instance}} {{partner}} {{ring}}"}}},
}

type object = map[string]any

// Dashboard returns dashboard.json, for Grafana 10 and later: import it, or lay it where
// Grafana is provisioned from. It asks for the Prometheus to read from.
func Dashboard() ([]byte, error) {
	source := object{"type": "prometheus", "uid": "${source}"}
	var all []object
	for n, p := range panels {
		var targets []object
		for i, q := range p.queries {
			targets = append(targets, object{
				"refId": string(rune('A' + i)), "datasource": source, "expr": q.expr, "legendFormat": q.legend,
				"instant": p.kind != "timeseries", "range": p.kind == "timeseries", "format": map[bool]string{true: "table", false: "time_series"}[p.kind == "table"],
			})
		}
		all = append(all, object{
			"id": n + 1, "title": p.title, "type": p.kind, "datasource": source, "targets": targets,
			"gridPos":     object{"x": n % 2 * 12, "y": n / 2 * 8, "w": 12, "h": 8},
			"fieldConfig": object{"defaults": object{"unit": p.unit}, "overrides": []object{}},
		})
	}
	return json.MarshalIndent(object{
		"uid": "sealwax", "title": "sealwax", "tags": []string{"sealwax"}, "schemaVersion": 39, "version": 1, "editable": true,
		"time": object{"from": "now-24h", "to": "now"}, "refresh": "1m", "panels": all,
		"templating": object{"list": []object{
			{"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
			{"name": "partner", "label": "Partner", "type": "query", "datasource": source, "refresh": 2, "multi": true, "includeAll": true, "allValue": ".*",
				"query": object{"query": "label_values(sealwax_revision, partner)", "refId": "partners"}},
		}},
	}, "", "  ")
}
