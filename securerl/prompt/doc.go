// Package prompt turns problems into token prompts, and completions back into
// programs.
//
//	problem.Problem --Template.Render--> Prompt{Text, IDs}
//	completion text --Extract--> Program{Source, Start}
//
// Extraction takes a piece of the text out and changes nothing: Source is always
// completion[Start:Start+len(Source)], so that a finding's bytes can be traced back
// to the tokens that wrote them. The first paper's code parses the raw completion,
// and its benchmark edits programs until some that ran no longer do.
package prompt
