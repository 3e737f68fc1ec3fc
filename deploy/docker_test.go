package deploy_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sidelock/sidelock/internal/chaos"
)

const maxImage = 25 << 20 // bytes

// TestImageAndGroup builds the image, looks at it, and runs it: alone, and as the group of compose.yaml.
func TestImageAndGroup(t *testing.T) {
	if !haveDocker(t) {
		return
	}
	build(t)
	t.Run("image", testImage)
	t.Run("alone", testAlone)
	t.Run("compose", testCompose)
}

func testImage(t *testing.T) {
	var found []struct {
		Size   int64
		Config struct {
			User        string
			Entrypoint  []string
			Cmd         []string
			Labels      map[string]string
			Healthcheck struct{ Test []string }
		}
	}
	if err := json.Unmarshal([]byte(must(t, "docker", "image", "inspect", *image)), &found); err != nil || len(found) != 1 {
		t.Fatalf("%d images: %v", len(found), err)
	}
	one := found[0]
	t.Logf("%.1f MiB", float64(one.Size)/(1<<20))
	if one.Size > maxImage {
		t.Errorf("the image has %d bytes, more than %d", one.Size, maxImage)
	}
	if one.Config.User != "65532:65532" || strings.Join(one.Config.Entrypoint, " ") != "/sidelock" || strings.Join(one.Config.Cmd, " ") != "serve" {
		t.Errorf("%+v", one.Config)
	}
	if h := one.Config.Healthcheck.Test; len(h) < 2 || h[0] != "CMD" || h[1] != "/sidelock" {
		t.Errorf("the health check is %v, and there is no shell", h)
	}
	for label, want := range map[string]string{"version": version, "revision": commit, "title": "sidelock", "licenses": "Apache-2.0"} {
		if got := one.Config.Labels["org.opencontainers.image."+label]; got != want {
			t.Errorf("label %s is %q, want %q", label, got, want)
		}
	}
	if out := must(t, "docker", "run", "--rm", *image, "version"); !strings.Contains(out, "sidelock "+version) || !strings.Contains(out, commit) {
		t.Errorf("it says %q", out)
	}
}

// testAlone runs a group of one as tightly as can be, and keeps its data over a new container.
func testAlone(t *testing.T) {
	volume := must(t, "docker", "volume", "create")
	defer must(t, "docker", "volume", "rm", volume)
	start := func() string {
		id := must(t, "docker", "run", "--detach", "--network", "none", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--volume", volume+":/data", *image)
		chaos.Until(t, time.Minute, "the container to be healthy", func() error {
			if state := must(t, "docker", "inspect", "--format", "{{.State.Health.Status}}", id); state != "healthy" {
				return fmt.Errorf("it is %s", state)
			}
			return nil
		})
		return id
	}
	end := func(id string) {
		must(t, "docker", "stop", "--time", "45", id)
		if code := must(t, "docker", "inspect", "--format", "{{.State.ExitCode}}", id); code != "0" {
			t.Errorf("it ended with %s:\n%s", code, must(t, "docker", "logs", id))
		}
		must(t, "docker", "rm", id)
	}
	first := start()
	must(t, "docker", "exec", first, "/sidelock", "run", "--lock", "nightly", "--", "/sidelock", "version")
	end(first)
	second := start()
	if out := must(t, "docker", "exec", second, "/sidelock", "show", "nightly"); !strings.Contains(out, "released") {
		t.Errorf("a new container on the volume knows %q", out)
	}
	end(second)
}

// group is what compose.yaml makes.
type group struct {
	t       *testing.T
	command []string
	project string
}

func (g *group) compose(args ...string) (string, error) {
	g.t.Helper()
	all := append(append([]string{}, g.command[1:]...), "--project-name", g.project, "--file", "compose.yaml")
	return command(g.t, "", []string{"SIDELOCK_IMAGE=" + *image, "PROMETHEUS_PORT=0"}, g.command[0], append(all, args...)...)
}

func (g *group) must(args ...string) string {
	g.t.Helper()
	out, err := g.compose(args...)
	if err != nil {
		g.t.Fatal(err)
	}
	return out
}

// curl runs curl in the container of an application, as the application would.
func (g *group) curl(app string, args ...string) (string, error) {
	g.t.Helper()
	return g.compose(append([]string{"exec", "-T", app, "curl", "-s", "--max-time", "10"}, args...)...)
}

// cluster is what a sidecar says of its group.
type cluster struct {
	Members []struct {
		Name, Role string
		Healthy    bool
	}
	Leader *struct{ Name string } `json:"raft_leader"`
}

// whole waits until each application hears of three healthy voters.
func (g *group) whole() {
	g.t.Helper()
	for _, app := range []string{"app-1", "app-2", "app-3"} {
		chaos.Until(g.t, 90*time.Second, app+" to hear of three healthy voters", func() error {
			out, err := g.curl(app, "localhost:5625/v1/cluster")
			if err != nil {
				return err
			}
			var c cluster
			if err := json.Unmarshal([]byte(out), &c); err != nil {
				return fmt.Errorf("%s: %w", out, err)
			}
			healthy := 0
			for _, m := range c.Members {
				if m.Healthy && m.Role == "voter" {
					healthy++
				}
			}
			if healthy != 3 || c.Leader == nil {
				return fmt.Errorf("%s", out)
			}
			return nil
		})
	}
}

// inCharge waits until an application other than one is in charge, as another hears it.
func (g *group) inCharge(asked, not string) (name string) {
	g.t.Helper()
	chaos.Until(g.t, 60*time.Second, "an application to be in charge", func() error {
		out, err := g.curl(asked, "localhost:5625/v1/elections/scheduler")
		var e struct{ Leader *struct{ Value string } }
		if err == nil {
			err = json.Unmarshal([]byte(out), &e)
		}
		if err == nil && (e.Leader == nil || e.Leader.Value == not) {
			err = fmt.Errorf("%s", out)
		}
		if err == nil {
			name = e.Leader.Value
		}
		return err
	})
	return name
}

// asks the Prometheus beside the group.
func (g *group) prometheus(query, want string) {
	g.t.Helper()
	chaos.Until(g.t, 60*time.Second, query+" to be "+want, func() error {
		out, err := g.curl("app-1", "--get", "--data-urlencode", "query="+query, "prometheus:9090/api/v1/query")
		if err != nil {
			return err
		}
		var a struct {
			Data struct {
				Result []struct{ Value [2]any }
			}
		}
		if err := json.Unmarshal([]byte(out), &a); err != nil || len(a.Data.Result) != 1 || fmt.Sprint(a.Data.Result[0].Value[1]) != want {
			return fmt.Errorf("%s (%v)", out, err)
		}
		return nil
	})
}

// composeCommand is Docker Compose as it is called here; nil, and loudly, if it is not.
func composeCommand(t *testing.T) []string {
	t.Helper()
	if _, err := command(t, "", nil, "docker", "compose", "version"); err == nil {
		return []string{"docker", "compose"}
	}
	if _, err := exec.LookPath("docker-compose"); err == nil {
		return []string{"docker-compose"}
	}
	fmt.Fprintf(os.Stderr, "\n!! NOT TESTED: there is no Docker Compose here, so compose.yaml is not run\n\n")
	return nil
}

// testCompose does what compose.yaml says that one can do, and then cuts a sidecar off its network.
func testCompose(t *testing.T) {
	g := &group{t, composeCommand(t), fmt.Sprintf("sidelocktest%d", os.Getpid())}
	if g.command == nil {
		return
	}
	curlImage(t)
	prometheusImage(t)
	defer func() {
		if t.Failed() {
			out, err := g.compose("logs", "--no-color", "--tail", "30")
			t.Logf("%s %v", out, err)
		}
		g.must("down", "--volumes", "--timeout", "5")
	}()
	g.must("up", "--detach", "--no-build")
	g.whole()
	out, err := g.curl("app-1", "-d", "ttl=5m", "localhost:5625/v1/locks/nightly")
	if err != nil || !strings.Contains(out, `"state":"held"`) {
		t.Fatalf("the first curl: %s %v", out, err)
	}
	g.prometheus(`sum(up{job="sidelock"})`, "3")
	if out, err := g.curl("app-1", "prometheus:9090/api/v1/rules"); err != nil || !strings.Contains(out, `"SidelockNoLeader"`) {
		t.Errorf("the alerts: %s %v", out, err)
	}

	// The application that is in charge loses its sidecar.
	first := g.inCharge("app-1", "")
	n := strings.TrimPrefix(first, "web-")
	witness := "app-" + map[string]string{"1": "2", "2": "3", "3": "1"}[n]
	g.must("kill", "sidecar-"+n)
	second := g.inCharge(witness, first)
	t.Logf("%s was in charge, then %s", first, second)
	if out, err := g.curl(witness, "localhost:5625/v1/locks/nightly"); err != nil || !strings.Contains(out, `"holders":[{`) {
		t.Errorf("the lock after that: %s %v", out, err)
	}
	g.must("start", "sidecar-"+n)
	g.must("restart", "--timeout", "1", "app-"+n)
	g.whole()

	// One is cut off, and comes back.
	n = strings.TrimPrefix(second, "web-")
	witness = "app-" + map[string]string{"1": "2", "2": "3", "3": "1"}[n]
	container, network := strings.TrimSpace(g.must("ps", "--quiet", "sidecar-"+n)), g.project+"_default"
	must(t, "docker", "network", "disconnect", network, container)
	third := g.inCharge(witness, second)
	t.Logf("then %s", third)
	chaos.Until(t, 30*time.Second, "the application that is cut off to hear that it is in charge no more", func() error {
		if out := g.must("logs", "--no-color", "app-"+n); !strings.Contains(out, `hears: {"event":"lost"`) {
			return fmt.Errorf("it has not")
		}
		return nil
	})
	must(t, "docker", "network", "connect", "--alias", "sidecar-"+n, network, container)
	g.whole()

	// An application restarts, and its sidecar does not notice.
	g.must("restart", "--timeout", "1", "app-1")
	g.whole()
	g.prometheus(`sum(up{job="sidelock"})`, "3")
}
