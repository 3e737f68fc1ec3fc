// Package doctor looks at everything that a sidecar needs around it, and says of each thing whether it is in order and, if not, what to
// do: `sidelock doctor`.
//
// Begin at [Examine]. It goes by the configuration that `serve` would be started with, and reports one [Finding] after the other. Each
// kind of check is in a file of its own: the sidecar that may be running (running.go), its data (data.go, disk_*.go, fsync*.go), its addresses
// (ports.go), its secrets and certificates (secrets.go), and the others: where they are (join.go), whether they are reached and reach
// this one (peers.go), and how the group stands (group.go).
//
// It must be safe to run at any time, by anybody, beside a sidecar that serves: it counts no boot, leaves no file, and says nothing to
// the others that they would act upon. What it writes, to measure the disk, has no name. What it listens on, it does for the moment of
// the check, and only where no sidecar runs.
package doctor
