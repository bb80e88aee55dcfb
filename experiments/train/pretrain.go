package train

import (
	"context"
	"fmt"
	"iter"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/optim"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/problem/families"
	"securecoderl/securerl/rng"
	"securecoderl/securerl/runlog"
	"securecoderl/securerl/sft"
	"securecoderl/securerl/tokenizer"
)

// The special tokens, in the order of their ids.
var specials = []string{"<pad>", "<s>", "<code>", "</s>"}

// startID is the token that a row of the base corpus begins with.
const startID = 1

// trainTokenizer trains the byte-level BPE on rows of the base corpus.
func (l *Lab) trainTokenizer() error {
	corpus := l.corpus(families.BaseNoise(), 0.5)
	stream := rng.New(l.Settings.Base.Seed).Name("tokenizer").Stream()
	var texts iter.Seq[string] = func(yield func(string) bool) {
		for range l.Settings.Base.TokenizerDocuments {
			row := corpus.Draw(stream)
			if !yield(row.Request + "\n" + row.Program) {
				return
			}
		}
	}
	var err error
	l.tokenizer, err = tokenizer.Train(texts, l.Settings.Model.Vocabulary, specials)
	return err
}

// corpus draws noisy programs for the training problems.
func (l *Lab) corpus(noise families.Noise, insecure float64) *families.Corpus {
	return families.NewCorpus(l.Problems.Split(problem.Train), noise, families.Mix{Insecure: insecure, Low: 0.5, Evade: 0.05})
}

// packer fills rows of fixed length with programs, end to end: the loss of
// pretraining is on every token.
type packer struct {
	lab    *Lab
	corpus *families.Corpus
	stream *rng.Stream
	buffer []int32
}

func (p *packer) batch(rows, length int) [][]int32 {
	for len(p.buffer) < rows*length {
		row := p.corpus.Draw(p.stream)
		p.buffer = append(p.buffer, startID)
		if p.stream.Float64() < p.lab.Settings.Base.Described {
			p.buffer = append(p.buffer, p.lab.tokenizer.EncodeOrdinary("# "+row.Request+"\n").IDs...)
		}
		p.buffer = append(append(p.buffer, p.lab.tokenizer.EncodeOrdinary(row.Program).IDs...), p.lab.end())
	}
	batch := make([][]int32, rows)
	for i := range batch {
		batch[i] = p.buffer[i*length : (i+1)*length : (i+1)*length]
	}
	p.buffer = append([]int32(nil), p.buffer[rows*length:]...)
	return batch
}

// Pretrain makes the base model: the tokenizer, then all weights on the generated
// corpus. It leaves checkpoints/base, a Hugging Face folder.
func (l *Lab) Pretrain(ctx context.Context) error {
	b := l.Settings.Base
	if err := l.trainTokenizer(); err != nil {
		return err
	}
	if got := l.tokenizer.VocabSize(); got != l.Settings.Model.Vocabulary {
		return fmt.Errorf("the corpus gives a vocabulary of %d tokens, model.vocabulary asks for %d", got, l.Settings.Model.Vocabulary)
	}
	config := l.config
	weights := decoder.Init(config, rng.New(b.Seed).Name("base"))
	moments := optim.NewState(weights)
	saved := map[string]**engine.Tree{"weights": &weights, "m": &moments.M, "v": &moments.V}
	if err := l.restore(saved); err != nil {
		return err
	}
	moments.Step = l.state.Step
	length := config.MaxPositionEmbeddings
	trainer := sft.New(l.Engine, config, nil, sft.Config{
		AdamW: optim.AdamW{LearningRate: b.LearningRate, Beta1: 0.9, Beta2: b.Beta2, Epsilon: 1e-8, WeightDecay: b.WeightDecay, ClipNorm: b.ClipNorm},
		Steps: b.Steps, MicrobatchSize: b.BatchSize, Warmup: b.Warmup, Length: length,
	})
	pack := &packer{lab: l, corpus: l.corpus(families.BaseNoise(), 0.5), stream: rng.New(b.Seed).Name("base corpus").Stream()}
	for range l.state.Step {
		pack.batch(b.BatchSize, length) // the corpus is drawn in order: a resumed run skips what was seen
	}
	bar := l.Console.Bar("base", b.Steps, l.state.Step)
	note := ""
	for step := l.state.Step; step < b.Steps; step++ {
		next, stats, err := trainer.PackedStep(weights, moments, pack.batch(b.BatchSize, length), step)
		if err != nil {
			return fmt.Errorf("step %d: %w", step, err)
		}
		weights = next
		point := runlog.Point{Phase: "base", Seed: b.Seed, Step: step, Values: map[string]float64{"loss": stats.Loss, "grad_norm": stats.Norm, "rate": stats.Rate}}
		if err := l.metric(point); err != nil {
			return err
		}
		note = fmt.Sprintf("loss %.3f", stats.Loss)
		bar.Step(note)
		if err := l.checkpoint(ctx, step+1, b.CheckpointEvery, step+1 == b.Steps, saved); err != nil {
			return err
		}
	}
	bar.Done(note)
	l.base = weights
	return l.saveBase()
}
