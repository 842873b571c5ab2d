package metrics

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
)

func sampled() []Series {
	var durations Durations
	durations.Observe("password_grant", "success", 160*time.Millisecond)
	durations.Observe("password_grant", "success", 40*time.Second)
	durations.Observe("password_grant", "failure", 10*time.Millisecond)
	return []Series{
		Gauge("processmaker_overdue_credentials", "Overdue.", 3),
		Gauges("processmaker_role_healthy", "Healthy.", Of("role", `ci "x"`, Bit(false)), Of("role", "app", Bit(true))),
		Counter("processmaker_unaccounted_tokens_total", "Unaccounted.", 7),
		Counters("processmaker_operations_total", "None yet."),
		Histograms("processmaker_upstream_request_duration_seconds", "Durations.", durations.Samples()...),
	}
}

func TestTextIsWhatPrometheusReads(t *testing.T) {
	t.Parallel()
	text, err := Text(sampled())
	require.NoError(t, err)
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(text)))
	require.NoError(t, err, "%s", text)
	require.Len(t, families, 4, "an empty series is left out")
	require.EqualValues(t, 3, families["processmaker_overdue_credentials"].GetMetric()[0].GetGauge().GetValue())
	require.Equal(t, `ci "x"`, families["processmaker_role_healthy"].GetMetric()[0].GetLabel()[0].GetValue())
	require.EqualValues(t, 7, families["processmaker_unaccounted_tokens_total"].GetMetric()[0].GetCounter().GetValue())
	grants := families["processmaker_upstream_request_duration_seconds"].GetMetric()
	require.Len(t, grants, 2)
	histogram := grants[1].GetHistogram()
	require.EqualValues(t, 2, histogram.GetSampleCount())
	require.InDelta(t, 40.16, histogram.GetSampleSum(), 1e-9)
	for _, bucket := range histogram.GetBucket() {
		switch bound := bucket.GetUpperBound(); {
		case bound < 0.2:
			require.Zero(t, bucket.GetCumulativeCount(), "%v", bound)
		case bound <= 30:
			require.EqualValues(t, 1, bucket.GetCumulativeCount(), "%v", bound)
		default:
			require.EqualValues(t, 2, bucket.GetCumulativeCount(), "%v", bound)
		}
	}
}

func TestDataIsNumbersAndLists(t *testing.T) {
	t.Parallel()
	data := Data(sampled())
	require.EqualValues(t, 3.0, data["processmaker_overdue_credentials"])
	require.Equal(t, []map[string]any{{"role": `ci "x"`, "value": 0.0}, {"role": "app", "value": 1.0}}, data["processmaker_role_healthy"])
	require.Empty(t, data["processmaker_operations_total"])
	grants := data["processmaker_upstream_request_duration_seconds"].([]map[string]any)
	require.Equal(t, "failure", grants[0]["outcome"])
	require.EqualValues(t, 2, grants[1]["count"])
	require.InDelta(t, 20.08, grants[1]["average"].(float64), 1e-9)
}

// A copy that is being written to an answer must not change with the next exchange.
func TestSamplesAreCopies(t *testing.T) {
	t.Parallel()
	var durations Durations
	durations.Observe("a", "b", time.Second)
	before := durations.Samples()
	durations.Observe("a", "b", time.Second)
	require.EqualValues(t, 1, before[0].Histogram.Count)
	require.EqualValues(t, 1, before[0].Histogram.Cumulative[len(Bounds())])
}
