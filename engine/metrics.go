package engine

import (
	"context"
	"slices"
	"strings"
	"time"

	"vault-plugin-secrets-processmaker/client"
	"vault-plugin-secrets-processmaker/internal/metrics"
	"vault-plugin-secrets-processmaker/internal/telemetry"
)

// operation is a row of processmaker_operations_total.
type operation struct {
	name             string
	success, failure string // kinds of events and failures; empty where there is none
}

var operations = []operation{
	{"creds_create", telemetry.CredsCreated, telemetry.CredsCreateFailed},
	{"creds_renew", telemetry.CredsRenewed, telemetry.CredsRenewFailed},
	{"creds_revoke", telemetry.CredsRevoked, telemetry.CredsRevokeFailed},
	{"ledger_end", telemetry.LedgerEnded, telemetry.LedgerEndFailed},
	{"session_create", telemetry.SessionStarted, ""},
	{"session_renew", telemetry.SessionRenewed, telemetry.SessionLost},
	{"session_delete", telemetry.SessionEnded, ""},
	{"role_rotate", telemetry.RoleRotated, telemetry.RoleRotateFailed},
}

// Metrics are the numbers of the mount on this node. They cost no exchange with ProcessMaker, and
// of storage no more than what is overdue.
func (e *Engine) Metrics(ctx context.Context, version string) ([]metrics.Series, error) {
	late, err := e.Ledger.Overdue(ctx)
	if err != nil {
		return nil, err
	}
	inst, err := e.Instances.Current(ctx)
	if err != nil {
		return nil, err
	}
	oldest := 0.0
	if !late.Oldest.IsZero() {
		oldest = e.Mount.Clock.Now().Sub(late.Oldest).Seconds()
	}
	series := []metrics.Series{
		metrics.Gauges("processmaker_build_info", "1, with the version of the plugin.", metrics.Of("version", version, 1)),
		metrics.Gauge("processmaker_start_time_seconds", "When the mount's plugin began to count, in seconds since 1970.", seconds(e.Report.Started)),
		metrics.Gauge("processmaker_overdue_credentials", "Credentials whose deadline is over and whose end ProcessMaker has not confirmed.", float64(len(late.IDs))),
		metrics.Gauge("processmaker_oldest_due_seconds", "Age of the oldest of them past its deadline; 0 without any.", oldest),
		metrics.Counter("processmaker_unaccounted_tokens_total", "Tokens that may live and that no lease and no record knows.", float64(e.Report.Counted(telemetry.LedgerUnaccounted))),
		e.operationsSeries(),
		metrics.Histograms("processmaker_upstream_request_duration_seconds", "Durations of the exchanges with ProcessMaker.", e.Report.ExchangeDurations()...),
	}
	if inst != nil {
		series = append(series, instanceSeries(inst.Client.Condition())...)
	}
	return append(series, e.roleSeries()...), nil
}

func (e *Engine) operationsSeries() metrics.Series {
	var samples []metrics.Sample
	add := func(name, outcome, kind string) {
		if kind != "" {
			samples = append(samples, metrics.Sample{
				Labels: []metrics.Label{{Name: "operation", Value: name}, {Name: "outcome", Value: outcome}},
				Value:  float64(e.Report.Counted(kind)),
			})
		}
	}
	for _, each := range operations {
		add(each.name, "success", each.success)
		add(each.name, "failure", each.failure)
	}
	return metrics.Counters("processmaker_operations_total", "Operations of the mount by outcome.", samples...)
}

func instanceSeries(condition client.Condition) []metrics.Series {
	var states []metrics.Sample
	for _, state := range []client.State{client.Closed, client.HalfOpen, client.Open} {
		states = append(states, metrics.Of("state", string(state), metrics.Bit(condition.Breaker == state)))
	}
	return []metrics.Series{
		metrics.Gauge("processmaker_reachable", "1 unless the latest exchanges found that ProcessMaker cannot be reached.", metrics.Bit(condition.Breaker == client.Closed)),
		metrics.Gauges("processmaker_breaker_state", "1 for the breaker's present state.", states...),
		metrics.Gauge("processmaker_token_requests_remaining", "Calls of the token endpoint that are possible now; -1 where nothing is known to limit them.", float64(condition.TokenRequestsRemaining)),
	}
}

// roleSeries are of the roles that were used since the plugin started.
func (e *Engine) roleSeries() []metrics.Series {
	var healthy, active, ends, static, passwords []metrics.Sample
	add := func(to *[]metrics.Sample, role string, value float64) {
		*to = append(*to, metrics.Of("role", role, value))
	}
	addTime := func(to *[]metrics.Sample, role string, at time.Time) {
		if !at.IsZero() {
			add(to, role, seconds(at))
		}
	}
	e.Report.Health.Each(func(role string, c telemetry.Condition) {
		if c.Failing || !c.LastIssue.IsZero() {
			add(&healthy, role, metrics.Bit(!c.Failing))
		}
		if c.HasSession {
			add(&active, role, metrics.Bit(c.SessionActive))
		}
		if c.HasSession && c.SessionActive {
			addTime(&ends, role, c.SessionEnd)
		}
		addTime(&static, role, c.SharedRotated)
		addTime(&passwords, role, c.PasswordRotated)
	})
	for _, samples := range [][]metrics.Sample{healthy, active, ends, static, passwords} {
		slices.SortFunc(samples, func(a, b metrics.Sample) int { return strings.Compare(a.Labels[0].Value, b.Labels[0].Value) })
	}
	return []metrics.Series{
		metrics.Gauges("processmaker_role_healthy", "1 where the role's latest read gave a credential, 0 where it failed.", healthy...),
		metrics.Gauges("processmaker_session_active", "1 where the role's session works, 0 where somebody has to sign in.", active...),
		metrics.Gauges("processmaker_session_end_timestamp_seconds", "When the token of the role's session ends unless it is renewed, in seconds since 1970.", ends...),
		metrics.Gauges("processmaker_static_rotation_timestamp_seconds", "When the role's shared credential was made, in seconds since 1970.", static...),
		metrics.Gauges("processmaker_password_rotation_timestamp_seconds", "When the role got its present password, in seconds since 1970.", passwords...),
	}
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
