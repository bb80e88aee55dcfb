// Package completion is the one interface for whatever writes programs, and the one
// type for why a text ended.
//
//	[]Request --Model.Complete--> Completion{Text, Finish}, error
//
// A policy is a Model (package policy); Recording replays stored answers line by
// line, so that judging and scoring can be tried on a laptop without a model; Script
// is a function in a model's place.
//
// Stops looks for the strings that end a text, byte by byte as it comes. The first byte
// that completes one decides, whatever tokens the text came in.
//
// A request that fails is an error. An empty text would be judged as a program that
// does nothing and earn a reward, which is how outages become training data.
package completion
