package form

import "time"

const (
	// MaxUnion bounds the candidate addresses of a forming group. A node that hears
	// of more says so, and none is formed.
	MaxUnion = 256
	// MaxSize bounds the cluster size; voters are far fewer.
	MaxSize = 64
	// MaxMembers bounds the members that a status may carry.
	MaxMembers = 1024
	// MaxText bounds each ID, name and address of a status, in bytes.
	MaxText = 256

	// DefaultStableFor is how long nothing may change before a promise.
	DefaultStableFor = 2 * time.Second
	// DefaultPoll is the pause between two rounds of probes.
	DefaultPoll = 100 * time.Millisecond
	// MaxPoll is what the pause grows to while nothing changes.
	MaxPoll = time.Second
	// PatientAfter is how long nothing must change before the pause grows.
	PatientAfter = 10 * time.Second
	// DefaultProbeTimeout bounds one probe.
	DefaultProbeTimeout = time.Second
	// DefaultFindEvery is the pause between two lookups of addresses.
	DefaultFindEvery = time.Second
	// DefaultForgetAfter is how long an address that nobody mentions any more
	// stays among the candidates, and as long again in the unions of others: what
	// is missing in one answer of discovery may be back in the next. But without
	// it a node that was once seen at a wrong address would keep a group from
	// forming until all restart.
	DefaultForgetAfter = 15 * time.Second

	// LogEvery bounds how often a changed reason for waiting is logged.
	LogEvery = time.Second

	// probesAtOnce bounds the probes of one round that run at the same time.
	probesAtOnce = 32
)
