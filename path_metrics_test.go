package main

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	dto "github.com/prometheus/client_model/go"

	"vault-plugin-secrets-processmaker/test/mounttest"
)

// everySeries are the series of docs/monitoring.md.
var everySeries = []string{
	"processmaker_build_info", "processmaker_start_time_seconds", "processmaker_reachable", "processmaker_breaker_state",
	"processmaker_token_requests_remaining", "processmaker_overdue_credentials", "processmaker_oldest_due_seconds",
	"processmaker_unaccounted_tokens_total", "processmaker_operations_total", "processmaker_upstream_request_duration_seconds",
	"processmaker_role_healthy", "processmaker_session_active", "processmaker_session_end_timestamp_seconds",
	"processmaker_static_rotation_timestamp_seconds", "processmaker_password_rotation_timestamp_seconds",
}

func scrape(h *mounttest.Mount) map[string]*dto.MetricFamily {
	h.T.Helper()
	resp, err := h.Do(logical.ReadOperation, "metrics", map[string]any{"format": "prometheus"})
	require.NoError(h.T, err)
	require.Equal(h.T, "text/plain; version=0.0.4; charset=utf-8", resp.Data[logical.HTTPContentType])
	text := resp.Data[logical.HTTPRawBody].([]byte)
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(text)))
	require.NoError(h.T, err, "%s", text)
	return families
}

// valueOf is the sample whose labels hold all of those values.
func valueOf(t *testing.T, family *dto.MetricFamily, labels ...string) float64 {
	t.Helper()
	for _, metric := range family.GetMetric() {
		values := map[string]bool{}
		for _, label := range metric.GetLabel() {
			values[label.GetValue()] = true
		}
		matches := true
		for _, label := range labels {
			matches = matches && values[label]
		}
		if matches {
			return metric.GetGauge().GetValue() + metric.GetCounter().GetValue() + float64(metric.GetHistogram().GetSampleCount())
		}
	}
	t.Fatalf("%s has no sample of %v", family.GetName(), labels)
	return 0
}

func TestMetricsTellWhatHappened(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.MustWrite("roles/jobs", h.RoleData(map[string]any{"credential_type": "personal_access_token"}))
	h.MustWrite("roles/shared", h.RoleData(map[string]any{"rotation_period": "1h"}))
	h.MustWrite("roles/typo", h.RoleData(map[string]any{"password": "wrong"}))
	h.Issue(nil)
	h.Read("creds/jobs")
	h.Read("static-creds/shared")
	h.RefusedWrite(logical.ReadOperation, "creds/typo", nil, "typo")
	require.NoError(t, h.Rotate())

	exchanges := len(h.Pm.Exchanges())
	got := scrape(h)
	require.Len(t, h.Pm.Exchanges(), exchanges, "a scrape calls nobody")
	for _, name := range everySeries {
		require.Contains(t, got, name)
	}
	require.Len(t, got, len(everySeries), "a series that the page does not have")
	require.EqualValues(t, 1, valueOf(t, got["processmaker_build_info"], version))
	require.EqualValues(t, 1, valueOf(t, got["processmaker_reachable"]))
	require.EqualValues(t, 1, valueOf(t, got["processmaker_breaker_state"], "closed"))
	require.EqualValues(t, 0, valueOf(t, got["processmaker_breaker_state"], "open"))
	require.EqualValues(t, 3, valueOf(t, got["processmaker_operations_total"], "creds_create", "success"))
	require.EqualValues(t, 1, valueOf(t, got["processmaker_operations_total"], "creds_create", "failure"))
	require.EqualValues(t, 1, valueOf(t, got["processmaker_role_healthy"], "jobs"))
	require.EqualValues(t, 0, valueOf(t, got["processmaker_role_healthy"], "typo"))
	require.EqualValues(t, 1, valueOf(t, got["processmaker_session_active"], "jobs"))
	require.Greater(t, valueOf(t, got["processmaker_session_end_timestamp_seconds"], "jobs"), float64(mounttest.Noon.Unix()))
	require.EqualValues(t, mounttest.Noon.Unix(), valueOf(t, got["processmaker_static_rotation_timestamp_seconds"], "shared"))
	require.Positive(t, valueOf(t, got["processmaker_upstream_request_duration_seconds"], "password_grant", "success"))
	require.EqualValues(t, 1, valueOf(t, got["processmaker_upstream_request_duration_seconds"], "password_grant", "refused"))
	require.Positive(t, valueOf(t, got["processmaker_upstream_request_duration_seconds"], "personal_access_token_creation", "success"))

	data := h.Read("metrics")
	for _, name := range everySeries {
		require.Contains(t, data, name)
	}
}

func TestMetricsTellOfTrouble(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, nil)
	h.Issue(nil)
	h.GoDown()
	h.Clock.Advance(25 * time.Hour)
	h.Tick()
	got := scrape(h)
	require.EqualValues(t, 1, valueOf(t, got["processmaker_overdue_credentials"]))
	require.Contains(t, h.Read("status")["overdue_reason"], "may still live: token revocation: unavailable")
	require.Greater(t, valueOf(t, got["processmaker_oldest_due_seconds"]), 600.0)
	require.EqualValues(t, 0, valueOf(t, got["processmaker_reachable"]))
	require.EqualValues(t, 1, valueOf(t, got["processmaker_breaker_state"], "open"))
	require.Positive(t, valueOf(t, got["processmaker_upstream_request_duration_seconds"], "no_answer"))
}

func TestMetricsOfAMountWithoutConfig(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	got := scrape(h)
	require.EqualValues(t, 0, valueOf(t, got["processmaker_overdue_credentials"]))
	require.NotContains(t, got, "processmaker_reachable")
	require.Empty(t, h.Read("metrics")["processmaker_role_healthy"])
	h.RefusedWrite(logical.ReadOperation, "metrics", map[string]any{"format": "xml"}, `field "format" must be one of: json, prometheus`)
}

// A role that is gone leaves no series behind: labels must not grow without bound.
func TestMetricsForgetDeletedRoles(t *testing.T) {
	t.Parallel()
	h := newReadyHarness(t, map[string]any{"credential_type": "personal_access_token"})
	h.Read("creds/ci")
	require.Contains(t, scrape(h), "processmaker_session_active")
	_, err := h.Do(logical.DeleteOperation, "roles/ci", nil)
	require.NoError(t, err)
	got := scrape(h)
	require.NotContains(t, got, "processmaker_session_active")
	require.NotContains(t, got, "processmaker_role_healthy")
}
