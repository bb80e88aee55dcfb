package prompt

import (
	"errors"
	"fmt"

	"securecoderl/securerl/problem"
	"securecoderl/securerl/tokenizer"
)

// ErrTooLong reports a prompt with more tokens than the model has slots for. It is
// never cut: a prompt without its end is another prompt.
var ErrTooLong = errors.New("prompt: too long")

// ErrTemplate reports a template that needs a token the tokenizer does not have.
var ErrTemplate = errors.New("prompt: template")

// Template says how a request becomes a prompt: special tokens around text.
type Template struct {
	Name   string
	Begin  []string // special tokens before the text
	Prefix string
	Suffix string
	End    []string // special tokens after it
	Slots  int      // most tokens allowed; 0 = any number
}

// Tiny is the form of the default job's SFT: <s> request <code>, then the program.
func Tiny(slots int) Template {
	return Template{Name: "tiny", Begin: []string{"<s>"}, End: []string{"<code>"}, Slots: slots}
}

// Comment is the form of the default job's base corpus: the request as a comment
// above the program. A base model has seen no other.
func Comment(slots int) Template {
	return Template{Name: "comment", Begin: []string{"<s>"}, Prefix: "# ", Suffix: "\n", Slots: slots}
}

// Instruction is the first paper's SFT form (section A3 of its release: one
// instruction header, the prompt, one response header).
func Instruction() Template {
	return Template{Name: "instruction", Prefix: "### Instruction:\nComplete the following Python code:\n\n", Suffix: "\n\n### Response:\n"}
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
	p := Prompt{ProblemID: id, Text: t.Prefix + request + t.Suffix}
	special := func(names []string) error {
		for _, name := range names {
			i, ok := tok.TokenID(name)
			if !ok {
				return fmt.Errorf("%w %s: the tokenizer has no token %q", ErrTemplate, t.Name, name)
			}
			p.IDs = append(p.IDs, i)
		}
		return nil
	}
	if err := special(t.Begin); err != nil {
		return Prompt{}, err
	}
	p.IDs = append(p.IDs, tok.EncodeOrdinary(p.Text).IDs...)
	if err := special(t.End); err != nil {
		return Prompt{}, err
	}
	if t.Slots > 0 && len(p.IDs) > t.Slots {
		return Prompt{}, fmt.Errorf("%w: problem %s: %d tokens, at most %d fit", ErrTooLong, id, len(p.IDs), t.Slots)
	}
	return p, nil
}
