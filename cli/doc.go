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
//
// The commands that ask a sidecar (list.go, show.go, watch.go, release.go, status.go) go through the client package, and
// print through the printer of output.go. Those that run another command (run.go, elect.go) wait in waiting.go and then
// hand over to the guard of guard.go, whose one promise is that the command, with its whole process group, is gone before
// what it runs under may be somebody else's; what that takes of the operating system is in child_*.go and job_*.go.
package cli
