// Package tokenizer turns text into token ids and back, and knows which bytes of
// the text every token covers.
//
// In: a tokenizer.json, or texts to train one on. Out: ids with byte spans, the
// text of ids, and a tokenizer.json that the Hugging Face tokenizers library reads
// with equal results.
//
//	"print(c)" --split--> print | ( | c | ) --merge bytes--> 261  42  101 43
//	                                                         |    |   |   |
//	                                byte spans of the text   0-5  5-6 6-7 7-8
//
// Why bytes: 256 base tokens spell any text, so nothing is unknown and
// Decode(EncodeOrdinary(x)) is x, byte for byte. A reward that speaks of bytes of a
// program (a finding of the scanner) can therefore be laid on tokens exactly.
//
// Why a splitter written by hand: the regular expressions of tokenizer files are
// written for engines with look-ahead and a Unicode \s, which Go's has not. Two
// expressions are known, Pattern and GPT-2's; each is proven equal to its
// expression by tests. A file with any other component is refused with the
// component's name, since a tokenizer that is almost right trains a model that is
// quietly wrong.
//
// Why specials can be ignored: a problem statement may contain "</s>" by accident
// or on purpose. EncodeOrdinary spells it as ordinary bytes.
//
// Sources: Sennrich, Haddow and Birch 2016 (arXiv:1508.07909); Radford et al. 2019
// (GPT-2); the file format is that of github.com/huggingface/tokenizers 0.23.
package tokenizer
