package check

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// pod is one of a workload: its sidecar, with the container's own arguments and variables. In place of the cluster it has a loopback address, a
// folder for each volume, and a file for the name of the headless service.
type pod struct {
	*process
	w         workload
	ops, peer string
	env       []string
}

// cluster is where pods are: the file that says who is where, as DNS does.
type cluster struct {
	t       *testing.T
	dir     string
	members []string
}

func newCluster(t *testing.T) *cluster { return &cluster{t: t, dir: t.TempDir()} }

// names is the file in place of the name.
func (c *cluster) names() string { return filepath.Join(c.dir, "names") }

// start runs as many pods of a workload at once as it has replicas, and one of a job.
func (c *cluster) start(w workload) (all []*pod) {
	c.t.Helper()
	for i := range max(1, w.replicas) {
		p := &pod{w: w, peer: freeAddress(c.t)}
		p.env = c.variables(w, fmt.Sprintf("%s-%d", w.name, i), p.peer)
		all = append(all, p)
		if w.member() {
			c.members = append(c.members, p.peer)
		}
	}
	write(c.t, c.names(), strings.Join(c.members, "\n")+"\n")
	for _, p := range all {
		p.process = launch(c.t, w.sidecar().Args, p.env)
	}
	for _, p := range all {
		p.ops = p.servesOps()
	}
	return all
}

// variables are those of the pod, with what is the cluster's replaced: nothing else is touched.
func (c *cluster) variables(w workload, name, peer string) []string {
	c.t.Helper()
	own, err := w.variables(place{name, peer[:strings.LastIndexByte(peer, ':')], "zone-" + name})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, flag := range []string{"data-dir", "peer-secret-file"} {
		path := own[variable(flag)]
		m, ok := mount(w.sidecar(), path)
		if !ok {
			c.t.Fatalf("--%s %s is on no volume", flag, path)
		}
		own[variable(flag)] = filepath.Join(c.dir, name, m.Name, strings.TrimPrefix(path, m.MountPath))
	}
	write(c.t, own[variable("peer-secret-file")], aSecret)
	if want := "dns:web-sidelock:5626"; own[variable("join")] != want {
		c.t.Fatalf("--join is %s, want %s", own[variable("join")], want)
	}
	own[variable("join")] = "file:" + c.names()
	own[variable("peer-addr")], own[variable("ops-addr")], own[variable("api-addr")] = peer, "127.0.0.1:0", "127.0.0.1:0"
	own["KUBERNETES_SERVICE_HOST"], own["PATH"] = "10.96.0.1", os.Getenv("PATH")
	if err := os.MkdirAll(filepath.Dir(own[variable("data-dir")]), 0o700); err != nil {
		c.t.Fatal(err)
	}
	var env []string
	for name, value := range own {
		env = append(env, name+"="+value)
	}
	return env
}

// probed is what the kubelet is answered.
func (p *pod) probed(which string) int {
	c := p.w.sidecar()
	probe := map[string]string{"startup": c.StartupProbe.HTTPGet.Path, "readiness": c.ReadinessProbe.HTTPGet.Path, "liveness": c.LivenessProbe.HTTPGet.Path}
	return get(p.ops, probe[which])
}

// awaitStarted waits until the application of the pod would be started.
func (p *pod) awaitStarted() {
	p.t.Helper()
	p.until("its startup probe says yes", func() bool { return p.probed("startup") == 200 })
	if readiness, liveness := p.probed("readiness"), p.probed("liveness"); readiness != 200 || liveness != 200 {
		p.t.Errorf("readiness says %d and liveness %d", readiness, liveness)
	}
	p.wantNoWarningOfSettings()
}

// grace is how long the kubelet leaves the sidecar when the application has taken its usual time.
func (p *pod) grace() time.Duration {
	return time.Duration(*p.w.pod.Spec.TerminationGracePeriodSeconds)*time.Second - applicationStops
}

// TestPodsFormAGroup starts what a StatefulSet and a Deployment start: all replicas at once. Each has its application started when the group
// is there, and each stops in the time that it is given.
func TestPodsFormAGroup(t *testing.T) {
	for _, variant := range []string{"statefulset", "deployment"} {
		t.Run(variant, func(t *testing.T) {
			c := newCluster(t)
			pods := c.start(variantOf(t, variant).workloads()[0])
			if code := pods[0].probed("liveness"); code != 200 {
				t.Errorf("liveness says %d before there is a group", code)
			}
			for _, p := range pods {
				p.awaitStarted()
			}
			if code := get(pods[0].ops, "/metrics"); code != 200 {
				t.Errorf("metrics: %d", code)
			}
			if code := get(pods[0].ops, "/v1/locks"); code != 404 {
				t.Errorf("the API answers with %d on --ops-addr", code)
			}
			pods[0].stop(pods[0].grace())
		})
	}
}

// TestJobRunsUnderALockAndItsSidecarEnds starts the job of the cronjob beside the group of the StatefulSet: the sidecar is an agent, the job's own command
// takes the lock through it, and a pod whose job is done is gone soon.
func TestJobRunsUnderALockAndItsSidecarEnds(t *testing.T) {
	c := newCluster(t)
	c.start(variantOf(t, "statefulset").workloads()[0])
	w := variantOf(t, "cronjob").workloads()[0]
	agent := c.start(w)[0]
	agent.awaitStarted()
	job := w.pod.Spec.Containers[0]
	if job.Command[0] != "sidelock" {
		t.Fatalf("the job runs %v", job.Command)
	}
	done := launch(t, append(job.Command[1:], job.Args...), []string{"SIDELOCK_SERVER=http://" + agent.api(), "PATH=" + os.Getenv("PATH")})
	done.ends(within, 0)
	if out := done.log.String(); !strings.HasPrefix(out, "token 1") {
		t.Errorf("the job printed %q, want its fencing token", out)
	}
	agent.stop(agent.grace())
}

// api is where the sidecar of a pod serves the API.
func (p *pod) api() string {
	p.t.Helper()
	const before = `"msg":"serving the API","addr":"`
	_, after, ok := strings.Cut(p.log.String(), before)
	if !ok {
		p.t.Fatal("the log does not say where the API is")
	}
	addr, _, _ := strings.Cut(after, `"`)
	return addr
}

// TestForgottenSettingsAreRefused: what the variants set is what it takes.
func TestForgottenSettingsAreRefused(t *testing.T) {
	c := newCluster(t)
	w := variantOf(t, "deployment").workloads()[0]
	for _, flag := range []string{"join", "cluster-size", "peer-secret-file"} {
		var env []string
		for _, e := range c.variables(w, "web-x", "127.0.0.1:0") {
			if !strings.HasPrefix(e, variable(flag)+"=") {
				env = append(env, e)
			}
		}
		if flag == "peer-secret-file" { // loopback would need none
			env = append(env, variable("peer-addr")+"=:0")
		}
		p := launch(t, w.sidecar().Args, env)
		p.ends(endsWithin, 2)
		if !strings.Contains(p.log.String(), "--"+flag) {
			t.Errorf("without --%s it says only %s", flag, p.log)
		}
	}
}

// TestClaimIsRecovered stops a group, and runs the pod of recover.yaml on one of its volumes: as it is, and with --yes. That one alone is a group
// then, and serves.
func TestClaimIsRecovered(t *testing.T) {
	var recoverers []corev1.Pod
	if err := add(&recoverers, []byte(read(t, kubernetes+"/recover.yaml"))); err != nil {
		t.Fatal(err)
	}
	c := newCluster(t)
	w := variantOf(t, "statefulset").workloads()[0]
	pods := c.start(w)
	for _, p := range pods {
		p.awaitStarted()
	}
	for _, p := range pods {
		p.stop(p.grace())
	}
	r := recoverers[0].Spec
	if claim := w.claims[0].Name + "-" + w.name + "-0"; r.Volumes[0].PersistentVolumeClaim.ClaimName != claim || r.Containers[0].Image != w.sidecar().Image {
		t.Errorf("it has %s and runs %s", r.Volumes[0].PersistentVolumeClaim.ClaimName, r.Containers[0].Image)
	}
	onVolume := strings.NewReplacer(r.Containers[0].VolumeMounts[0].MountPath, filepath.Join(c.dir, w.name+"-0", "data"))
	for _, word := range []string{"--show", "--yes"} {
		args := strings.Fields(strings.Replace(onVolume.Replace(strings.Join(r.Containers[0].Args, " ")), "--show", word, 1))
		launch(t, args, nil).ends(endsWithin, 0)
	}
	survivor := launch(t, w.sidecar().Args, pods[0].env)
	ops := survivor.servesOps()
	survivor.until("it serves alone", func() bool { return get(ops, "/readyz?quorum=1") == 200 })
	survivor.stop(pods[0].grace())
}
