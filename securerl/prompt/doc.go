// Package prompt turns problems into token prompts, and completions back into
// programs.
//
//	problem.Problem --Template.Render--> Prompt{Text, IDs} --policy--> completion text
//	completion text --Extract--> Program{Source, Start} --judge--> Verdict
//
//	tiny:         <s> request <code> | program </s>
//	instruction:  ### Instruction: ... ### Response: | text with a fenced program
//	qwen2:        <|im_start|>user request <|im_end|> ... | text with a fenced program
//
// One Template serves training, sampling and evaluation: the first paper used three
// forms, and cut long prompts on the right, where the answer's header stands. Here a
// prompt that does not fit is an error. Requests are foreign text: what spells a
// special token in them stays plain text.
//
// Extraction takes a piece of the text out and changes nothing: Source is always
// completion[Start:Start+len(Source)], so that a finding's bytes can be traced back
// to the tokens that wrote them. The first paper's code parses the raw completion
// (a correct fenced program is a syntax error), and its benchmark edits programs
// until some that ran no longer do.
//
// Source of the fence rules: CommonMark 0.31, section 4.5, except that any indent
// is allowed before a fence.
package prompt
