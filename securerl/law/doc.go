// Package law is the distribution that tokens are drawn from: a model's logits, and
// what is done to them before a draw.
//
//	logits [B, V] -> repetition penalty -> ends too early -> temperature -> top-k -> top-p -> min-p -> logits [B, V]
//
// In: logits and the numbers of a Law. Out: logits whose softmax is the law; tokens that
// it excludes stand at Removed. The order is that of generate in Transformers.
//
// Why no sort: a sort of the vocabulary takes a second on the pure-Go backend and cannot
// be built inside a loop on XLA. The borders of top-k and top-p are found bit by bit: the
// bits of a float32, put in the order of their values, are a number of 32 bits, and the
// largest number that enough tokens reach is found in 32 comparisons, exactly.
//
// Why a law is not only its draw: a policy gradient compares log-probabilities. Those of
// a law that cuts or bends the model's distribution are not the model's, so such a law
// may serve evaluation and never training; IsPlain tells them apart.
//
// Sources: Fan et al. 2018 (arXiv:1805.04833) top-k; Holtzman et al. 2020
// (arXiv:1904.09751) top-p; Keskar et al. 2019 (arXiv:1909.05858) repetition penalty;
// Nguyen et al. 2024 (arXiv:2407.01082) min-p. Golden numbers: the processors of
// Transformers 5.23, in testdata/law.
package law
