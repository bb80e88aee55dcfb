// Package tokenizer turns text into token ids and back, and knows which bytes of
// the text every token covers.
//
// In: a tokenizer.json, a pair of vocab.json and merges.txt, or texts to train one on.
// Out: ids with byte spans, the text of ids, and a tokenizer.json that the Hugging
// Face tokenizers library reads with equal results.
//
//	"print(c)" --cut--> print | ( | c | ) --merge bytes--> 261  42  101 43
//	                                                       |    |   |   |
//	                              byte spans of the text   0-5  5-6 6-7 7-8
//
// What is read, and how far it was compared with the library (tokenizers 0.23):
//
//	model            form                                            equal texts
//	GPT-2            bytes, GPT2; also vocab.json + merges.txt        99 of 99, 120 of 120
//	Phi-2, CodeGen   so, runs of spaces among the added tokens        99 of 99
//	GPT-NeoX-20B     so, NFC                                          99 of 99
//	CodeT5           bytes, GPT2, vocab.json + merges.txt             99 of 99
//	StarCoder2       bytes, Digits                                    120 of 120 (small)
//	DeepSeek-Coder   bytes, DeepSeek; letters for 13 bytes added      99 of 99, 120 of 120
//	Qwen2, Qwen2.5   bytes, Qwen2, NFC                                120 of 120 (small)
//	Llama 3          bytes, Llama3, ignore_merges, template           24 of 24 (small)
//	Phi-3            characters, byte fallback, space mark in front   99 of 99
//	CodeLlama        so, template <s>                                 120 of 120 (small)
//	" (Transformers 5)  so, Metaspace first, always or never          24 of 24 (small)
//	Train            bytes, Code                                      200 of 200
//
// (small: a vocabulary of 512 tokens in the shape of the model's file. GPT2, Digits, ...
// are the cutters of package pieces.) Ids, ids with the template, byte spans and decoded
// text are compared. DeepSeek-Coder's own file has its own licence and is compared by
// doctor -tokenizers, outside this repository. Everything else in a file is refused with
// the component's name, since a tokenizer that is almost right trains a model that is
// quietly wrong: other normalizers, pre-tokenizers and expressions, add_prefix_space,
// dropout, single_word, truncation, padding, RobertaProcessing, Unigram, WordPiece.
//
// Why bytes: 256 base tokens spell any text, so nothing is unknown and
// Decode(EncodeContinuation(x)) is x, byte for byte (form C of x where the file asks
// for NFC). A reward that speaks of bytes of a program (a finding of the scanner) can
// therefore be laid on tokens exactly.
//
// Why control tokens can be ignored: a problem statement may contain "</s>" by accident
// or on purpose. EncodeOrdinary spells it as ordinary bytes.
//
// Why a continuation is another thing than a text: a sentencepiece-style tokenizer puts
// a space before every text. A completion goes on after its prompt, and a space more or
// less is another indentation.
//
// Merging takes O(n log n) for a piece of n bytes, with a queue of merges; pieces are
// remembered, so that the words of a program are merged once.
//
// Sources: Sennrich, Haddow and Birch 2016 (arXiv:1508.07909); Radford et al. 2019
// (GPT-2); Kudo and Richardson 2018 (arXiv:1808.06226) for the space mark; the file
// format is that of github.com/huggingface/tokenizers 0.23.
package tokenizer
