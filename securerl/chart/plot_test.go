package chart_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"securecoderl/securerl/chart"
)

func TestLabelsKeepApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.SliceOfN(rapid.Float64Range(0, 200), 0, 12).Draw(t, "at")
		moved := chart.Apart(at, 12, 0, 200)
		slices.Sort(moved)
		for i, x := range moved {
			assert.True(t, x >= 0 && x <= 200)
			if i > 0 {
				assert.GreaterOrEqual(t, x-moved[i-1], 12-1e-5)
			}
		}
	})
	assert.Equal(t, []float64{50, 20, 62}, chart.Apart([]float64{50, 20, 51}, 12, 0, 200))
}

func TestAxesReachTheirValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOf(rapid.Float64Range(-1e4, 1e4)).Draw(t, "values")
		low, high, ticks := chart.Span(values)
		assert.Less(t, low, high)
		assert.LessOrEqual(t, (high-low)/ticks, 12.0)
		for _, x := range values {
			assert.True(t, low-1e-6 <= x && x <= high+1e-6, "%v in %v..%v", x, low, high)
		}
	})
	low, high, ticks := chart.Span([]float64{0.031})
	assert.Equal(t, []float64{0, 0.04, 0.01}, []float64{low, high, ticks})
}

func TestLegendsBreakBeforeTheEdge(t *testing.T) {
	o, room := chart.Legend([]string{"one", "two"}, 22, chart.Page)
	assert.Equal(t, []any{"one", "two"}, o["data"])
	assert.Equal(t, 16, room)
	o, room = chart.Legend([]string{"pass all tests (right)", "print a constant (right)", "x"}, 22, chart.Column)
	assert.Equal(t, []any{"pass all tests (right)", "", "print a constant (right)", "x"}, o["data"], "an empty name begins a row")
	assert.Equal(t, 40, room)
}

func TestAWindowHoldsItsValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(0, 100), 1, 9).Draw(t, "values")
		a := chart.WindowAxis("x", 0, 100, values...)
		for _, x := range values {
			assert.True(t, a["min"].(float64)-1e-6 <= x && x <= a["max"].(float64)+1e-6, "%v in %v", x, a)
		}
		assert.Less(t, a["min"], a["max"])
	})
	assert.Equal(t, []any{40., 60., 5.}, []any{chart.WindowAxis("", 0, 100, 42, 58)["min"], chart.WindowAxis("", 0, 100, 42, 58)["max"], chart.WindowAxis("", 0, 100, 42, 58)["interval"]})
}
