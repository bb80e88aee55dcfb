package problem

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// mbppItem is a row of MBPP.
type mbppItem struct {
	Text      string            `json:"text"`
	Code      string            `json:"code"`
	TaskID    json.RawMessage   `json:"task_id"`
	Setup     string            `json:"test_setup_code"`
	Tests     []json.RawMessage `json:"test_list"`
	Challenge []json.RawMessage `json:"challenge_test_list"`
}

var (
	defined = regexp.MustCompile(`(?m)^(?:async[ \t]+)?(def|class)[ \t]+([A-Za-z_]\w*)`)
	calls   = regexp.MustCompile(`([A-Za-z_]\w*)\s*\(`)
)

// ReadMBPP reads MBPP rows, one JSON object a line. The tests of test_list become
// public, those of challenge_test_list hidden, and the code the reference program.
// The statement ends with the public tests, as in the paper: they alone say what the
// function is called. A test that stands twice is read once.
//
// Errors: ErrFormat as file:line: key: what. Rows whose tests make objects of the
// program's own classes are reported together as ErrCallStyle beside the problems of
// all other rows.
//
// Source: Austin et al. 2021 (arXiv:2108.07732).
func ReadMBPP(r io.Reader, name string) (Set, error) { return readRows(r, name, mbppRow) }

func mbppRow(line []byte) (Problem, error) {
	var item mbppItem
	if err := decode(line, &item); err != nil {
		return Problem{}, err
	}
	for _, x := range []struct {
		key     string
		missing bool
	}{{"text", item.Text == ""}, {"code", item.Code == ""}, {"test_list", len(item.Tests) == 0}} {
		if x.missing {
			return Problem{}, wrong(x.key, "must not be empty")
		}
	}
	p := Problem{Family: "mbpp", Setup: item.Setup}
	var err error
	if p.ID, err = id(item.TaskID, "task_id"); err != nil {
		return Problem{}, err
	}
	p.ID = "mbpp/" + p.ID
	if p.Public, err = mbppTests(item.Tests, "test_list"); err != nil {
		return Problem{}, err
	}
	if p.Hidden, err = mbppTests(item.Challenge, "challenge_test_list"); err != nil {
		return Problem{}, err
	}
	p.Statement = item.Text + " Your code should pass these tests:\n\n"
	for _, t := range p.Public {
		p.Statement += t.Assert + "\n"
	}
	p.References = []Reference{{Source: item.Code, License: "CC-BY-4.0", Origin: p.ID}}
	if p.Entry, err = entries(item); err != nil {
		return Problem{}, err
	}
	return p, nil
}

func mbppTests(items []json.RawMessage, key string) (tests []Test, err error) {
	for i, raw := range items {
		var t Test
		if t.Assert, err = text(raw, fmt.Sprintf("%s[%d]", key, i)); err != nil {
			return nil, err
		}
		if strings.TrimSpace(t.Assert) == "" {
			return nil, wrong(fmt.Sprintf("%s[%d]", key, i), "must not be empty")
		}
		if !slices.Contains(tests, t) {
			tests = append(tests, t)
		}
	}
	return tests, nil
}

// entries are the functions of the reference program that the tests call. An object
// of a class of the program cannot be handed to another process.
func entries(item mbppItem) (names []string, err error) {
	called := map[string]bool{}
	for _, raw := range append([]json.RawMessage{quoted(item.Setup)}, append(item.Tests, item.Challenge...)...) {
		t, _ := text(raw, "") // read before
		for _, m := range calls.FindAllStringSubmatch(t, -1) {
			called[m[1]] = true
		}
	}
	for _, m := range defined.FindAllStringSubmatch(item.Code, -1) {
		switch {
		case !called[m[2]] || slices.Contains(names, m[2]):
		case m[1] == "class":
			return nil, &FormatError{Key: "test_list", What: "the tests make objects of the program's class " + m[2] + ", which cannot leave its process", kind: ErrCallStyle}
		default:
			names = append(names, m[2])
		}
	}
	if len(names) == 0 {
		return nil, wrong("test_list", "calls no function that the code defines")
	}
	return names, nil
}

// humanEvalItem is a row of HumanEval.
type humanEvalItem struct {
	TaskID   string `json:"task_id"`
	Prompt   string `json:"prompt"`
	Entry    string `json:"entry_point"`
	Solution string `json:"canonical_solution"`
	Test     string `json:"test"`
}

// ReadHumanEval reads HumanEval rows, one JSON object a line. A program is the
// prompt, which is the statement, and what completes it. The prompt is the setup of
// the tests too: they may use its helper functions. Each assert of check(candidate)
// becomes a public test of its own, with the statements before it that are no
// asserts; a compound statement with asserts inside is one test. What repeats a test
// or does not depend on the candidate (assert True) is left out.
//
// Errors: ErrFormat as file:line: key: what.
//
// Source: Chen et al. 2021 (arXiv:2107.03374).
func ReadHumanEval(r io.Reader, name string) (Set, error) { return readRows(r, name, humanEvalRow) }

var identifier = regexp.MustCompile(`^[A-Za-z_]\w*$`)

func humanEvalRow(line []byte) (Problem, error) {
	var item humanEvalItem
	if err := decode(line, &item); err != nil {
		return Problem{}, err
	}
	for _, x := range []struct{ key, value string }{{"task_id", item.TaskID}, {"prompt", item.Prompt}, {"test", item.Test}} {
		if x.value == "" {
			return Problem{}, wrong(x.key, "must not be empty")
		}
	}
	if !identifier.MatchString(item.Entry) {
		return Problem{}, wrong("entry_point", "%q is no name of a function", item.Entry)
	}
	p := Problem{ID: item.TaskID, Family: "humaneval", Statement: item.Prompt, Setup: item.Prompt, Entry: []string{item.Entry}}
	if end := strings.TrimRight(item.Prompt, " \t\r\n"); !strings.HasSuffix(end, `"""`) && !strings.HasSuffix(end, "'''") {
		p.Setup = end + "\n    pass\n" // a prompt without a docstring ends in the head of its function
	}
	if item.Solution != "" {
		p.References = []Reference{{Source: item.Prompt + item.Solution, License: "MIT", Origin: item.TaskID}}
	}
	if !checkFunction.MatchString(item.Test) {
		return Problem{}, wrong("test", "defines no check(candidate)")
	}
	around, tests := splitCheck(item.Test, item.Entry)
	p.Setup += around
	p.Public = tests
	if len(tests) == 0 {
		return Problem{}, wrong("test", "no assert depends on the candidate: such a row cannot be judged")
	}
	return p, nil
}

var (
	checkFunction = regexp.MustCompile(`(?m)^def[ \t]+check[ \t]*\([ \t]*candidate[ \t]*\)[ \t]*:`)
	definition    = regexp.MustCompile(`^(@|def\b|class\b|async[ \t]+def\b)`)
	candidate     = regexp.MustCompile(`\bcandidate\b`)
)

// splitCheck makes tests of the asserts in check(candidate). around is what stands
// beside that function.
func splitCheck(test, entry string) (around string, tests []Test) {
	whole := []Test{{Assert: test + "\n\ncheck(" + entry + ")\n"}}
	top, ok := statements(test)
	if !ok {
		return "", whole
	}
	var body string
	for _, s := range top {
		if checkFunction.MatchString(s.text) {
			_, body, _ = strings.Cut(s.text, "\n") // the head is one line, by its pattern
		} else {
			around += s.text
		}
	}
	list, ok := statements(body)
	if !ok {
		return "", whole
	}
	before := "candidate = " + entry + "\n"
	depends := false // something before it calls the candidate
	seen := map[string]bool{}
	for _, s := range list {
		function := definition.MatchString(s.text)
		if !function && s.has("return", "yield", "await", "nonlocal", "global") {
			return "", whole
		}
		if function || !s.has("assert") {
			before += s.text
			depends = depends || candidate.MatchString(s.text)
			continue
		}
		if full := before + s.text; !seen[full] && (depends || candidate.MatchString(s.text)) {
			seen[full] = true
			tests = append(tests, Test{Assert: full})
		}
	}
	return around, tests
}
