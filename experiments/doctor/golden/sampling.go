package golden

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"securecoderl/securerl/engine"
	"securecoderl/securerl/law"
)

// samplingFile is sampling/sampling.json.
type samplingFile struct {
	Context []int `json:"context_ids"`
	Prompt  *int  `json:"prompt_len_default"`
	Logits  map[string][]number
	Cases   []samplingCase
}

type samplingCase struct {
	Logits   string
	Settings map[string]any
	Kept     int
	Tie      bool `json:"border_tie"`
	Sum      bool `json:"border_sum"`
	Probs    []float64
}

// samplingSettings are what generate is told.
type samplingSettings struct {
	Temperature *float64
	TopK        int     `json:"top_k"`
	TopP        float64 `json:"top_p"`
	MinP        float64 `json:"min_p"`
	Penalty     float64 `json:"repetition_penalty"`
	MinNew      int     `json:"min_new_tokens"`
	Ends        []int32 `json:"eos"`
	Sample      *bool   `json:"do_sample"`
	Prompt      *int    `json:"prompt_len"`
}

var samplingKnown = []string{"temperature", "top_k", "top_p", "min_p", "repetition_penalty", "min_new_tokens", "eos", "do_sample", "prompt_len"}

func (s samplingSettings) law() law.Law {
	l := law.Law{Temperature: 1, TopK: s.TopK, TopP: s.TopP, MinP: s.MinP, RepetitionPenalty: s.Penalty, MinNew: s.MinNew}
	if s.Temperature != nil {
		l.Temperature = *s.Temperature
	}
	l.Greedy = s.Sample != nil && !*s.Sample
	return l
}

// sampling compares the probabilities that processors leave.
func (p *part) sampling() {
	path := p.path()
	var g samplingFile
	p.json(path, &g)
	need(len(g.Cases) > 0 && len(g.Logits) > 0 && g.Prompt != nil, path, "cases", "or logits or prompt_len_default are missing")
	compiled := map[string]*engine.Func{} // one graph per law and length: rows differ in their logits alone
	for i, c := range g.Cases {
		field := fmt.Sprintf("cases[%d]", i)
		row, ok := g.Logits[c.Logits]
		need(ok && len(c.Probs) == len(row), path, field, "names logits %q, which are missing or not of the length of probs (%d)", c.Logits, len(c.Probs))
		unknown := ""
		for name := range c.Settings {
			if !slices.Contains(samplingKnown, name) {
				unknown = name
			}
		}
		if unknown != "" {
			p.uncomputed("probabilities under " + unknown)
			continue
		}
		text, err := json.Marshal(c.Settings)
		must(err)
		var s samplingSettings
		err = json.Unmarshal(text, &s)
		need(err == nil, path, field+".settings", "%s: %v", text, err)
		must(s.law().Validate())
		p.lawful(c, fmt.Sprintf("case %d: %s %s", i, c.Logits, text), p.leave(compiled, string(text), s, g, row))
	}
}

// leave computes the probabilities of a row.
func (p *part) leave(compiled map[string]*engine.Func, text string, s samplingSettings, g samplingFile, row []number) []float32 {
	v := len(row)
	logits, seen := make([]float32, v), make([]float32, v)
	for k, x := range row {
		logits[k] = float32(x)
	}
	for _, k := range g.Context {
		need(k >= 0 && k < v, p.path(), "context_ids", "holds %d for %d tokens", k, v)
		seen[k]++
	}
	prompt := *g.Prompt
	if s.Prompt != nil {
		prompt = *s.Prompt
	}
	f := compiled[text]
	if f == nil {
		l := s.law()
		f = p.e.NewFunc("law", func(in []*Node) []*Node {
			return []*Node{Softmax(l.Apply(in[0], nil, law.Text{Seen: in[1], Early: in[2], Ends: s.Ends}), -1)}
		})
		compiled[text] = f
	}
	out := p.call(f, tensors.FromFlatDataAndDimensions(logits, 1, v), tensors.FromFlatDataAndDimensions(seen, 1, v), tensors.FromValue([]bool{len(g.Context)-prompt < s.MinNew}))
	return tensors.MustCopyFlatData[float32](out[0])
}

// lawful compares one row of probabilities.
func (p *part) lawful(c samplingCase, where string, got []float32) {
	kept := 0
	for _, x := range got {
		if x > 0 {
			kept++
		}
	}
	if c.Sum { // rounding alone decides about one token
		p.equal("tokens kept where a sum meets the border", math.Abs(float64(kept-c.Kept)) <= 1, "%s: %d, not %d", where, kept, c.Kept)
		return
	}
	want := slices.Clone(c.Probs)
	if c.Tie { // which of equal tokens stay is a matter of the sort
		slices.Sort(want)
		slices.Sort(got)
	}
	for k := range want {
		p.near("probabilities", lawTolerance, want[k], float64(got[k]), "%s, token %d", where, k)
	}
}
