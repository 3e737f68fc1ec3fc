// Package lint holds the project's own rules about its source, as an ordinary
// Go test over the tree: which package may import which, what the replicated
// state machine must not touch, calls that are dangerous anywhere, and how large
// files and functions may grow.
//
// Begin with [rules]; every rule is one function from a [tree] to findings. The
// import table is in imports.go and is the one place that says it. Each rule has
// a small source in lint_test.go that it must catch.
package lint
