package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

const nodes, basePort, keptLeases = 3, 23790, 10000

type client struct {
	*clientv3.Client
	number int
	of     int // clients of this run: what an earlier one left behind is not in the way
	lease  clientv3.LeaseID
	leases []clientv3.LeaseID
	turn   int
}

type work struct {
	prepare func(context.Context, *client, int) error
	step    func(context.Context, *client) (time.Duration, error)
}

var works = map[string]work{
	"acquire": {session, acquire},
	"fresh":   {nil, fresh},
	"renew":   {manyLeases, renew},
	"read":    {put, read},
}

func main() {
	name := flag.String("work", "acquire", "acquire, fresh, renew or read")
	clients := flag.String("clients", "1,64,256", "numbers of clients, one run each")
	length := flag.Duration("for", 5*time.Second, "length of each run")
	flag.Parse()
	if err := run(*name, *clients, *length); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(name, clients string, length time.Duration) error {
	w, ok := works[name]
	if !ok {
		return fmt.Errorf("unknown work %q", name)
	}
	stop, err := start()
	if err != nil {
		return err
	}
	defer stop()
	for _, s := range strings.Split(clients, ",") {
		n, err := strconv.Atoi(s)
		if err != nil {
			return err
		}
		if err := measure(name, w, n, length); err != nil {
			return err
		}
	}
	return nil
}

// start runs three members on loopback, with etcd's defaults.
func start() (stop func(), err error) {
	dir, err := os.MkdirTemp("", "etcd-bench-")
	if err != nil {
		return nil, err
	}
	var members []string
	for i := range nodes {
		members = append(members, fmt.Sprintf("e%d=http://127.0.0.1:%d", i, basePort+10*i+1))
	}
	var running []*exec.Cmd
	stop = func() {
		for _, c := range running {
			c.Process.Signal(syscall.SIGKILL)
			c.Wait()
		}
		os.RemoveAll(dir)
	}
	for i := range nodes {
		api, peer := fmt.Sprintf("http://127.0.0.1:%d", basePort+10*i), fmt.Sprintf("http://127.0.0.1:%d", basePort+10*i+1)
		c := exec.Command("etcd", "--name", fmt.Sprintf("e%d", i), "--data-dir", filepath.Join(dir, strconv.Itoa(i)), "--listen-client-urls", api,
			"--advertise-client-urls", api, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
			"--initial-cluster", strings.Join(members, ","), "--log-level", "error")
		if err := c.Start(); err != nil {
			stop()
			return nil, err
		}
		running = append(running, c)
	}
	return stop, nil
}

func endpoint(i int) []string { return []string{fmt.Sprintf("127.0.0.1:%d", basePort+10*(i%nodes))} }

func measure(name string, w work, n int, length time.Duration) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	all := make([]*client, n)
	for i := range all {
		c, err := clientv3.New(clientv3.Config{Endpoints: endpoint(i), DialTimeout: 20 * time.Second, Logger: zap.NewNop()})
		if err != nil {
			return err
		}
		defer c.Close()
		all[i] = &client{Client: c, number: i, of: n}
		if w.prepare != nil {
			if err := w.prepare(ctx, all[i], n); err != nil {
				return fmt.Errorf("prepare: %w", err)
			}
		}
	}
	var counting atomic.Bool
	var failed atomic.Int64
	samples := make([][]time.Duration, n)
	var wg sync.WaitGroup
	for i, c := range all {
		wg.Go(func() {
			for ctx.Err() == nil {
				took, err := w.step(ctx, c)
				switch {
				case !counting.Load():
				case err != nil:
					failed.Add(1)
				default:
					samples[i] = append(samples[i], took)
				}
			}
		})
	}
	time.Sleep(2 * time.Second)
	counting.Store(true)
	began := time.Now()
	time.Sleep(length)
	counting.Store(false)
	took := time.Since(began)
	cancel()
	wg.Wait()
	flat := slices.Concat(samples...)
	if len(flat) == 0 {
		return errors.New("nothing was measured")
	}
	slices.Sort(flat)
	fmt.Printf("etcd %-8s %4d clients %8.0f/s  p50 %6.2f ms  p99 %6.2f ms  errors %d\n", name, n, float64(len(flat))/took.Seconds(),
		float64(flat[len(flat)/2].Microseconds())/1e3, float64(flat[len(flat)*99/100].Microseconds())/1e3, failed.Load())
	return nil
}

func session(ctx context.Context, c *client, _ int) error {
	l, err := c.Grant(ctx, 3600)
	if err == nil {
		c.lease = l.ID
	}
	return err
}

// acquire is the core of etcd's own mutex when it is free: put if absent, and delete.
func acquire(ctx context.Context, c *client) (time.Duration, error) {
	start := time.Now()
	if err := c.take(ctx, c.lease); err != nil {
		return 0, err
	}
	took := time.Since(start)
	_, err := c.Delete(ctx, c.key())
	return took, err
}

func (c *client) key() string { return fmt.Sprintf("own-%d-%d", c.of, c.number) }

func (c *client) take(ctx context.Context, lease clientv3.LeaseID) error {
	r, err := c.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision(c.key()), "=", 0)).
		Then(clientv3.OpPut(c.key(), "", clientv3.WithLease(lease))).Commit()
	if err == nil && !r.Succeeded {
		err = errors.New("held")
	}
	return err
}

func fresh(ctx context.Context, c *client) (time.Duration, error) {
	start := time.Now()
	l, err := c.Grant(ctx, 30)
	if err == nil {
		err = c.take(ctx, l.ID)
	}
	if err != nil {
		return 0, err
	}
	took := time.Since(start)
	_, err = c.Revoke(ctx, l.ID)
	return took, err
}

func manyLeases(ctx context.Context, c *client, clients int) error {
	for i := c.number; i < keptLeases; i += clients {
		l, err := c.Grant(ctx, 3600)
		if err != nil {
			return err
		}
		c.leases = append(c.leases, l.ID)
	}
	return nil
}

func renew(ctx context.Context, c *client) (time.Duration, error) {
	c.turn++
	start := time.Now()
	_, err := c.KeepAliveOnce(ctx, c.leases[c.turn%len(c.leases)])
	return time.Since(start), err
}

func put(ctx context.Context, c *client, _ int) error {
	_, err := c.Put(ctx, c.key(), "value")
	return err
}

func read(ctx context.Context, c *client) (time.Duration, error) {
	start := time.Now()
	_, err := c.Get(ctx, c.key())
	return time.Since(start), err
}
