package decoder_test

import (
	"fmt"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/rng"
)

func ExampleSampler_Sample() {
	e, err := engine.Open("go")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer e.Close()
	c := decoder.Tiny(260)
	base := decoder.Init(c, rng.New(1))
	s := decoder.NewSampler(e, c, nil, decoder.Law{Temperature: 1}, 8, 5, c.EOS[0])
	prompts := [][]int32{{1, 104, 105, 2}}
	out, _ := s.Sample(base, nil, prompts, []rng.Key{rng.New(7)})
	again, _ := s.Sample(base, nil, prompts, []rng.Key{rng.New(7)})
	fmt.Println(base.Parameters(), len(out[0].Tokens), fmt.Sprint(out) == fmt.Sprint(again))
	// Output: 247920 5 true
}
