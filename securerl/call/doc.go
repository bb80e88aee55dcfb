// Package call runs tests that call the functions of an untrusted program.
package call
