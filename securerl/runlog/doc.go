// Package runlog keeps a run on disk so that it survives being killed at any moment.
//
//	DIR/settings.toml     the resolved settings; replays the run
//	DIR/run.json          what ran it: versions, digests, seeds (Manifest)
//	DIR/metrics.jsonl     one Point a line          deterministic
//	DIR/samples.jsonl     one record.Row a line     deterministic
//	DIR/evaluation.jsonl  one record.Row a line     deterministic
//	DIR/timings.jsonl     times and costs, never compared
//	DIR/checkpoints/      one folder each: files, then manifest.json with their digests
//
// A checkpoint is written into a temporary folder, synced, and renamed; it names the
// length of every log. Resuming takes the newest checkpoint whose digests are right,
// says aloud if that is not the newest one, and cuts the logs back to its lengths, so
// that a run which was killed ends with the bytes of one that was not.
//
// Read looks at a run without taking it: it may be an extract, with its logs compressed.
//
// Nothing here computes. A folder that is not a run, or belongs to a running process,
// is refused and left alone.
package runlog
