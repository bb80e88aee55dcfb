package figure

import (
	"errors"
	"fmt"
	"html/template"
	"math"
	"strings"
	"unicode/utf8"

	"securecoderl/securerl/chart"
	"securecoderl/securerl/record"
	"securecoderl/securerl/scan"
	"securecoderl/securerl/tokenizer"
)

// ErrSpans reports spans that do not describe the completion's tokens.
var ErrSpans = errors.New("figure: spans do not fit the row")

// Layer is one thing that is known of every token.
type Layer int

// The layers of a credit map. A map begins with the first that the row has.
const (
	Advantage  Layer = iota // in parts of the largest in the program, without sign
	Reward                  // likewise
	Divergence              // log-probability less that under the reference, nats; likewise
	Findings                // what the scanner marked: LOW, MEDIUM or HIGH
	layers                  // how many there are
)

// String is the layer's name in files and on buttons.
func (l Layer) String() string { return []string{"advantage", "reward", "KL", "findings"}[l] }

// Credit is a program with what is known of each of its tokens: drawings, and the
// same as text that can be selected.
type Credit struct {
	SVG     []byte        // the first layer, for the page
	HTML    template.HTML // all layers behind radio buttons, without script; every text in it escaped, numbers in tooltips
	Caption string
	Columns []string
	Rows    [][]string

	title  string
	tokens []token
	has    [layers]bool
	most   [layers]float64 // the largest value, without sign
}

// token is a piece of text with its value in every layer.
type token struct {
	text    string
	values  [layers]float64
	finding string // rules and severities
	end     bool   // the end token, which has no text
}

// CreditMap draws what is known of every token of a completion. spans are the byte
// ranges of row.IDs in row.Completion (tokenizer.Spans); those of the end token are
// empty. Rows without rewards, advantages and findings are drawn plain. Errors wrap
// ErrSpans.
//
// A tint and a bar under a token show its value in the layer; on the layer of
// advantages a triangle shows reward of at least a twentieth of the largest.
func CreditMap(title string, row record.Row, spans []tokenizer.Span) (Credit, error) {
	tokens, err := split(row, spans)
	if err != nil {
		return Credit{}, fmt.Errorf("%w: %s", err, row.Problem)
	}
	c := Credit{Columns: []string{"token", "text", "reward", "advantage", "kl", "finding"}, title: chart.Short(title, 70), tokens: tokens}
	c.has = [layers]bool{len(row.Advantages) > 0, len(row.Rewards) > 0, kl(row), len(row.Verdict.Findings) > 0}
	for i, t := range tokens {
		cells := []string{fmt.Sprint(i), t.text, number(t.values[Reward]), number(t.values[Advantage]), "", t.finding}
		if c.has[Divergence] {
			cells[4] = number(t.values[Divergence])
		}
		c.Rows = append(c.Rows, cells)
		for l, x := range t.values {
			c.most[l] = math.Max(c.most[l], math.Abs(x))
		}
	}
	c.most[Findings] = 1
	c.Caption = fmt.Sprintf("One program: %s, problem %s, seed %d, iteration %d. ", chart.Short(row.Variant, 24), chart.Short(row.Problem, 60), row.Seed, row.Step)
	for l, has := range c.has {
		if has {
			c.Caption += capital(c.Note(Layer(l))) + ". "
		}
	}
	c.Caption += "Single values, no interval."
	c.SVG = c.Draw(c.first(), chart.Page)
	c.HTML = c.page()
	return c, nil
}

// kl tells whether a row knows the reference's probabilities.
func kl(row record.Row) bool {
	return len(row.RefLogProbs) > 0 && len(row.RefLogProbs) == len(row.LogProbs)
}

// Has tells whether there is anything to show on a layer.
func (c Credit) Has(l Layer) bool { return c.has[l] }

func (c Credit) first() Layer {
	for l := range layers {
		if c.has[l] {
			return l
		}
	}
	return Advantage
}

// Note says in words what a layer of this program holds.
func (c Credit) Note(l Layer) string {
	n := len(c.tokens)
	if c.has == [layers]bool{} {
		return fmt.Sprintf("%d tokens, not trained on", n)
	}
	low, high, sum, marked := 0.0, 0.0, 0.0, 0
	for i, t := range c.tokens {
		x := t.values[l]
		if i == 0 {
			low, high = x, x
		}
		low, high, sum = math.Min(low, x), math.Max(high, x), sum+x
		if x != 0 {
			marked++
		}
	}
	switch l {
	case Reward:
		return fmt.Sprintf("%d tokens, rewards from %s to %s, %.2f in all", n, signed(low), signed(high), sum)
	case Divergence:
		return fmt.Sprintf("%d tokens, log-probability less the reference's from %s to %s nats, %s in all", n, signed(low), signed(high), signed(sum))
	case Findings:
		return fmt.Sprintf("%d tokens, %d of them inside what the scanner marked", n, marked)
	}
	reward := 0.0
	for _, t := range c.tokens {
		reward += t.values[Reward]
	}
	return fmt.Sprintf("%d tokens, reward %.2f in all, advantages from %s to %s", n, reward, signed(low), signed(high))
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// credit is a token's value in parts of the layer's largest.
func (c Credit) credit(t token, l Layer) float64 {
	if c.most[l] == 0 {
		return 0
	}
	return t.values[l] / c.most[l]
}

// split cuts the completion into tokens. A letter whose bytes lie in several tokens
// belongs to the one that holds its first.
func split(row record.Row, spans []tokenizer.Span) ([]token, error) {
	n := len(spans)
	for _, list := range []int{len(row.IDs), len(row.Rewards), len(row.Advantages)} {
		if list != 0 && list != n || kl(row) && len(row.LogProbs) != n {
			return nil, fmt.Errorf("%w: %d spans, %d ids, %d rewards, %d advantages, %d log-probabilities", ErrSpans, n, len(row.IDs), len(row.Rewards), len(row.Advantages), len(row.LogProbs))
		}
	}
	text := row.Completion
	// next is the first start of a letter at or after i.
	next := func(i int) int {
		for i > 0 && i < len(text) && !utf8.RuneStart(text[i]) {
			i++
		}
		return i
	}
	var tokens []token
	at := 0
	for i, s := range spans {
		if s.Start < at || s.End < s.Start || s.End > len(text) {
			return nil, fmt.Errorf("%w: token %d at bytes %d to %d of %d", ErrSpans, i, s.Start, s.End, len(text))
		}
		at = s.End
		t := token{text: text[next(s.Start):max(next(s.Start), next(s.End))], end: s.Start == s.End}
		if len(row.Rewards) > 0 {
			t.values[Reward] = row.Rewards[i]
		}
		if len(row.Advantages) > 0 {
			t.values[Advantage] = row.Advantages[i]
		}
		if kl(row) {
			t.values[Divergence] = row.LogProbs[i] - row.RefLogProbs[i]
		}
		for _, f := range row.Verdict.Findings {
			if s.Start < row.Program.Start+f.End && row.Program.Start+f.Start < s.End {
				t.values[Findings] = math.Min(t.values[Findings], weight(f.Severity))
				t.finding = strings.TrimSpace(t.finding + " " + f.Rule + " " + string(f.Severity))
			}
		}
		tokens = append(tokens, t)
	}
	return tokens, nil
}

// weight is how dark a finding is drawn: as a penalty.
func weight(s scan.Severity) float64 {
	switch s {
	case scan.High:
		return -1
	case scan.Medium:
		return -0.65
	}
	return -0.3
}
