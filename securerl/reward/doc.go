// Package reward prices verdicts. It runs nothing: the same facts can be priced
// under every scheme, on a laptop, long after the run.
//
//	judge.Verdict --Scheme.Price--> Score{Total, Functional, Security, Gates}
//	Score, spans  --PerToken-----> [T] rewards
//
// R = 0.6 R_func + 0.4 R_sec. What the schemes pay, for k of T public tests passed:
//
//	scheme        R_func                                              R_sec counts
//	paper         0 / .2 parses / .4 runs / .6 prints / .6 + .4 k/T   always, unparsable text too (as published)
//	pilot         0 / .2 / .4 / .6 / 1 all pass                       as paper
//	binary        1 if all pass                                       if it parses and does something
//	binary-joint  1 if all pass                                       if all pass
//	strict        mean over tests: .2 parses, .4 status 0, .6 prints, 1 passes
//	strict-gated  strict, but each test of a constant or of a program that never reads falls a stage
//	gated-joint   0 / .1 / .2 / .2 gated / .4 prints / .4 + .6 k/T    x k/T
//
// R_sec = 1 - min(1, V), V = sum over findings of 1 for HIGH, 0.5 for MEDIUM; with
// the suffix -exp it is exp(-V). A source that its scanner cannot handle has V = 1.
// Empty programs earn 0, and so does every program of a problem without public tests:
// nothing is known of it (gate "no-tests"; the published code pays full marks there).
// Text that does not parse earns 0 in all but paper and pilot, where the published rule
// (it is clean, so it earns 0.4) is kept and marked as a gate "published:unparsable-pays".
//
// V is over the findings of the judge's rule set; WithOpinion makes it the union or the
// consensus with a second scanner's, where the judge was told to ask one.
//
// Why gates: under a plain ladder a constant print earns 0.76 of 1, and policies
// find it. Why the product: an additive security term pays 0.4 for a clean program
// that does nothing. Both were measured; see experiments/README.md.
//
// Sources: SecureCodeRL (LCTES 2026), section 3.2 and its release's reward code.
package reward
