// Package optim changes weights: AdamW with clipping by the global norm, as graph
// functions over any named set of tensors, and the schedules of its rate. It owns
// no loop and no parameters.
//
//	params, gradients, moments --AdamW.Apply--> params, moments, norm, finite
//	step --Schedule.Rate--> factor of the peak rate (an input of the graph)
//
// Bias corrections are computed on the host in float64 and enter as inputs: powers
// in the graph would cost precision and time.
//
// Sources: Loshchilov and Hutter 2019 (arXiv:1711.05101); golden numbers from
// PyTorch in testdata/optim.
package optim
