package problem_test

import (
	"fmt"
	"strings"

	"securecoderl/securerl/problem"
)

func ExampleReadStdin() {
	lines := `{"id": "p1", "statement": "Print twice the number. An error of 1e-6 is allowed.", "tests": [{"input": "1\n", "output": "2\n"}, {"input": "2.5\n", "output": "5\n"}]}`
	set, err := problem.ReadStdin(strings.NewReader(lines), "mine.jsonl")
	if err != nil {
		fmt.Println(err)
		return
	}
	p := set.Problems[0]
	fmt.Println(p.ID, len(p.Public), "tests, compared as", p.Compare, p.Epsilon)
	_, err = problem.ReadStdin(strings.NewReader(`{"id": "p2", "tests": []}`), "mine.jsonl")
	fmt.Println(err)
}
