package law_test

import (
	"fmt"

	"securecoderl/securerl/law"
)

// A benchmark may cut the tail of the distribution; training may not.
func ExampleLaw_IsPlain() {
	for _, l := range []law.Law{{Temperature: 1}, {Temperature: 0.2, TopP: 0.95}, {Greedy: true}} {
		fmt.Println(l.IsPlain(), l.Validate())
	}
	fmt.Println(law.Law{TopP: 2}.Validate())
	// Output:
	// true <nil>
	// false <nil>
	// false <nil>
	// law: out of range: temperature must be positive, got 0; top-p must be above 0 and at most 1, got 2
}
