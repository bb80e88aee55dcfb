package prompt

import (
	"errors"
	"fmt"
	"strings"

	"securecoderl/securerl/problem"
	"securecoderl/securerl/tokenizer"
)

// ErrTooLong reports a prompt with more tokens than the model has slots for. It is
// never cut: a prompt without its end is another prompt.
var ErrTooLong = errors.New("prompt: too long")

// ErrTemplate reports an unknown template, or one that needs a token the tokenizer
// does not have.
var ErrTemplate = errors.New("prompt: template")

// Template says how a request becomes a prompt: text before and after it, in which
// special tokens are spelled out. In the request itself none is recognised.
type Template struct {
	Name   string
	Prefix string
	Suffix string
	Tokens []string // the special tokens that Prefix and Suffix hold
	Trim   bool     // white space around the request is left out
	Slots  int      // most tokens allowed; 0 = any number
}

// Tiny is the form of the default job's SFT: <s> request <code>, then the program.
func Tiny(slots int) Template {
	return Template{Name: "tiny", Prefix: "<s>", Suffix: "<code>", Tokens: []string{"<s>", "<code>"}, Slots: slots}
}

// Comment is the form of the default job's base corpus: the request as a comment
// above the program. A base model has seen no other.
func Comment(slots int) Template {
	return Template{Name: "comment", Prefix: "<s># ", Suffix: "\n", Tokens: []string{"<s>"}, Slots: slots}
}

// Instruction is the form of the first paper's SFT rows: a header, a line that asks
// for Python, the prompt, a header for the answer. Its PPO and its evaluation used
// forms without that line, so that the policy was never asked as it was trained; here
// one Template serves all three. See With for a tokenizer that wants a first token.
//
// Source: train_sft_stdin.py of the paper's release, line 75.
func Instruction() Template {
	return Template{Name: "instruction", Prefix: "### Instruction:\nComplete the following Python code:\n\n", Suffix: "\n\n### Response:\n"}
}

// Open is the Instruction form ended by an open Python fence: the completion begins
// with the program, and Template.Extract ends it at the closing fence.
func Open() Template {
	t := Instruction()
	t.Name, t.Suffix = "open", t.Suffix+"```python\n"
	return t
}

// With returns the template behind a first special token, such as <s>.
func (t Template) With(begin string) Template {
	t.Prefix, t.Tokens = begin+t.Prefix, append([]string{begin}, t.Tokens...)
	return t
}

// Named returns a preset by its name, with at most slots tokens (0 = any number).
func Named(name string, slots int) (Template, error) {
	var names []string
	for _, t := range append([]Template{Tiny(slots), Comment(slots), Instruction(), Open()}, Chats()...) {
		if t.Name == name {
			t.Slots = slots
			return t, nil
		}
		names = append(names, t.Name)
	}
	return Template{}, fmt.Errorf("%w %q: want one of %s", ErrTemplate, name, strings.Join(names, ", "))
}

// Prompt is what a policy is asked.
type Prompt struct {
	ProblemID string
	Text      string  // without special tokens
	IDs       []int32 // with them
}

// Render asks for a problem by its statement.
func (t Template) Render(tok *tokenizer.Tokenizer, p problem.Problem) (Prompt, error) {
	return t.RenderRequest(tok, p.ID, p.Statement)
}

// RenderRequest asks for a problem in given words. Errors: ErrTooLong, ErrTemplate.
func (t Template) RenderRequest(tok *tokenizer.Tokenizer, id, request string) (Prompt, error) {
	if t.Trim {
		request = strings.TrimSpace(request)
	}
	before, after := t.Prefix, t.Suffix
	for _, name := range t.Tokens {
		if _, ok := tok.TokenID(name); !ok {
			return Prompt{}, fmt.Errorf("%w %s: the tokenizer has no token %q", ErrTemplate, t.Name, name)
		}
		before, after = strings.ReplaceAll(before, name, ""), strings.ReplaceAll(after, name, "")
	}
	p := Prompt{ProblemID: id, Text: before + request + after, IDs: tok.EncodeAround(t.Prefix, request, t.Suffix).IDs}
	if t.Slots > 0 && len(p.IDs) > t.Slots {
		return Prompt{}, fmt.Errorf("%w: problem %s: %d tokens, at most %d fit", ErrTooLong, id, len(p.IDs), t.Slots)
	}
	return p, nil
}

// Pad makes rows equally long: each is followed by pad up to width, so that the
// position of a token does not depend on its batch.
// Shapes: batch [B] of any lengths, result [B, width].
// It returns ErrTooLong, naming the row, if a row has more than width tokens.
func Pad(batch [][]int32, width int, pad int32) ([][]int32, error) {
	rows := make([][]int32, len(batch))
	for i, row := range batch {
		if len(row) > width {
			return nil, fmt.Errorf("%w: row %d has %d tokens, the width is %d", ErrTooLong, i, len(row), width)
		}
		rows[i] = make([]int32, width)
		for k := copy(rows[i], row); k < width; k++ {
			rows[i][k] = pad
		}
	}
	return rows, nil
}
