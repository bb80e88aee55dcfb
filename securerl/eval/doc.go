// Package eval turns stored programs into rates with intervals and comparisons that
// may be trusted.
//
//	[]record.Row --Summarize--> []Summary{policy, sampled or greedy, rates with intervals}
//	[]record.Row --Compare----> Comparison{difference, interval, p}, and a sentence
//
// What it insists on:
//
//   - The primary metric is named beforehand: correct_secure, sampled, on public and
//     hidden tests.
//   - Sampled and greedy stand side by side: they rank policies differently.
//   - Greedy rates have Wilson intervals (one program per problem). Sampled rates and
//     all differences are bootstrapped over problems, and over seeds where there are
//     several, since samples of one problem are not independent.
//   - Policies are compared on the same problems, paired; p values of greedy
//     comparisons are McNemar's, corrected by Holm over the family.
//   - "improves" is written only where the interval excludes zero. One seed speaks of
//     a checkpoint, five or more of a method.
//
// Sources: Wilson 1927; McNemar 1947; Holm 1979; Efron and Tibshirani 1993.
package eval
