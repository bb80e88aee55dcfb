package notebook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"securecoderl/securerl/judge"
	"securecoderl/securerl/notebook/session"
	"securecoderl/securerl/record"
	"securecoderl/securerl/runlog"
)

// The calls that program experiments/lab answers, with what they are sent and give back.
const (
	CallScript = "echarts" // nothing -> string, the library
	CallDraw   = "draw"    // Drawing -> string, SVG
	CallSample = "sample"  // Sampling -> []record.Row
	CallJudge  = "judge"   // Judging -> judge.Verdict
	CallTrain  = "train"   // Training -> events of runlog.Point, then nothing
)

// Drawing is a figure that was made in a cell.
type Drawing struct {
	Name, Script, Alt string
	Width, Height     int // CSS pixels
}

// Ask says which stored policy writes how many programs for which problem.
type Ask struct {
	Policy      string  // folder below checkpoints/ of the run: "sft-1", "gated-1-last", "base"
	Problem     string  // id of a generated problem
	Samples     int     // 0 = 1
	Temperature float64 // 0 = 1
	Greedy      bool    // the most probable token each time; all samples are then equal
	Seed        uint64  // other seeds give other programs
}

// Sampling is an Ask of a run.
type Sampling struct {
	Run string // its folder, absolute
	Ask Ask
}

// Judging is a program for a problem.
type Judging struct {
	Problem string
	Source  []byte // a program need not be UTF-8, as text in JSON must
}

// Training is a short training by PPO that starts from a stored run's SFT adapter. Sizes
// are those of the tiny preset, the model is the run's.
type Training struct {
	Run        string // folder as for Open; "" = the extract
	Scheme     string // what is paid, one of reward.Names; "" = gated-joint
	Seed       uint64 // which SFT adapter; 0 = the first of the run
	Iterations int    // 0 = as the tiny preset
	Settings   string // TOML laid over all that, such as "[ppo]\nkl_weight = 0.0"; unknown keys are refused
}

// Sample lets a stored policy of the run write programs, which are judged, with hidden
// tests, and priced by every scheme. Rows carry token ids, log-probabilities and, for an
// adapter, those of the SFT policy of its seed. Equal asks give equal programs.
func (r *Run) Sample(a Ask) []record.Row { return Must(r.sample(a)) }

func (r *Run) sample(a Ask) (rows []record.Row, err error) {
	if a.Policy == "" || a.Problem == "" || a.Samples < 0 || a.Temperature < 0 {
		return nil, fmt.Errorf("notebook: an Ask names a policy and a problem, and counts are not negative, got %+v", a)
	}
	var lines []json.RawMessage // as a run stores them
	if err := session.Call(context.Background(), CallSample, Sampling{Run: r.Dir(), Ask: a}, &lines, nil); err != nil {
		return nil, err
	}
	var text bytes.Buffer
	for _, line := range lines {
		text.Write(append(line, '\n'))
	}
	return collect(record.Read(&text, "the session's answer"))
}

// Judge gives the verdict on a program for a generated problem, hidden tests included. It
// runs in the sandbox, as in training.
func Judge(problem, source string) judge.Verdict { return Must(judged(problem, source)) }

func judged(problem, source string) (v judge.Verdict, err error) {
	return v, session.Call(context.Background(), CallJudge, Judging{problem, []byte(source)}, &v, nil)
}

// Train runs PPO in the session and hands over the point of every iteration as it comes.
// Interrupting the cell ends the training and lets the cell go on, so that it can draw
// what it has. The stored run is left as it is.
func Train(t Training, each func(runlog.Point)) {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	err := trained(ctx, t, each)
	if errors.Is(err, context.Canceled) {
		fmt.Println("training was stopped; what came before it counts")
		return
	}
	stopIf(err)
}

func trained(ctx context.Context, t Training, each func(runlog.Point)) error {
	r, err := openRun(t.Run)
	if err != nil {
		return err
	}
	t.Run = r.Dir()
	return session.Call(ctx, CallTrain, t, nil, func(event json.RawMessage) error {
		var p runlog.Point
		if err := json.Unmarshal(event, &p); err != nil {
			return fmt.Errorf("notebook: a point of the training: %w", err)
		}
		each(p)
		return nil
	})
}
