// Package securerl is a laboratory for reinforcement learning of code that is
// correct and secure. It holds no code itself: this page is the map of the
// packages below it.
//
// Ten nouns carry everything: Problem, Prompt, Completion, Submission, Verdict,
// Scheme, Score, Trajectory, Adapter, Run. The line through the house takes one
// noun in and hands one noun out; the loop that joins the packages stands in
// experiments/train, where it can be read from top to bottom.
//
//	problem.Problem --prompt.Render--> prompt.Prompt --policy.Rollout--> policy.Trajectory
//	   --prompt.Extract--> prompt.Program + completion.Finish = judge.Submission --judge--> judge.Verdict
//	   --reward.Scheme--> reward.Score --reward.PerToken--> [T] rewards
//	   --advantage.*--> advantages --ppo.Update--> ppo.Stats --runlog--> a run on disk
//	   --eval, figure--> rates with intervals, pictures --report--> report.md, report.html
//	                                                    --notebook--> cells of the course
//
// Facts and prices are separate types: a judge.Verdict says what a program did,
// a reward.Scheme says what that is worth. A bad program is data; a broken
// sandbox or scanner is an error that stops the update.
//
// # Notation
//
// Used in every docstring of the graph code:
//
//	B  batch rows        P  prompt tokens     T  response tokens   S  sequence, P+T
//	L  layers            H  query heads       K  key/value heads   D  head width
//	E  embedding width   V  vocabulary        R  adapter rank
//
// The two papers reuse Greek letters, so code spells them out: alpha and beta of
// the reward are the functional and the security weight, LoRA's alpha is
// LoRA.Alpha, the lambda of the KL penalty is KLWeight, gamma and lambda of GAE
// are its arguments, T (tests) is Total, V (severity) is the severity sum.
//
// # Sources
//
// The first system re-implemented here is SecureCodeRL (LCTES 2026, DOI
// 10.1145/3814943.3816167, arXiv 2601.01184). Where the code differs from it, the
// difference and its reason stand in experiments/README.md.
package securerl
