// Package chaos runs real sidelock processes and does to them what the world does: it kills, pauses, restarts and cuts
// them off, while clients work. It is for tests alone.
//
// Begin with [Start], which builds a [Group] of processes on loopback; each [Node] of it can be killed, paused, resumed
// and restarted, and asked over HTTP. [StartLinked] puts a proxy of the test's own on every link between them, so that each can be cut,
// delayed and reset by itself ([Links]); [StartWire] does that to the way from clients to an API. [Node.Hold] and [Node.Events]
// open a [Stream]; [Node.Admin] asks as an administrator. Every answer that a test receives, and every frame of a stream, is held
// against openapi.yaml on its way. A test's TestMain calls [Main], which builds the program once.
//
// [NextRelease] builds it once more, as a release that understands one feature level more (upgrade).
//
// The tests are in parts: what one fault must not do to what clients hold and wait for (killed, paused, restart, drain, minority,
// refused, links; with streams application, holds, cut_off, retried, slow, blackhole, forced, long_poll), what many see through
// many faults (line: the order of those who wait; events and away: what watchers are told), the transcripts of docs/api.md
// (docs, transcript), and a random run of everything at once (random, worker, history, with the flag -chaos for longer ones). Disks
// that fail, fill up or hang are in disk, and programs that are killed at each of their writes in crash_points; both need strace.
package chaos
