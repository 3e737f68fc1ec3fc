package doctor

import "fmt"

// Verdict says how bad it is.
type Verdict string

// The verdicts.
const (
	OK   Verdict = "ok"
	Warn Verdict = "warn" // it works, and something is to be looked after
	Fail Verdict = "fail" // it does not work, or will not for long
)

// Check is what was looked at: a closed set.
type Check string

// The checks, in the order in which they are made.
const (
	Configuration  Check = "configuration"
	Sidecar        Check = "sidecar" // the one that runs on the data directory, if one does
	Clock          Check = "clock"
	DataDir        Check = "data-dir"
	Disk           Check = "disk"
	Fsync          Check = "fsync"
	PeerTrust      Check = "peer-trust"
	APICertificate Check = "api-certificate"
	APIKeys        Check = "api-keys"
	Port           Check = "port"
	Join           Check = "join"
	Peer           Check = "peer"
	WayBack        Check = "way-back" // whether a peer reaches this node
	Latency        Check = "latency"
	Cluster        Check = "cluster"
	Quorum         Check = "quorum"
	Versions       Check = "versions"
	Settings       Check = "settings" // that should be the same everywhere
)

// Checks lists them all.
func Checks() []Check {
	return []Check{Configuration, Sidecar, Clock, DataDir, Disk, Fsync, PeerTrust, APICertificate, APIKeys, Port, Join, Peer, WayBack,
		Latency, Cluster, Quorum, Versions, Settings}
}

// Finding is the outcome of one check.
type Finding struct {
	Check   Check   `json:"check"`
	Subject string  `json:"subject,omitempty"` // which one, where there are several: an address, a file
	Verdict Verdict `json:"verdict"`
	Found   string  `json:"found"`
	Do      string  `json:"do,omitempty"` // what to do about it; empty where Found says that, or all is well
}

func (d *examination) say(v Verdict, c Check, subject, do, format string, args ...any) {
	d.found(Finding{Check: c, Subject: subject, Verdict: v, Found: fmt.Sprintf(format, args...), Do: do})
}

func (d *examination) ok(c Check, subject, format string, args ...any) {
	d.say(OK, c, subject, "", format, args...)
}

func (d *examination) warn(c Check, subject, do, format string, args ...any) {
	d.say(Warn, c, subject, do, format, args...)
}

func (d *examination) fail(c Check, subject, do, format string, args ...any) {
	d.say(Fail, c, subject, do, format, args...)
}
