package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// group is a running group of sidecars, made for one measurement.
type group struct {
	dir   string
	nodes []*exec.Cmd
	api   []string // host:port of each node's API
}

const readyWithin = 30 * time.Second

// probe asks about the group, beside the load.
var probe = &http.Client{Timeout: 5 * time.Second}

func startGroup(ctx context.Context, n int, timing string) (*group, error) {
	dir, err := os.MkdirTemp("", "sidelock-bench-")
	if err != nil {
		return nil, err
	}
	g := &group{dir: dir}
	bin := filepath.Join(dir, "sidelock")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", bin, "github.com/sidelock/sidelock").CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("build: %w: %s", err, out), os.RemoveAll(dir))
	}
	ports, err := freePorts(2 * n)
	if err != nil {
		return nil, err
	}
	var join []string
	for i := range n {
		join = append(join, "127.0.0.1:"+ports[n+i])
	}
	for i := range n {
		args := []string{"serve", "--node", fmt.Sprintf("n%d", i+1), "--data-dir", filepath.Join(dir, strconv.Itoa(i)), "--api-addr", "127.0.0.1:" + ports[i],
			"--peer-addr", join[i], "--raft-timing", timing, "--log-level", "warn"}
		if n > 1 {
			args = append(args, "--cluster-size", strconv.Itoa(n), "--join", strings.Join(join, ","))
		}
		cmd := exec.Command(bin, args...)
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Start(); err != nil {
			g.stop()
			return nil, err
		}
		g.nodes = append(g.nodes, cmd)
		g.api = append(g.api, "127.0.0.1:"+ports[i])
	}
	if err := g.waitReady(ctx); err != nil {
		g.stop()
		return nil, err
	}
	return g, nil
}

// freePorts asks the kernel for ports that are free now.
func freePorts(n int) ([]string, error) {
	var ports []string
	var open []net.Listener
	defer func() {
		for _, l := range open {
			l.Close()
		}
	}()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		open = append(open, l)
		ports = append(ports, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
	return ports, nil
}

func (g *group) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for _, addr := range g.api {
		for {
			if resp, err := probe.Get("http://" + addr + "/readyz?quorum=1"); err == nil {
				resp.Body.Close()
				if resp.StatusCode == http.StatusOK {
					break
				}
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("the sidecar at %s is not ready after %v", addr, readyWithin)
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return nil
}

// choose returns the APIs to drive: all, the Raft leader's, or the others'.
func (g *group) choose(via string) ([]string, error) {
	if via == "all" || len(g.api) == 1 {
		return g.api, nil
	}
	leader := -1
	for i, addr := range g.api {
		var got struct {
			ID     string
			Leader struct{ Name string } `json:"raft_leader"`
		}
		resp, err := probe.Get("http://" + addr + "/v1/cluster")
		if err != nil {
			return nil, err
		}
		err = json.NewDecoder(resp.Body).Decode(&got)
		resp.Body.Close()
		if err != nil {
			return nil, err
		}
		if got.Leader.Name == fmt.Sprintf("n%d", i+1) {
			leader = i
		}
	}
	var chosen []string
	for i, addr := range g.api {
		if (i == leader) == (via == "leader") {
			chosen = append(chosen, addr)
		}
	}
	if leader < 0 || via != "leader" && via != "follower" {
		return nil, fmt.Errorf("-via %s: all, leader or follower, and the group must have a Raft leader", via)
	}
	return chosen, nil
}

// cpu returns the CPU time that the nodes have used so far.
func (g *group) cpu() (total time.Duration) {
	for _, n := range g.nodes {
		total += processCPU(n.Process.Pid)
	}
	return total
}

func (g *group) stop() {
	for _, n := range g.nodes {
		if err := n.Process.Signal(syscall.SIGKILL); err == nil {
			n.Wait()
		}
	}
	os.RemoveAll(g.dir)
}

// processCPU reads user and system time from /proc; zero where there is none.
func processCPU(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100
}
