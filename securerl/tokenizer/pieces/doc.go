// Package pieces cuts text where the pre-tokenizers of published tokenizer files
// cut it: bytes are merged within a piece and never across its ends.
//
// In: a text that is not empty. Out: the length of its first piece, at least 1, so
// that the pieces cover every text, valid UTF-8 or not.
//
//	GPT2        "def f(x1):"  ->  def | ␣f | ( | x | 1 | ):
//	Digits      "+ 12"        ->  + | ␣ | 1 | 2          GPT2 between single digits
//	Qwen2       "(a)\n\n"     ->  (a | )\n\n
//	DeepSeek    "a (b)\n"     ->  a | ␣( | b | ) | \n
//	Words       "␣␣a b"       ->  ␣␣a | ␣b
//
// Why by hand: the expressions in those files are written for an engine with
// look-ahead and Unicode classes. Go's regexp has no look-ahead, and a backtracking
// engine is the slowest part of a tokenizer. Each cutter is one forward scan, and
// tests prove it equal to its expression. A byte that is no UTF-8 counts as a
// character of its own that is neither letter, number nor space.
//
// What a letter, a number, a mark of punctuation or white space is, is said by
// Unicode 16, as in the engine of the library.
//
// Sources: the tokenizer.json files of GPT-2, StarCoder2, DeepSeek-Coder, Qwen2 and
// Llama 3; Radford et al. 2019 (GPT-2, encoder.py) for the oldest expression.
package pieces
