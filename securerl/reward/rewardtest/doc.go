// Package rewardtest attacks a reward: it prices programs that try to earn what they
// do not deserve, and names every rule of fair pricing that the reward breaks.
//
//	verdicts written down here --Check(scheme, bounds)--> []Fault      no sandbox needed
//	hacks.jsonl --Judge--> Judged --Judged.Check(scheme)--> []Fault    run and scanned for real
//
//	func TestMyReward(t *testing.T) { rewardtest.Run(t, myScheme, nil) }
//
// The first kind covers every case there is; the second shows that real programs end in
// these cases. They are judged once, for any number of schemes.
//
// Bounds are relative to an honest program, so that a reward may pay on any scale in
// [0, 1]: what an attack earns at most is a share of what honest work earns. A reward
// that means to break a rule (the published one pays for text that does not parse) is
// tested by the faults that are left: Fault.Rule says which rule it was.
package rewardtest
