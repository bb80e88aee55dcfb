package call_test

import (
	"context"
	"fmt"
	"time"

	"securecoderl/securerl/call"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/sandbox"
)

func ExampleEvaluator() {
	ctx := context.Background()
	sb, err := sandbox.New(ctx, sandbox.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sb.Close()
	tests, err := call.New(ctx, sb)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer tests.Close()
	task := problem.Problem{ID: "shift", Entry: []string{"encode", "decode"}}
	test := problem.Test{Assert: "for word in ('abc', ''):\n    assert decode(encode(word)) == word"}
	for _, source := range []string{
		"def encode(s): return s[::-1]\ndef decode(s): return s[::-1]",
		"def encode(s): return s.upper()\ndef decode(s): return s",
		"def encode(s): return s[0]",
		"import os\nos._exit(0)",
	} {
		end, err := tests.Evaluate(ctx, &task, test, source, 5*time.Second,
			func(ctx context.Context, program, stdin []byte, wall time.Duration) (sandbox.Result, error) {
				return sb.Run(ctx, sandbox.Python(program), stdin, sandbox.Limits{Wall: wall})
			})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(end.Kind, end.Exception, end.Calls)
	}
	// Output:
	// passed  4
	// failed  2
	// raised NameError 2
	// silent  1
}
