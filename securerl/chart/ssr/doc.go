// Package ssr draws a chart.Figure as SVG without a browser: the unchanged ECharts
// 6.1.0 runs in goja, a JavaScript engine written in Go.
//
//	chart.Figure --Script--> ECharts (goja) --> SVG --portable--> []byte
//
// ECharts is compiled once and lives in one runtime per process, made at the first
// figure (about a second of processor time); a figure then takes a few hundredths.
// The runtime has no clock, no network, no files and a fixed source of randomness;
// numbering is removed from the result, so the same figure gives the same bytes
// whatever was drawn before it. A figure that fails takes the runtime down with it,
// and the next one gets a fresh one.
//
// The SVG is made portable: ECharts centres words by an attribute that librsvg and
// others ignore, so the shift is written out.
//
// # Sources
//
// assets/echarts-6.1.0.min.js.gz is dist/echarts.min.js of the npm package
// echarts 6.1.0, compressed, under the Apache License 2.0 (assets/LICENSE,
// assets/NOTICE; parts of D3 under assets/LICENSE-d3).
package ssr
