// Package stored reads a run from disk, without locking or changing it, and draws
// what it shows.
//
//	DIR/run.json, settings.toml, *.jsonl --Read--> Run --Comparisons, Figures--> numbers and pictures
//
// It links no engine and no sandbox, so that figures and tables of a stored run need
// neither, and it reads extracts (runlog.Read). The captions of figures end with seeds
// and digest: figures of equal digest show the same run.
package stored
