package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// result is one row.
type result struct {
	Work      string  `json:"work"`
	Nodes     int     `json:"nodes"`
	Via       string  `json:"via"`
	Clients   int     `json:"clients"`
	Rate      int     `json:"rate,omitempty"`
	PerSecond float64 `json:"per_second"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	Max       float64 `json:"max_ms"`
	NodeCPU   float64 `json:"nodes_cpu_us"`
	DriverCPU float64 `json:"driver_cpu_us"`
	Count     int     `json:"count"`
	Errors    int64   `json:"errors"`
	Error     string  `json:"first_error,omitempty"`
}

const header = "work       nodes  via       clients       /s    p50 ms    p99 ms    max ms  node µs  driver µs   errors"

func (r result) String() string {
	s := fmt.Sprintf("%-10s %5d  %-8s %8d %8.0f  %8.2f  %8.2f  %8.2f  %7.0f  %9.0f  %7d", r.Work, r.Nodes, r.Via, r.Clients,
		r.PerSecond, r.P50, r.P99, r.Max, r.NodeCPU, r.DriverCPU, r.Errors)
	if r.Error != "" {
		s += "\n           first error: " + r.Error
	}
	return s
}

// load is one run with a number of clients.
type load struct {
	work    *work
	clients []*client
	gap     time.Duration // between two requests of one client; 0: closed loop

	counting atomic.Bool
	errors   atomic.Int64
	first    atomic.Pointer[error]
}

func measure(ctx context.Context, g *group, o options, clients int) (result, error) {
	addrs, err := g.choose(o.via)
	if err != nil {
		return result{}, err
	}
	l := &load{work: works[o.work]}
	if o.rate > 0 {
		l.gap = time.Duration(clients) * time.Second / time.Duration(o.rate)
	}
	for i := range clients {
		c, err := dial(addrs[i%len(addrs)])
		if err != nil {
			return result{}, err
		}
		defer c.Close()
		l.clients = append(l.clients, &client{conn: c, number: i})
	}
	if l.work.prepare != nil {
		if err := l.each(func(c *client) error { return l.work.prepare(c, o, clients) }); err != nil {
			return result{}, fmt.Errorf("prepare: %w", err)
		}
	}
	samples, nodes, driver, took := l.run(ctx, g, o)
	if err := ctx.Err(); err != nil {
		return result{}, err
	}
	r := result{Work: o.work, Nodes: o.nodes, Via: o.via, Clients: clients, Rate: o.rate, Count: len(samples), Errors: l.errors.Load()}
	r.fill(samples, nodes, driver, took)
	if first := l.first.Load(); first != nil {
		r.Error = (*first).Error()
	}
	return r, l.each(tidy)
}

func (l *load) each(do func(*client) error) error {
	errs := make([]error, len(l.clients))
	var wg sync.WaitGroup
	for i, c := range l.clients {
		wg.Go(func() { errs[i] = do(c) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// run drives the load and returns the latencies of the counted part.
func (l *load) run(ctx context.Context, g *group, o options) (samples []time.Duration, nodes, driver, took time.Duration) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	all := make([][]time.Duration, len(l.clients))
	var wg sync.WaitGroup
	for i, c := range l.clients {
		wg.Go(func() { all[i] = l.drive(ctx, c) })
	}
	rest(ctx, o.warmup)
	nodes, driver = g.cpu(), processCPU(os.Getpid())
	start := time.Now()
	l.counting.Store(true)
	rest(ctx, o.duration)
	l.counting.Store(false)
	took = time.Since(start)
	nodes, driver = g.cpu()-nodes, processCPU(os.Getpid())-driver
	cancel()
	wg.Wait()
	return slices.Concat(all...), nodes, driver, took
}

func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// drive is one client's loop. With a schedule, a request that starts late counts from when it was due.
func (l *load) drive(ctx context.Context, c *client) (samples []time.Duration) {
	due := time.Now()
	for ctx.Err() == nil {
		late := time.Duration(0)
		if l.gap > 0 {
			due = due.Add(l.gap)
			rest(ctx, time.Until(due))
			late = max(0, time.Since(due))
		}
		took, err := l.work.step(c)
		switch {
		case !l.counting.Load():
		case err != nil:
			l.errors.Add(1)
			l.first.CompareAndSwap(nil, &err)
		default:
			samples = append(samples, took+late)
		}
		var odd *unexpected
		if err != nil && !errors.As(err, &odd) {
			return samples // the connection is gone
		}
	}
	return samples
}

func (r *result) fill(samples []time.Duration, nodes, driver, took time.Duration) {
	if len(samples) == 0 {
		return
	}
	slices.Sort(samples)
	at := func(q float64) float64 {
		return float64(samples[min(len(samples)-1, int(q*float64(len(samples))))].Microseconds()) / 1000
	}
	n := float64(len(samples))
	r.PerSecond = n / took.Seconds()
	r.P50, r.P99, r.Max = at(0.50), at(0.99), at(1)
	r.NodeCPU = float64(nodes.Microseconds()) / n
	r.DriverCPU = float64(driver.Microseconds()) / n
}
