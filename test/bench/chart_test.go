//go:build unix

package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestChartsAreDrawings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]chart{
		"lines": {
			title: "a < b & c", steps: []string{"1", "16"}, logarithmic: true,
			lines: []line{{name: "one", values: []float64{1, 20}}, {name: "two", values: []float64{3, 400}, low: []float64{2, 300}, high: []float64{4, 500}}},
		},
		"bars":    {steps: []string{"a", "b"}, bars: true, lines: []line{{values: []float64{60, 12345}}}},
		"nothing": {steps: []string{"a"}, lines: []line{{values: []float64{0}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			drawing := c.svg()
			decoder := xml.NewDecoder(strings.NewReader(drawing))
			for {
				_, err := decoder.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				require.NoError(t, err)
			}
			assert.NotContains(t, drawing, "NaN")
			assert.NotContains(t, drawing, "Inf")
		})
	}
}

func TestHeightsAreWhereTheValuesBelong(t *testing.T) {
	t.Parallel()
	linear, logarithmic := chart{}, chart{logarithmic: true}
	assert.Equal(t, float64(bottomEdge), linear.height(0, 0, 10))
	assert.Equal(t, float64(topEdge), linear.height(10, 0, 10))
	assert.InDelta(t, (topEdge+bottomEdge)/2, logarithmic.height(10, 1, 100), 0.01)
	assert.Equal(t, []float64{1, 10, 100}, logarithmic.marks(1, 100))
	assert.Equal(t, "1,234,568", number(1234567.8))
	assert.Equal(t, "12.35", number(12.345))
}

func TestBoundsAreHeldOrNot(t *testing.T) {
	t.Parallel()
	assert.True(t, ratio{value: estimate{Median: 0.1}}.held(), "nothing is asked of it")
	assert.True(t, ratio{value: estimate{Median: 0.85}, bound: 0.85}.held())
	assert.False(t, ratio{value: estimate{Median: 0.84}, bound: 0.85}.held())
	assert.True(t, ratio{value: estimate{Median: 1.3}, bound: 1.3, atMost: true}.held())
	assert.False(t, ratio{value: estimate{Median: 1.31}, bound: 1.3, atMost: true}.held())

	f := figures{
		contests: []contestFigures{{storage: raft, width: 1, ratios: []ratio{{name: "slow", value: estimate{Median: 0.5}, bound: 0.85}}}},
		limit:    &limitFigures{leases: 1000, seconds: []float64{2, 16}},
		storm:    &stormFigures{irrevocable: "0", gone: true},
		memory:   []memoryFigures{{leases: 0, after: []float64{10}}, {leases: 5, after: []float64{12}}},
	}
	assert.Equal(t, []string{"raft, 1 connections: slow", "resident memory after a reload, 5 leases / none", "leases under the limit"}, f.missed())

	_, err := replaceFigures([]byte("no place"), nil)
	require.Error(t, err)
	text, err := replaceFigures([]byte("a "+figuresBegin+" x "+figuresEnd+" b"), []byte("new\n"))
	require.NoError(t, err)
	assert.Equal(t, "a "+figuresBegin+"\n\nnew\n\n"+figuresEnd+" b", string(text))
}
