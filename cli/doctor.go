package cli

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/sidelock/sidelock/cli/doctor"
	"github.com/sidelock/sidelock/raftnode"
)

// doctorCommand is `sidelock doctor`: with the settings that serve is given, wherever they stand.
type doctorCommand struct {
	serveCommand
	outputFlag
}

// Run examines, prints a line for each finding, and fails if one of them is a failure.
func (v *doctorCommand) Run(c *call) error {
	if c.misspelt > 0 {
		return c.faults.err(c.name) // so it is not known what was meant
	}
	own := &faults{}
	asJSON := v.json(reader{own})
	if err := own.err(c.name); err != nil {
		return err
	}
	cfg := v.check(c)
	ctx, stop := c.interruptible()
	defer stop()
	e := &checkup{c: c, json: asJSON, p: c.printer()}
	for _, one := range c.faults.list {
		e.add(doctor.Finding{Check: doctor.Configuration, Verdict: doctor.Fail, Found: one.String()})
	}
	for _, w := range cfg.Warnings {
		e.add(doctor.Finding{Check: doctor.Configuration, Verdict: doctor.Warn, Found: w})
	}
	if len(c.faults.list) > 0 {
		e.add(doctor.Finding{Check: doctor.Configuration, Verdict: doctor.Warn, Found: "ports, certificates and the other sidecars are looked at when the configuration is mended"})
		doctor.ExamineMachine(ctx, cfg.examined(), e.add)
	} else {
		e.add(doctor.Finding{Check: doctor.Configuration, Verdict: doctor.OK, Found: cfg.gist()})
		doctor.Examine(ctx, cfg.examined(), e.add)
	}
	return e.sum(ctx)
}

// examined is a configuration as package doctor wants it.
func (cfg *ServeConfig) examined() doctor.Config {
	// A timing that is none is a fault of the configuration already.
	timing, _ := raftnode.TimingByName(string(cfg.RaftTiming))
	socket, err := filepath.Abs(filepath.Join(cfg.DataDir, AdminSocket))
	if err != nil { // the working directory is gone
		socket = filepath.Join(cfg.DataDir, AdminSocket)
	}
	out := doctor.Config{
		Node: cfg.Node, DataDir: cfg.DataDir, AdminSocket: socket,
		APISocket: cfg.APISocket, APITLSCert: cfg.APITLSCert, APITLSKey: cfg.APITLSKey, APIKeysFile: cfg.APIKeysFile, AllowHosts: cfg.AllowHosts,
		OpsAddr: cfg.OpsAddr, PeerAddr: cfg.PeerAddr, PeerAdvertise: cfg.PeerAdvertise,
		PeerSecretFile: cfg.PeerSecretFile, TLSCA: cfg.TLSCA, TLSCert: cfg.TLSCert, TLSKey: cfg.TLSKey, InsecurePeers: cfg.InsecurePeers,
		Join: cfg.Join, ClusterSize: cfg.ClusterSize, Voters: cfg.Voters, Spares: cfg.Spares,
		Existing: cfg.Existing, Agent: cfg.Agent, Ephemeral: cfg.Ephemeral, Timing: timing, Version: ReadVersion().Version,
	}
	for _, a := range cfg.APIAddrs {
		out.APIAddrs = append(out.APIAddrs, doctor.Addr{Addr: a.Addr, Optional: a.Optional})
	}
	return out
}

// gist is what a configuration is about, in a line.
func (cfg *ServeConfig) gist() string {
	what := "a group of its own"
	if len(cfg.Join) > 0 {
		what = counted(cfg.ClusterSize, "sidecar") + " found the group"
	}
	if cfg.Existing {
		what = "a group that exists"
	}
	return "node " + cfg.Node + ", peers dial " + cfg.PeerAdvertise + ", data in " + cfg.DataDir + ", " + what
}

// checkup is what an examination has found.
type checkup struct {
	c        *call
	json     bool
	p        *printer
	findings []doctor.Finding
	count    map[doctor.Verdict]int
}

// The look of the verdicts.
var verdictStyles = map[doctor.Verdict]style{doctor.OK: good, doctor.Warn: alert, doctor.Fail: bad}

func (e *checkup) add(f doctor.Finding) {
	if e.count == nil {
		e.count = map[doctor.Verdict]int{}
	}
	e.count[f.Verdict]++
	e.findings = append(e.findings, f)
	if e.json {
		return
	}
	text := f.Found
	if f.Subject != "" {
		text = f.Subject + ": " + text
	}
	if f.Do != "" {
		text += ". What to do: " + f.Do
	}
	const verdict, check = 4, 15 // the longest of them
	e.p.line("%s%s  %-*s  %s", e.p.paint(verdictStyles[f.Verdict], string(f.Verdict)), strings.Repeat(" ", verdict-len(f.Verdict)), check, f.Check, safe(onOneLine(text)))
}

// onOneLine puts what errors write on several lines on one.
func onOneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// sum ends the examination.
func (e *checkup) sum(ctx context.Context) error {
	if e.json {
		if err := printJSON(e.c.stdout, map[string]any{"ok": e.count[doctor.Fail] == 0, "findings": e.findings}); err != nil {
			return err
		}
	} else {
		e.p.line("")
		e.p.line("%s, %s, %d in order", counted(e.count[doctor.Fail], "failure"), counted(e.count[doctor.Warn], "warning"), e.count[doctor.OK])
		if e.p.err != nil {
			return e.p.err
		}
	}
	if ctx.Err() != nil {
		return &exitError{code: ExitFailed, text: "interrupted: not all was looked at"}
	}
	if e.count[doctor.Fail] > 0 {
		return exitWith(ExitFailed)
	}
	return nil
}
