// Package notebook is what a cell of a notebook calls: it shows figures, tables,
// programs and the credit of tokens, follows a loop, reads a stored run, and asks the
// session for what takes a model.
//
//	[]chart.Figure, rows, programs --Show, Table, Code, Credit--> HTML in the page
//	a loop ------------------------NewLive, Step, Done----------> one block that moves, then the final figure
//	DIR of a run ------------------Open-------------------------> Points, Samples, Evaluation
//	Ask, a program, Training ------Sample, Judge, Train---------> rows, a verdict, points as they come
//	a Hugging Face folder ---------OpenModel, Write, Score------> texts with the log-probability of each token
//	a claim -----------------------Check, Must------------------> "ok: ...", or the cell fails
//
// # Why so
//
//   - A cell is compiled and run each time, so it must link little: no renderer, no
//     tensors. Those are in program experiments/lab, which package session keeps running
//     beside the kernel. A figure travels there as its script and comes back as SVG.
//   - The picture comes first: an <img> with an alternative text, which every viewer
//     draws, trusted or not. A script beside it puts the live chart in its place where
//     the page has ECharts (Interactive) and may run scripts.
//   - Everything stands on a white card with dark words, so that dark pages change
//     nothing.
//   - Functions return no errors: a cell has nobody to hand them to. What goes wrong ends
//     the cell with one sentence that says what to do, and with status 1.
//   - Outside a notebook, where tests run the cells, the same calls do the same work and
//     print one line instead of HTML, so that a broken figure is found there too.
//   - What a model wrote is text: escaped, with control characters made visible.
//
// Source: GoNB (github.com/janpfeifer/gonb), gonbui v0.11.5.
package notebook
