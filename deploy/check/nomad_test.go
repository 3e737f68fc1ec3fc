package check

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
)

const theJob = "../nomad/sidelock.nomad.hcl"

// allocated is what Nomad tells a job of the allocation that it runs in.
func allocated(host string) allocation {
	return allocation{
		"NOMAD_SHORT_ALLOC_ID": cty.StringVal("5ae21c8e"), "NOMAD_TASK_DIR": cty.StringVal("/local"), "NOMAD_SECRETS_DIR": cty.StringVal("/secrets"),
		"NOMAD_HOST_ADDR_peer": cty.StringVal(host),
		"node":                 cty.ObjectVal(map[string]cty.Value{"datacenter": cty.StringVal("dc1"), "unique": cty.ObjectVal(map[string]cty.Value{"id": cty.StringVal("n1")})}),
	}
}

func jobOf(t *testing.T, file string) *block {
	t.Helper()
	job, err := readJob(file, allocated("10.0.0.1:23456"))
	if err != nil {
		t.Fatal(err)
	}
	return job
}

func TestNomadJobFitsTheProgram(t *testing.T) {
	f := theFacts(t)
	for _, found := range jobFindings(jobOf(t, theJob), f) {
		t.Error(found)
	}
	text, file := read(t, theJob), filepath.Join(t.TempDir(), "job.hcl")
	for _, s := range []struct{ old, new string }{
		{`hook    = "prestart"`, `hook    = "poststart"`},
		{"leader = true", "leader = false"},
		{`args            = ["serve"]`, `args            = ["dev"]`},
		{"SIDELOCK_OPS_ADDR ", "SIDELOCK_OPS "},
		{"to = 5626", "to = 5625"},
		{`mode = "bridge"`, `mode = "host"`},
		{"count = 3", "count = 2"},
		{"count = 3", "count = 6"},
		{`kill_timeout = "30s"`, `kill_timeout = "20s"`},
		{`kill_timeout = "30s"`, `kill_timeout = "60s"`},
		{"sidelock:0.1.0", "sidelock:latest"},
		{`change_mode = "noop"`, `change_mode = "restart"`},
		{`nomadService "web-sidelock"`, `nomadService "web"`},
		{`perms       = "0400"`, `perms       = "0444"`},
		{"secrets/peer.secret", "local/peer.secret"},
		{"uid         = 65532", "uid         = 0"},
		{"canary           = 1", "canary           = 0"},
	} {
		write(t, file, strings.Replace(text, s.old, s.new, 1))
		if !strings.Contains(text, s.old) || len(jobFindings(jobOf(t, file), f)) == 0 {
			t.Errorf("%q instead of %q is not noticed", s.new, s.old)
		}
	}
}

// TestNomadTaskServes starts the task's command with its variables: its configuration is lawful, and it waits for the other two.
func TestNomadTaskServes(t *testing.T) {
	peer := freeAddress(t)
	job, err := readJob(theJob, allocated(peer))
	if err != nil {
		t.Fatal(err)
	}
	task := job.at("job", "web").at("group", "web").at("task", "sidelock")
	dir := t.TempDir()
	write(t, dir+"/secrets/peer.secret", aSecret)
	write(t, dir+"/local/peers", peer+"\n")
	own := map[string]string{"NOMAD_ALLOC_ID": "5ae21c8e-0000-0000-0000-000000000000", "PATH": os.Getenv("PATH")}
	inside := strings.NewReplacer("/local/", dir+"/local/", "/secrets/", dir+"/secrets/")
	for name, value := range task.at("env", "").values {
		own[name] = inside.Replace(value.AsString())
	}
	own["SIDELOCK_PEER_ADDR"], own["SIDELOCK_OPS_ADDR"], own["SIDELOCK_API_ADDR"] = peer, "127.0.0.1:0", "127.0.0.1:0"
	var env []string
	for name, value := range own {
		env = append(env, name+"="+value)
	}
	p := launch(t, task.at("config", "").texts("args"), env)
	ops := p.servesOps()
	if live, ready := get(ops, "/livez"), get(ops, "/readyz"); live != 200 || ready != 503 {
		t.Errorf("one of three is live: %d, ready: %d", live, ready)
	}
	p.until("it waits for the others", func() bool { return strings.Contains(p.log.String(), "waiting to form a group") })
	p.wantNoWarningOfSettings()
	p.stop(mostNomadWaits)
}
