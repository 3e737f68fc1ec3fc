// Package chaos runs real sidelock processes and does to them what the world does: it kills, pauses, restarts and cuts
// them down to a minority, while clients work. It is for tests alone.
//
// Begin with [Start], which builds a [Group] of processes on loopback; each [Node] of it can be killed, paused, resumed
// and restarted, and asked over HTTP. Every answer that a test receives is held against openapi.yaml on its way.
// A test's TestMain calls [Main], which builds the program once.
//
// The tests are in three parts: what one fault must not do (killed, paused, restart, drain, minority, refused), the
// transcripts of docs/api.md (docs, transcript), and a random run of everything at once (random, with the flag
// -chaos for longer ones).
package chaos
