//go:build unix

package main

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// chart is a plot of lines over steps that are named rather than measured, or
// of one bar for each step, drawn as SVG.
type chart struct {
	title, xName, yName string
	steps               []string
	lines               []line
	bars                bool
	// logarithmic: equal distances upwards are equal factors.
	logarithmic bool
}

// line is one series: a value for each step, and optionally its spread.
type line struct {
	name      string
	values    []float64
	low, high []float64
	dashed    bool
}

// The drawing, in pixels.
const (
	chartHeight                           = 440
	leftEdge, rightEdge, margin           = 80, 520, 20
	topEdge, bottomEdge                   = 50, 380
	legendLeft, legendTop, legendDistance = 540, 70, 24
	legendText                            = legendLeft + 32
	// letterWidth is above the mean of the fonts that viewers have.
	letterWidth = 8
)

// Colours that people who see few colours tell apart (Okabe and Ito).
var colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000"}

// svg draws the chart.
func (c chart) svg() string {
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n", c.width(), chartHeight)
	fmt.Fprintf(&out, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", c.width(), chartHeight)
	text(&out, leftEdge, 28, "start", "16", c.title)
	low, high := c.span()
	for _, mark := range c.marks(low, high) {
		y := c.height(mark, low, high)
		fmt.Fprintf(&out, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#dddddd"/>`+"\n", leftEdge, y, rightEdge, y)
		text(&out, leftEdge-8, y+4, "end", "12", number(mark))
	}
	for i, step := range c.steps {
		text(&out, c.place(i), bottomEdge+20, "middle", "12", step)
	}
	text(&out, (leftEdge+rightEdge)/2, bottomEdge+45, "middle", "13", c.xName)
	fmt.Fprintf(&out, `<text transform="translate(20 %d) rotate(-90)" text-anchor="middle">%s</text>`+"\n", (topEdge+bottomEdge)/2, html.EscapeString(c.yName))
	for i, l := range c.lines {
		if c.bars {
			c.drawBars(&out, l, low, high)
			continue
		}
		c.drawLine(&out, i, l, low, high)
	}
	out.WriteString("</svg>\n")
	return out.String()
}

func (c chart) drawLine(out *strings.Builder, i int, l line, low, high float64) {
	colour, dash := colours[i%len(colours)], ""
	if l.dashed {
		dash = ` stroke-dasharray="5 4"`
	}
	points := make([]string, len(l.values))
	for step, value := range l.values {
		points[step] = fmt.Sprintf("%.1f,%.1f", c.place(step), c.height(value, low, high))
	}
	fmt.Fprintf(out, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"%s/>`+"\n", strings.Join(points, " "), colour, dash)
	for step, value := range l.values {
		fmt.Fprintf(out, `<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"/>`+"\n", c.place(step), c.height(value, low, high), colour)
		if len(l.low) > step {
			fmt.Fprintf(out, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>`+"\n",
				c.place(step), c.height(l.low[step], low, high), c.place(step), c.height(l.high[step], low, high), colour)
		}
	}
	y := float64(legendTop + i*legendDistance)
	fmt.Fprintf(out, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="%s" stroke-width="2"%s/>`+"\n", legendLeft, y, legendLeft+24, y, colour, dash)
	text(out, legendText, y+4, "start", "13", l.name)
}

func (c chart) drawBars(out *strings.Builder, l line, low, high float64) {
	const half = 40
	for step, value := range l.values {
		top := c.height(value, low, high)
		fmt.Fprintf(out, `<rect x="%.1f" y="%.1f" width="%d" height="%.1f" fill="%s"/>`+"\n", c.place(step)-half, top, 2*half, bottomEdge-top, colours[step%len(colours)])
		text(out, c.place(step), top-6, "middle", "13", number(value))
	}
}

// width leaves room for the legend, which bars do not have.
func (c chart) width() int {
	if c.bars {
		return rightEdge + margin
	}
	longest := 0
	for _, l := range c.lines {
		longest = max(longest, len(l.name))
	}
	return legendText + longest*letterWidth + margin
}

// place is where a step stands.
func (c chart) place(step int) float64 {
	distance := float64(rightEdge-leftEdge) / float64(len(c.steps))
	return leftEdge + distance*(float64(step)+0.5)
}

func (c chart) height(value, low, high float64) float64 {
	if c.logarithmic {
		value, low, high = math.Log(math.Max(value, low)), math.Log(low), math.Log(high)
	}
	return bottomEdge - (value-low)/(high-low)*(bottomEdge-topEdge)
}

// span is what the axis covers: from 0, or where it is logarithmic from a power
// of ten, to just above the largest value.
func (c chart) span() (low, high float64) {
	least := math.Inf(1)
	for _, l := range c.lines {
		for _, values := range [][]float64{l.values, l.low, l.high} {
			for _, value := range values {
				high = math.Max(high, value)
				if value > 0 {
					least = math.Min(least, value)
				}
			}
		}
	}
	if high <= 0 {
		return 0.1, 1
	}
	if !c.logarithmic {
		return 0, high * 1.1
	}
	low, high = math.Pow(10, math.Floor(math.Log10(least))), math.Pow(10, math.Ceil(math.Log10(high)))
	if low == high {
		high *= 10
	}
	return low, high
}

// marks are the values that get a line across.
func (c chart) marks(low, high float64) []float64 {
	var marks []float64
	if c.logarithmic {
		for mark := low; mark <= high*1.001; mark *= 10 {
			marks = append(marks, mark)
		}
		return marks
	}
	step := math.Pow(10, math.Floor(math.Log10(high)))
	for high/step < 4 {
		step /= 2
	}
	for mark := 0.0; mark <= high; mark += step {
		marks = append(marks, mark)
	}
	return marks
}

// number writes a value as short as it can be told apart, in groups of three.
func number(value float64) string {
	if value < 100 {
		return strconv.FormatFloat(math.Round(value*100)/100, 'f', -1, 64)
	}
	digits := strconv.FormatFloat(math.Round(value), 'f', -1, 64)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

func text[T int | float64](out *strings.Builder, x T, y float64, anchor, size, content string) {
	fmt.Fprintf(out, `<text x="%.1f" y="%.1f" text-anchor="%s" font-size="%s">%s</text>`+"\n", float64(x), y, anchor, size, html.EscapeString(content))
}
