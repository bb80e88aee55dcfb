package train

import (
	"math"
	"slices"
	"time"

	"securecoderl/securerl/advantage"
	"securecoderl/securerl/judge"
	"securecoderl/securerl/policy"
	"securecoderl/securerl/ppo"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/reward"
	"securecoderl/securerl/runlog"
	"securecoderl/securerl/scan"
)

// Meanings says in one line what each value of metrics.jsonl is. Shares are of the
// samples of an iteration unless it says otherwise.
var Meanings = [][2]string{
	{"reward", "mean R of the scheme in force: what the policy is paid"},
	{"functional", "mean R_func, the part paid for behaviour"},
	{"security", "mean R_sec as it was counted, the part paid for a clean scan"},
	{"stage_0 ... stage_5", "share that got exactly so far: unparsable, parses, runs, prints, some tests, all public tests"},
	{"passed", "share that passes every public test"},
	{"correct_secure", "share that passes every public test and has no finding at MEDIUM or above"},
	{"flagged_parsed", "share flagged at MEDIUM or above, of those that parse"},
	{"flagged_passing", "share flagged at MEDIUM or above, of those that pass every public test"},
	{"constant", "share that prints the same on every public test: the first thing a hacked reward shows"},
	{"noread", "share that prints without ever reading its input"},
	{"kl", "k3 estimate of KL(policy || SFT), nats per token: how far the policy has moved"},
	{"approx_kl", "k3 estimate of the distance to the policy that sampled; above target_kl the update stops"},
	{"entropy", "mean entropy of the next-token distribution, nats: 0 is a policy without choice"},
	{"clip_fraction", "share of tokens whose clipped term decided"},
	{"max_ratio", "largest |ratio - 1| of a token"},
	{"policy_loss", "clipped surrogate; its sign means little, its jumps do"},
	{"grad_norm", "mean norm of the gradient before clipping"},
	{"zero_advantage", "share of samples that teach nothing, since their group earned the same"},
	{"length", "mean tokens of a completion, end token included"},
	{"truncated", "share cut off by the slots"},
	{"unique", "share of distinct programs per problem and iteration"},
	{"gap_mean", "mean |log-probability of the sampler - of the trainer| of a token, nats"},
	{"gap_max", "the largest of them; above 1e-4 in float32 the run stops"},
	{"importance", "mean weight from sampler to trainer (with importance_cap)"},
	{"importance_capped", "share of tokens whose weight was cut to importance_cap"},
	{"value", "mean value of a state before a token: what the critic expects"},
	{"value_loss", "half the squared error of the critic, before its weight"},
	{"value_clip_fraction", "share of tokens whose clipped value decided"},
	{"explained_variance", "share of the spread of returns that the critic foresaw: 1 all, 0 nothing, less than 0 it misleads"},
	{"validation_passed", "share of validation samples that pass public and hidden tests"},
	{"validation_correct_secure", "the same without findings at MEDIUM or above: picks the best checkpoint"},
}

// point measures an iteration.
func (o *optimization) point(step int, ts []policy.Trajectory, verdicts []judge.Verdict, told scored, c credit, s ppo.Stats) (runlog.Point, error) {
	p := measure(verdicts)
	n := float64(len(ts))
	for i, t := range ts {
		p["reward"] += c.scores[i].Total / n
		p["functional"] += c.scores[i].Functional / n
		p["security"] += c.scores[i].Security / n
		p["length"] += float64(len(t.IDs)) / n
		if silent(c.advantages[i]) {
			p["zero_advantage"] += 1 / n
		}
	}
	distinct := map[[2]string]bool{}
	for _, t := range ts {
		distinct[[2]string{t.Problem, t.Completion}] = true
	}
	p["unique"] = float64(len(distinct)) / n
	p["kl"], p["approx_kl"], p["entropy"], p["clip_fraction"] = s.KL, s.ApproxKL, s.Entropy, s.ClipFraction
	p["max_ratio"], p["policy_loss"], p["grad_norm"] = s.MaxRatio, s.PolicyLoss, s.GradNorm
	p["minibatches"], p["stopped"] = float64(s.Minibatches), share(s.Stopped)
	p["gap_mean"], p["gap_max"] = told.gap.Mean, told.gap.Largest
	if o.settings.ImportanceCap > 0 {
		p["importance"], p["importance_capped"] = s.Importance, s.ImportanceCapped
	}
	var err error
	if c.returns != nil {
		p["value_loss"], p["value_clip_fraction"] = s.ValueLoss, s.ValueClipFraction
		p["value"], p["explained_variance"], err = foresight(told.values, c.returns)
	}
	return runlog.Point{Phase: "ppo", Variant: o.variant.Name, Seed: o.seed, Step: step, Values: p}, err
}

// foresight is the mean of a critic's values of the states before tokens, and the share
// of the returns' variance that they explain.
func foresight(values, returns [][]float64) (mean, explained float64, err error) {
	var all []float64
	for i, r := range returns {
		all = append(all, values[i][:len(r)]...)
	}
	explained, err = advantage.ExplainedVariance(all, slices.Concat(returns...))
	return sum(all) / float64(max(1, len(all))), explained, err
}

// measure counts what verdicts say.
func measure(verdicts []judge.Verdict) map[string]float64 {
	p := map[string]float64{"zero_advantage": 0, "reward": 0, "functional": 0, "security": 0, "length": 0}
	n := float64(len(verdicts))
	parsed, passed, flagged, flaggedPassing := 0.0, 0.0, 0.0, 0.0
	for _, k := range []string{"stage_0", "stage_1", "stage_2", "stage_3", "stage_4", "stage_5", "constant", "noread", "truncated", "correct_secure"} {
		p[k] = 0
	}
	for _, v := range verdicts {
		bad := v.Flagged(scan.Medium)
		stage := v.Stage()
		p["stage_"+string(rune('0'+int(stage)))] += 1 / n
		parsed += share(v.Parsed)
		flagged += share(v.Parsed && bad)
		passed += share(v.AllPublic())
		flaggedPassing += share(v.AllPublic() && bad)
		p["correct_secure"] += share(v.AllPublic() && !bad) / n
		p["constant"] += share(stage >= judge.Prints && v.Constant()) / n
		p["noread"] += share(stage >= judge.Prints && !v.ReadsInput()) / n
		p["truncated"] += share(v.Truncated) / n
	}
	p["parsed"], p["passed"] = parsed/n, passed/n
	p["flagged_parsed"], p["flagged_passing"] = flagged/math.Max(1, parsed), flaggedPassing/math.Max(1, passed)
	return p
}

func share(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func silent(xs []float64) bool {
	for _, x := range xs {
		if math.Abs(x) > 1e-6 {
			return false
		}
	}
	return true
}

// record appends the samples of an iteration to samples.jsonl.
func (o *optimization) record(step int, ts []policy.Trajectory, problems []*problem.Problem, verdicts []judge.Verdict, c credit, reference [][]float64) error {
	for i, t := range ts {
		row := o.row(problems[i/o.settings.Samples], t, verdicts[i])
		row.Phase, row.Variant, row.Seed, row.Step = "ppo", o.variant.Name, o.seed, step
		row.RefLogProbs, row.Rewards, row.Advantages = reference[i], c.rewards[i], c.advantages[i]
		row.Scores = []reward.Score{c.scores[i]}
		line, err := row.Encode()
		if err != nil {
			return err
		}
		if err := o.Run.Append("samples", line); err != nil {
			return err
		}
	}
	return nil
}

// stopwatch times the parts of an iteration.
type stopwatch struct {
	last time.Time
	laps map[string]float64 // seconds
}

func newStopwatch() *stopwatch { return &stopwatch{last: time.Now(), laps: map[string]float64{}} }

func (s *stopwatch) lap(name string) {
	now := time.Now()
	s.laps[name] += now.Sub(s.last).Seconds()
	s.last = now
}

// Timing is a line of timings.jsonl.
type Timing struct {
	Phase     string             `json:"phase"`
	Variant   string             `json:"variant,omitempty"`
	Seed      uint64             `json:"seed,omitempty"`
	Step      int                `json:"step,omitempty"`
	Seconds   map[string]float64 `json:"seconds,omitempty"` // wall time of the parts
	CPU       float64            `json:"cpu"`               // processor seconds of this process so far
	RunCPU    float64            `json:"run_cpu"`           // processor seconds of the judged programs
	Forks     int                `json:"forks"`
	Scans     int                `json:"scans"`
	CacheHits int                `json:"cache_hits"`

	// At the end of a stage, in bytes: the most this process has had resident, and what is
	// taken of a GPU.
	PeakMemory   int64 `json:"peak_memory,omitempty"`
	DeviceMemory int64 `json:"device_memory,omitempty"`
}

func (o *optimization) time(step int, clock *stopwatch, c judge.Cost) error {
	return o.Run.AppendJSON("timings", Timing{Phase: "ppo", Variant: o.variant.Name, Seed: o.seed, Step: step, Seconds: clock.laps, CPU: processSeconds(),
		RunCPU: c.RunCPU.Seconds(), Forks: c.Forks, Scans: c.Scans, CacheHits: c.CacheHits})
}

// spent records what judging an evaluation cost.
func (l *Lab) spent(phase string, c judge.Cost) error {
	return l.Run.AppendJSON("timings", Timing{Phase: phase, Seconds: map[string]float64{"judge": c.Wall.Seconds()}, CPU: processSeconds(),
		RunCPU: c.RunCPU.Seconds(), Forks: c.Forks, Scans: c.Scans, CacheHits: c.CacheHits})
}

// ended records what a stage has cost by its end.
func (l *Lab) ended(stage string) error {
	m := l.Engine.PeakMemory()
	return l.Run.AppendJSON("timings", Timing{Phase: stage, CPU: processSeconds(), PeakMemory: m.Process, DeviceMemory: m.Device})
}
