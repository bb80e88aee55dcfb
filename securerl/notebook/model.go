package notebook

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"securecoderl/securerl/notebook/session"
)

// The calls about a model of a local folder.
const (
	CallModel = "model" // Opening -> events of Loading, then Model
	CallWrite = "write" // Writing -> []Text
	CallScore = "score" // Writing -> Text
)

// Opening names a model.
type Opening struct {
	Folder string // absolute
}

// Loading is how far the weights are copied.
type Loading struct{ Done, Total int64 } // bytes

// Model is a Hugging Face folder that the session holds: weights and compiled graphs stay
// in memory from one cell to the next, until another model or a run is asked about.
type Model struct {
	Folder     string // absolute
	Family     string // llama, qwen2, starcoder2, gpt2
	Parameters int64
	Bytes      int64    // of the weights as they are stored
	Positions  int      // most tokens of prompt and text together
	Chats      []string // forms of chat (package prompt) whose special tokens its tokenizer has
	Backend    string
	Plan       string // the memory it takes, a table
	Warm       bool   // it was in memory already
}

// Request is what a model is asked, and how it draws. Zero fields: one text of at most 128
// tokens at temperature 1.
type Request struct {
	Prompt string
	Chat   string // one of Model.Chats; "" = the prompt as it stands, behind the tokenizer's first token

	Samples     int
	MaxNew      int     // tokens of a text with its end token
	Temperature float64 // 0 = 1
	Greedy      bool    // the most probable token each time
	TopK        int     // 0 = all
	TopP        float64 // 0 = all
	Penalty     float64 // of repetition; 0 or 1 = none
	Seed        uint64  // other seeds give other texts
}

// Writing is a request to the model of a folder; Text is for CallScore.
type Writing struct {
	Folder  string
	Request Request
	Text    []byte // text need not be UTF-8, as strings in JSON must
}

// Token is a token of a text and its natural log-probability: under the law it was drawn
// from, or, scored, under the model at the request's temperature.
type Token struct {
	ID      int32
	Bytes   []byte // none for an end token
	LogProb float64
}

// String is the token's text.
func (t Token) String() string { return string(t.Bytes) }

// Text is what a model wrote, or was scored on. It may hold anything: Code and Table show
// it as text.
type Text struct {
	Bytes  []byte
	Tokens []Token
	Ended  bool // by the model's end token; else it was cut off
}

// String is the text.
func (t Text) String() string { return string(t.Bytes) }

// LogProb is the sum over the tokens.
func (t Text) LogProb() (sum float64) {
	for _, x := range t.Tokens {
		sum += x.LogProb
	}
	return sum
}

// OpenModel loads the model of a Hugging Face folder, which may be relative to the
// checkout, into the session; no training run is needed. What its memory plan says is
// printed, and refused with numbers where it cannot fit. Opening the same folder again
// takes no time.
func OpenModel(folder string) *Model { return Must(openModel(folder)) }

func openModel(folder string) (*Model, error) {
	if !filepath.IsAbs(folder) {
		root, err := session.Root()
		if err != nil {
			return nil, err
		}
		folder = filepath.Join(root, folder)
	}
	var m Model
	said := int64(0) // quarters
	err := session.Call(context.Background(), CallModel, Opening{folder}, &m, func(event json.RawMessage) error {
		var l Loading
		if err := json.Unmarshal(event, &l); err != nil {
			return fmt.Errorf("notebook: progress of loading: %w", err)
		}
		if at := 4 * l.Done / max(1, l.Total); at > said {
			said = at
			fmt.Printf("loading %d %% of %.2f GB\n", 25*at, float64(l.Total)/1e9)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	fmt.Println(oneLine(m.String()))
	return &m, nil
}

// String is one line about the model.
func (m *Model) String() string {
	state := "loaded; memory: " + strings.Join(strings.Fields(strings.ReplaceAll(strings.TrimSpace(m.Plan), "\n", " , ")), " ")
	if m.Warm {
		state = "in memory already"
	}
	return fmt.Sprintf("%s: %s, %d parameters, %.2f GB, on %s; %s", filepath.Base(m.Folder), m.Family, m.Parameters, float64(m.Bytes)/1e9, m.Backend, strings.ReplaceAll(state, " ,", ","))
}

// Write lets the model answer a request. Equal requests give equal texts.
func (m *Model) Write(q Request) []Text { return Must(m.write(q)) }

func (m *Model) write(q Request) (list []Text, err error) {
	return list, session.Call(context.Background(), CallWrite, Writing{Folder: m.Folder, Request: q}, &list, nil)
}

// Score gives the log-probability of each token of a text as an answer to the request's
// prompt, whose Temperature and Chat count.
func (m *Model) Score(q Request, text string) Text { return Must(m.score(q, text)) }

func (m *Model) score(q Request, text string) (t Text, err error) {
	return t, session.Call(context.Background(), CallScore, Writing{Folder: m.Folder, Request: q, Text: []byte(text)}, &t, nil)
}
