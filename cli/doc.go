// Package cli is sidelock's command line: what a person, a unit file or a container says to the binary, and what it
// says back.
//
// Begin at [Main]. It reads the arguments, the environment and, for `serve`, a YAML file; the three say the same
// things, and the stronger wins: flag, then environment variable, then file, then default. Each command is one file
// with a struct of flags and a Run method, listed in the grammar in app.go; a new command is a new file and one line
// there. What runs behind a command is not wired here but injected by main through [App].
//
// Faults are collected, not thrown: an unknown flag, an unknown key of the file, a value that cannot be read and two
// settings that contradict each other are all reported at once, each by the flag's name and by where the value came
// from, before anything is opened or listened on. That is why the flags of a command are of the types in setting.go,
// which accept every word and leave judgement to the command.
//
// The path of a setting: a flag's field in serve.go, its default and help in the field's tag, its check in
// serve_check.go, its typed value in [ServeConfig]. docs/configuration.md is rendered from the same tags, and a test
// holds it to them.
package cli
