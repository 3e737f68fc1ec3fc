// Package mutants holds the seeded bugs: small wrong changes of the code, each of which a named test must catch. A
// test that has never been seen to fail proves nothing.
//
//	go test ./internal/mutants -mutants          # all of them, several minutes
//	go test ./internal/mutants -mutants -run 'TestMutants/lifo'
//
// Each is applied through the go command's -overlay, so the tree itself is never touched. The everyday run
// checks that every seeded bug still fits the code.
package mutants
