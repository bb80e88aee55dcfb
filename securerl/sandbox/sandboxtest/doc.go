// Package sandboxtest attacks a sandbox with a folder of hostile programs and says
// what came of it.
//
//	index.json, programs --Load--> []Program --Run--> Report{Verdicts, Faults}
//
// An entry of the index states a program's input, the verdicts it may get, and bounds
// on output, time and memory. Every field is checked. After each program a probe runs
// in the same worker: it must find a fresh process. From outside, nothing may have
// changed: no process is left, no file, no IPC object, and this process is as it was.
//
// A program that leaves traces gives them a name that holds Marker, or SysV objects
// the key Key. Other names are found too if they are new, belong to the programs'
// user and stand in the program.
package sandboxtest
