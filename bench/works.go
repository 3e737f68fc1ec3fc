package main

import (
	"fmt"
	"net/http"
	"time"
)

// client is one of many that load the group. A step is one unit of its work; it reports the latency of what counts.
type client struct {
	*conn
	number int
	names  []string // of locks it holds
	leases []string
	turn   int
}

// work is a kind of load.
type work struct {
	prepare func(*client, options, int) error    // before the clock runs
	step    func(*client) (time.Duration, error) // one unit, and the latency that counts
}

var works = map[string]*work{
	"acquire":  {step: acquireRelease},
	"renew":    {prepare: holdShare, step: renew},
	"read":     {prepare: holdShare, step: read},
	"handover": {step: handOver},
}

type unexpected struct {
	what   string
	status int
	body   string
}

func (u *unexpected) Error() string { return fmt.Sprintf("%s: %d %.200s", u.what, u.status, u.body) }

func (c *client) expect(what, method, path, form string, want int) error {
	status, err := c.do(method, path, form)
	if err != nil {
		return err
	}
	if status != want {
		return &unexpected{what, status, string(c.body)}
	}
	return nil
}

// acquireRelease is one cycle: a fresh lease each time, a commit each way. The acquire's latency counts.
func acquireRelease(c *client) (time.Duration, error) {
	path := fmt.Sprintf("/v1/locks/own-%d", c.number)
	start := time.Now()
	if err := c.expect("acquire", http.MethodPost, path, "ttl=30s", http.StatusCreated); err != nil {
		return 0, err
	}
	took := time.Since(start)
	return took, c.expect("release", http.MethodDelete, path, "lease="+c.field("lease"), http.StatusOK)
}

// holdShare makes this client hold its share of the locks.
func holdShare(c *client, o options, clients int) error {
	for i := c.number; i < o.leases; i += clients {
		name := fmt.Sprintf("held-%d", i)
		if err := c.expect("acquire", http.MethodPost, "/v1/locks/"+name, "ttl=1h", http.StatusCreated); err != nil {
			return err
		}
		c.names, c.leases = append(c.names, name), append(c.leases, c.field("lease"))
	}
	return nil
}

func renew(c *client) (time.Duration, error) {
	i := c.turn % len(c.names)
	c.turn++
	start := time.Now()
	err := c.expect("renew", http.MethodPut, "/v1/locks/"+c.names[i], "lease="+c.leases[i], http.StatusOK)
	return time.Since(start), err
}

func read(c *client) (time.Duration, error) {
	i := c.turn % len(c.names)
	c.turn++
	start := time.Now()
	err := c.expect("read", http.MethodGet, "/v1/locks/"+c.names[i], "", http.StatusOK)
	return time.Since(start), err
}

// handOver waits for one lock that all clients want, and gives it up at once. What counts is the throughput of grants: each
// is a hand-over; the mean time between two is the latency of one.
func handOver(c *client) (time.Duration, error) {
	start := time.Now()
	if err := c.expect("acquire", http.MethodPost, "/v1/locks/contended", "ttl=30s&wait=60s", http.StatusCreated); err != nil {
		return 0, err
	}
	took := time.Since(start)
	return took, c.expect("release", http.MethodDelete, "/v1/locks/contended", "lease="+c.field("lease"), http.StatusOK)
}

// tidy gives back what prepare took.
func tidy(c *client) error {
	for i, name := range c.names {
		if err := c.expect("release", http.MethodDelete, "/v1/locks/"+name, "lease="+c.leases[i], http.StatusOK); err != nil {
			return err
		}
	}
	return nil
}
