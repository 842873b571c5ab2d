// Package metrics holds series of numbers and writes them as JSON data and in Prometheus's text
// format. Durations owns the mutex of its counts. The package imports no other of this module.
package metrics

import (
	"bytes"
	"math"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// Label names one of the numbers of a series.
type Label struct{ Name, Value string }

// Sample is one number of a series, or one histogram.
type Sample struct {
	Labels    []Label
	Value     float64
	Histogram *Histogram
}

// Of is a sample with one label.
func Of(name, value string, number float64) Sample {
	return Sample{Labels: []Label{{name, value}}, Value: number}
}

// Bit is 1 for true: Prometheus knows numbers alone.
func Bit(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// Series is a metric and its samples. Labelled tells that each sample has labels.
type Series struct {
	Name, Help string
	Labelled   bool
	Samples    []Sample
	kind       dto.MetricType
}

// Gauge is a number that goes up and down.
func Gauge(name, help string, value float64) Series {
	return Series{Name: name, Help: help, kind: dto.MetricType_GAUGE, Samples: []Sample{{Value: value}}}
}

// Gauges is a series of gauges with labels.
func Gauges(name, help string, samples ...Sample) Series {
	return Series{Name: name, Help: help, kind: dto.MetricType_GAUGE, Labelled: true, Samples: samples}
}

// Counter is a number that starts at 0 with the plugin and only grows.
func Counter(name, help string, value float64) Series {
	return Series{Name: name, Help: help, kind: dto.MetricType_COUNTER, Samples: []Sample{{Value: value}}}
}

// Counters is a series of counters with labels.
func Counters(name, help string, samples ...Sample) Series {
	return Series{Name: name, Help: help, kind: dto.MetricType_COUNTER, Labelled: true, Samples: samples}
}

// Histograms is a series of histograms with labels.
func Histograms(name, help string, samples ...Sample) Series {
	return Series{Name: name, Help: help, kind: dto.MetricType_HISTOGRAM, Labelled: true, Samples: samples}
}

// ContentType is that of Text.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// Text writes all series in Prometheus's text format, version 0.0.4.
func Text(all []Series) ([]byte, error) {
	var text bytes.Buffer
	encoder := expfmt.NewEncoder(&text, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, series := range all {
		if len(series.Samples) == 0 {
			continue // the format knows no empty series
		}
		if err := encoder.Encode(series.family()); err != nil {
			return nil, err
		}
	}
	return text.Bytes(), nil
}

func (s Series) family() *dto.MetricFamily {
	family := &dto.MetricFamily{Name: &s.Name, Help: &s.Help, Type: &s.kind}
	for _, sample := range s.Samples {
		metric := &dto.Metric{}
		for _, label := range sample.Labels {
			metric.Label = append(metric.Label, &dto.LabelPair{Name: &label.Name, Value: &label.Value})
		}
		switch s.kind {
		case dto.MetricType_COUNTER:
			metric.Counter = &dto.Counter{Value: &sample.Value}
		case dto.MetricType_HISTOGRAM:
			metric.Histogram = sample.Histogram.forText()
		default:
			metric.Gauge = &dto.Gauge{Value: &sample.Value}
		}
		family.Metric = append(family.Metric, metric)
	}
	return family
}

func (h *Histogram) forText() *dto.Histogram {
	text := &dto.Histogram{SampleCount: &h.Count, SampleSum: &h.Sum}
	for i, bound := range append(Bounds(), math.Inf(1)) {
		text.Bucket = append(text.Bucket, &dto.Bucket{UpperBound: &bound, CumulativeCount: &h.Cumulative[i]})
	}
	return text
}

// Data is the same for JSON, by the names of the series: a number, or a list of objects with the
// labels and "value". A histogram has "count", "sum" and "average" in place of "value".
func Data(all []Series) map[string]any {
	data := make(map[string]any, len(all))
	for _, series := range all {
		if !series.Labelled {
			data[series.Name] = series.Samples[0].Value
			continue
		}
		list := make([]map[string]any, 0, len(series.Samples))
		for _, sample := range series.Samples {
			list = append(list, sample.data())
		}
		data[series.Name] = list
	}
	return data
}

func (s Sample) data() map[string]any {
	one := map[string]any{}
	for _, label := range s.Labels {
		one[label.Name] = label.Value
	}
	if s.Histogram == nil {
		one["value"] = s.Value
		return one
	}
	one["count"], one["sum"] = s.Histogram.Count, s.Histogram.Sum
	one["average"] = s.Histogram.Sum / float64(s.Histogram.Count)
	return one
}
