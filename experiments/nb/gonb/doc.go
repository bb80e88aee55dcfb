// Package gonb knows what the GoNB kernel makes of a cell, without a kernel.
//
// In goes the text of a cell and what earlier cells declared; out comes the Go program
// that the kernel would compile.
//
//	source --TakeApart--> Code{Go, Args, Shell} --Parse--> Cell --Over(before)--> Program --Write--> main.go
//	                                                                  |
//	                                    Program.Declarations: before of the next cell
//
// The rules, all of them GoNB's: the last definition of a name wins; %% and %main open a
// main function that begins with flag.Parse; without one main does nothing, but variables
// are computed, in every cell anew and in the order of their names; %test makes a test
// file, in which only the tests of this cell run; unused imports are dropped; a function
// named init_x is written as init; names that share one value (var a, err = f()) are
// dropped together.
//
// Its oddities are kept as well, so that a notebook which passes here passes there:
// imports are told apart by the last word of their path, so crypto/rand replaces math/rand,
// and names of one constant declaration (const A, B = iota, iota) are written one a line.
//
// Why go/parser and no kernel: the result is needed in seconds, by people without Jupyter,
// and as packages that one go command can vet together.
//
// Source: GoNB v0.11.5, internal/goexec/parser.go, composer.go and internal/specialcmd.
package gonb
