package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"securecoderl/experiments/configs"
	"securecoderl/experiments/train"
	"securecoderl/securerl/decoder"
	"securecoderl/securerl/decoder/checkpoint"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/notebook"
	"securecoderl/securerl/policy"
	"securecoderl/securerl/prompt"
	"securecoderl/securerl/rng"
)

// held is what is known of a loaded model of a folder.
type held struct {
	files  string // names, sizes and times: a folder that has changed is loaded anew
	info   notebook.Model
	base   *policy.Policy
	graphs map[slots]*policy.Samplers
}

// slots are what a sampler is compiled for: powers of two, so that they are few.
type slots struct{ prompt, text int }

// Sizes of a request that says nothing, and of what runs together.
const (
	mostNew  = 128
	mostRows = 32
)

// openModel returns the loaded model of a folder, loading it if something else is loaded
// or if its files have changed since.
func (l *lab) openModel(ctx context.Context, folder string, progress func(done, total int64)) (*loaded, error) {
	files, err := fingerprint(folder)
	if err != nil {
		return nil, err
	}
	if o := l.loaded; o != nil && o.model != nil && o.dir == folder && o.model.files == files {
		o.model.info.Warm = true
		return o, nil
	}
	if err := l.unload(); err != nil {
		return nil, err
	}
	s, err := modelSettings(folder)
	if err != nil {
		return nil, err
	}
	t, err := train.OpenJudge(ctx, s, nil, train.Quiet())
	if err != nil {
		return nil, err
	}
	o := &loaded{Lab: t, dir: folder, policies: map[string]*policy.Policy{}, model: &held{files: files, graphs: map[slots]*policy.Samplers{}}}
	if err := o.hold(progress); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	l.loaded = o
	return o, nil
}

// fingerprint lists the files that make a model.
func fingerprint(folder string) (list string, err error) {
	if _, err := os.Stat(filepath.Join(folder, "config.json")); err != nil {
		return "", fmt.Errorf("%w: %s holds no model (no config.json)", errAsk, folder)
	}
	for _, pattern := range []string{"*.json", "*.safetensors"} {
		paths, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			return "", fmt.Errorf("%w: %s: %w", errAsk, folder, err)
		}
		for _, path := range paths {
			info, err := os.Stat(path)
			if err != nil {
				return "", fmt.Errorf("%w: %w", errAsk, err)
			}
			list += fmt.Sprintf("%s %d %d\n", info.Name(), info.Size(), info.ModTime().UnixNano())
		}
	}
	return list, nil
}

// modelSettings are those of the preset tiny-hf over a folder, with slots that any model
// has. No adapter is made; its targets are just valid.
func modelSettings(folder string) (train.Settings, error) {
	s := train.Default()
	c, err := checkpoint.ReadConfig(filepath.Join(folder, "config.json"))
	if err != nil {
		return s, err
	}
	text, err := configs.Read("tiny-hf")
	if err != nil {
		return s, err
	}
	if err := s.Decode("tiny-hf.toml", text); err != nil {
		return s, err
	}
	s.LoRA.Targets = c.Modules()
	return s, s.Decode("the folder", []byte("[model]\nfolder = "+strconv.Quote(folder)+"\nprompt_slots = 100\nprogram_slots = 28\n"))
}

// hold loads the weights, if there is memory for them.
func (o *loaded) hold(progress func(done, total int64)) error {
	e, err := engine.Open("auto")
	if err != nil {
		return err
	}
	o.Engine = e
	config, parameters, stored := o.Model()
	plan := checkpoint.NewPlan(config, checkpoint.Work{Bits: bits(parameters, stored), SampleRows: 1, SampleSlots: min(config.MaxPositionEmbeddings, 2*mostNew)})
	if free, err := e.FreeMemory(); err == nil {
		if err := plan.Fit(free); err != nil {
			return err
		}
	}
	o.Loading = progress
	if o.model.base, err = o.Stored("base", "", 0); err != nil {
		return err
	}
	o.model.info = notebook.Model{Folder: o.dir, Family: config.Family, Parameters: parameters, Bytes: stored, Positions: config.MaxPositionEmbeddings, Backend: e.Info().Backend, Plan: plan.String()}
	for _, t := range prompt.Chats() {
		if _, err := t.RenderRequest(o.model.base.Tokenizer, "", ""); err == nil {
			o.model.info.Chats = append(o.model.info.Chats, t.Name)
		}
	}
	return nil
}

// bits of a stored weight.
func bits(parameters, stored int64) int {
	if parameters > 0 && stored < 3*parameters {
		return 16
	}
	return 32
}

// describe answers CallModel.
func (l *lab) describe(ctx context.Context, q notebook.Opening, emit func(any) error) (any, error) {
	o, err := l.openModel(ctx, q.Folder, func(done, total int64) { _ = emit(notebook.Loading{Done: done, Total: total}) }) // a caller that has gone is told nothing
	if err != nil {
		return nil, err
	}
	return o.model.info, nil
}

// asked are the tokens of a request's prompt.
func (h *held) asked(q notebook.Request) (prompt.Prompt, error) {
	tok := h.base.Tokenizer
	if q.Chat == "" {
		p := prompt.Prompt{Text: q.Prompt, IDs: tok.Wrap(tok.Encode(q.Prompt)).IDs}
		if len(p.IDs) == 0 {
			return p, fmt.Errorf("%w: the prompt has no tokens, and this model no first one; give it a Prompt", errAsk)
		}
		return p, nil
	}
	t, err := prompt.Named(q.Chat, 0)
	if err != nil {
		return prompt.Prompt{}, err
	}
	return t.RenderRequest(tok, "the request", q.Prompt)
}

// write answers CallWrite.
func (l *lab) write(ctx context.Context, q notebook.Writing, _ func(any) error) (any, error) {
	o, err := l.openModel(ctx, q.Folder, nil)
	if err != nil {
		return nil, err
	}
	r := q.Request
	if r.Samples < 0 || r.MaxNew < 0 {
		return nil, fmt.Errorf("%w: Samples and MaxNew are not negative, got %d and %d", errAsk, r.Samples, r.MaxNew)
	}
	samples, most := cmp.Or(r.Samples, 1), cmp.Or(r.MaxNew, mostNew)
	law := decoder.Law{Temperature: cmp.Or(r.Temperature, 1), Greedy: r.Greedy, TopK: r.TopK, TopP: r.TopP, RepetitionPenalty: r.Penalty}
	if err := law.Validate(); err != nil {
		return nil, err
	}
	ask, err := o.model.asked(r)
	if err != nil {
		return nil, err
	}
	at, err := o.model.slots(len(ask.IDs), most)
	if err != nil {
		return nil, err
	}
	p := o.model.base.With(nil)
	p.PromptSlots, p.MaxNew, p.BatchSize, p.Samplers = at.prompt, at.text, min(samples, mostRows), o.model.compiled(at)
	if err := o.spare(p.BatchSize, at); err != nil {
		return nil, err
	}
	o.Engine.Until(ctx)
	defer o.Engine.Until(context.Background())
	key := rng.New(r.Seed).Name("notebook")
	ts, err := policy.Collect(p.Rollout(ctx, []prompt.Prompt{ask}, samples, law, func(_, k int) rng.Key { return key.Fold(uint32(k)) }))
	if err != nil {
		return nil, err
	}
	list := make([]notebook.Text, len(ts))
	for i, t := range ts {
		n := min(len(t.IDs), most)
		logp := make([]float64, n)
		for k := range logp {
			logp[k] = float64(t.LogProbs[k])
		}
		list[i] = o.model.text(t.IDs[:n], logp)
	}
	return list, nil
}

// slots rounds up to powers of two, within the model's positions.
func (h *held) slots(ask, most int) (slots, error) {
	limit := h.info.Positions
	if ask+most > limit {
		return slots{}, fmt.Errorf("%w: a prompt of %d tokens and %d new ones are more than the %d positions of this model; lower MaxNew or shorten the Prompt", errAsk, ask, most, limit)
	}
	power := func(n, least int) int {
		for least < n {
			least *= 2
		}
		return least
	}
	at := slots{prompt: min(power(ask, 32), limit-most)}
	at.text = min(power(most, 16), limit-at.prompt)
	return at, nil
}

// compiled are the graphs of some slots.
func (h *held) compiled(at slots) *policy.Samplers {
	if h.graphs[at] == nil {
		h.graphs[at] = policy.NewSamplers()
	}
	return h.graphs[at]
}

// spare refuses a batch whose cache is more than what is free beside the weights.
func (o *loaded) spare(rows int, at slots) error {
	config, parameters, stored := o.Model()
	plan := checkpoint.NewPlan(config, checkpoint.Work{Bits: bits(parameters, stored), SampleRows: rows, SampleSlots: at.prompt + at.text})
	plan.Weights = 0 // they are there
	free, err := o.Engine.FreeMemory()
	if err != nil {
		return nil // nothing is known against it
	}
	return plan.Fit(free)
}

// text is a text with its tokens.
func (h *held) text(ids []int32, logp []float64) notebook.Text {
	tok := h.base.Tokenizer
	t := notebook.Text{Bytes: []byte(tok.Decode(ids)), Tokens: make([]notebook.Token, len(ids))}
	for i, s := range tok.Spans(ids) {
		t.Tokens[i] = notebook.Token{ID: ids[i], Bytes: t.Bytes[s.Start:s.End], LogProb: logp[i]}
	}
	t.Ended = len(ids) > 0 && slices.Contains(h.base.Config.EOS, ids[len(ids)-1])
	return t
}

// score answers CallScore.
func (l *lab) score(ctx context.Context, q notebook.Writing, _ func(any) error) (any, error) {
	o, err := l.openModel(ctx, q.Folder, nil)
	if err != nil {
		return nil, err
	}
	ask, err := o.model.asked(q.Request)
	if err != nil {
		return nil, err
	}
	ids := o.model.base.Tokenizer.EncodeContinuation(string(q.Text)).IDs
	if len(ids) == 0 {
		return nil, fmt.Errorf("%w: there is no text to score", errAsk)
	}
	if _, err := o.model.slots(len(ask.IDs), len(ids)); err != nil {
		return nil, err
	}
	p := o.model.base.With(nil)
	p.PromptSlots, p.MaxNew, p.BatchSize = len(ask.IDs), len(ids), 1
	o.Engine.Until(ctx)
	defer o.Engine.Until(context.Background())
	logp, err := p.LogProbs(ctx, nil, []policy.Trajectory{{Problem: "the text", Prompt: ask, IDs: ids}}, cmp.Or(q.Request.Temperature, 1))
	if err != nil {
		return nil, err
	}
	return o.model.text(ids, logp[0]), nil
}
