package problem

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"path"
)

// appsPublic is how many of an APPS task's tests are public; the rest is hidden.
// Five is the number the first paper keeps.
const appsPublic = 5

// appsItem is a row of APPS in one of its published forms: with input_output and
// solutions as JSON in a string (Hugging Face), or with inputs and outputs (APPS+).
type appsItem struct {
	ID          json.RawMessage `json:"id"`
	ProblemID   json.RawMessage `json:"problem_id"`
	Question    string          `json:"question"`
	Solutions   json.RawMessage `json:"solutions"`
	InputOutput json.RawMessage `json:"input_output"`
	appsTests
	Difficulty  string `json:"difficulty"`
	URL         string `json:"url"`
	StarterCode string `json:"starter_code"`
}

type appsTests struct {
	Inputs  []json.RawMessage `json:"inputs"`
	Outputs []json.RawMessage `json:"outputs"`
	Name    *string           `json:"fn_name"`
}

// ReadAPPS reads APPS rows, one JSON object a line: question, difficulty, id or
// problem_id, solutions, and tests as inputs and outputs or inside input_output.
// The first five tests are public, the rest hidden; the difficulty becomes the family.
//
// Errors: ErrFormat as file:line: key: what. Rows with a function name, or with
// lists where text is expected, are reported together as ErrCallStyle beside the
// problems of all other rows.
func ReadAPPS(r io.Reader, name string) (Set, error) {
	return readRows(r, name, func(line []byte) (Problem, error) {
		var item appsItem
		if err := decode(line, &item); err != nil {
			return Problem{}, err
		}
		return item.problem()
	})
}

// ReadAPPSFolder reads APPS as published: one folder per problem with question.txt,
// input_output.json, and where present metadata.json and solutions.json. Folders
// come in order of name; other files of a folder are not read. Errors as ReadAPPS.
func ReadAPPSFolder(fsys fs.FS, name string) (Set, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return Set{}, place(err, name, 1)
	}
	set := Set{Name: name}
	var calls []error
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		p, err := appsFolder(fsys, e.Name())
		switch {
		case errors.Is(err, ErrCallStyle):
			calls = append(calls, place(err, path.Join(name, e.Name(), "input_output.json"), 1))
		case err != nil:
			return Set{}, place(err, path.Join(name, e.Name()), 1)
		default:
			set.Problems = append(set.Problems, p)
		}
	}
	return set, errors.Join(calls...)
}

func appsFolder(fsys fs.FS, folder string) (Problem, error) {
	question, err := fs.ReadFile(fsys, path.Join(folder, "question.txt"))
	if err != nil {
		return Problem{}, wrong("question.txt", "%v", err)
	}
	item := appsItem{ID: quoted(folder), Question: string(question)}
	if item.InputOutput, err = fs.ReadFile(fsys, path.Join(folder, "input_output.json")); err != nil {
		return Problem{}, wrong("input_output.json", "%v", err)
	}
	switch b, err := fs.ReadFile(fsys, path.Join(folder, "metadata.json")); {
	case err == nil:
		var meta struct {
			Difficulty string `json:"difficulty"`
			URL        string `json:"url"`
		}
		if err := decode(b, &meta); err != nil {
			return Problem{}, err
		}
		item.Difficulty = meta.Difficulty
	case !errors.Is(err, fs.ErrNotExist):
		return Problem{}, wrong("metadata.json", "%v", err)
	}
	switch b, err := fs.ReadFile(fsys, path.Join(folder, "solutions.json")); {
	case err == nil:
		item.Solutions = b
	case !errors.Is(err, fs.ErrNotExist):
		return Problem{}, wrong("solutions.json", "%v", err)
	}
	return item.problem()
}

func (item appsItem) problem() (Problem, error) {
	p := Problem{Statement: item.Question, Family: item.Difficulty}
	if p.Statement == "" {
		return Problem{}, wrong("question", "must not be empty")
	}
	key, raw := "id", item.ID
	if raw == nil {
		key, raw = "problem_id", item.ProblemID
	}
	var err error
	if p.ID, err = id(raw, key); err != nil {
		return Problem{}, err
	}
	tests, prefix := item.appsTests, ""
	if item.InputOutput != nil {
		if item.Inputs != nil || item.Outputs != nil {
			return Problem{}, wrong("input_output", "stands beside inputs or outputs; only one can hold the tests")
		}
		prefix = "input_output."
		if err := nested(item.InputOutput, "input_output", &tests); err != nil {
			return Problem{}, err
		}
	}
	if tests.Name != nil && *tests.Name != "" {
		return Problem{}, callStyle(prefix+"fn_name", *tests.Name)
	}
	all, err := pairs(tests.Inputs, tests.Outputs, prefix)
	if err != nil {
		return Problem{}, err
	}
	if len(all) == 0 {
		return Problem{}, wrong(prefix+"inputs", "no tests: such a row cannot be judged")
	}
	n := min(appsPublic, len(all))
	p.Public, p.Hidden = all[:n:n], all[n:]
	if len(p.Hidden) == 0 {
		p.Hidden = nil
	}
	p.Compare, p.Epsilon = comparator(p.ID, p.Statement)
	var solutions []string
	if item.Solutions != nil {
		if err := nested(item.Solutions, "solutions", &solutions); err != nil {
			return Problem{}, err
		}
	}
	for _, s := range solutions {
		p.References = append(p.References, Reference{Source: s, Origin: "APPS " + p.ID})
	}
	return p, nil
}

// nested reads a JSON value, or JSON inside a JSON string; an empty string is none.
func nested(raw json.RawMessage, key string, v any) error {
	var inner string
	if json.Unmarshal(raw, &inner) == nil {
		if inner == "" {
			return nil
		}
		raw = json.RawMessage(inner)
	}
	err := decode(raw, v)
	var e *FormatError
	if errors.As(err, &e) {
		e.Key = key + map[bool]string{true: "." + e.Key}[e.Key != ""]
	}
	return err
}
