package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"
)

type options struct {
	work     string
	clients  []int
	nodes    int
	duration time.Duration
	warmup   time.Duration
	rate     int
	leases   int
	via      string
	timing   string
	json     bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	o, err := parse()
	if err == nil {
		err = run(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse() (options, error) {
	var o options
	clients := flag.String("clients", "1,64,256", "numbers of clients, one run each")
	flag.StringVar(&o.work, "work", "acquire", "acquire, renew, read or handover")
	flag.IntVar(&o.nodes, "nodes", 3, "sidecars")
	flag.DurationVar(&o.duration, "for", 10*time.Second, "length of each run")
	flag.DurationVar(&o.warmup, "warmup", 2*time.Second, "not counted, before each run")
	flag.IntVar(&o.rate, "rate", 0, "requests per second on a fixed schedule; 0: as fast as they are answered")
	flag.IntVar(&o.leases, "leases", 10000, "locks held beforehand, for renew and read")
	flag.StringVar(&o.via, "via", "all", "which sidecars are driven: all, leader or follower")
	flag.StringVar(&o.timing, "raft-timing", "lan", "timing profile of the group")
	flag.BoolVar(&o.json, "json", false, "print JSON lines instead of a table")
	flag.Parse()
	for _, s := range strings.Split(*clients, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return o, fmt.Errorf("-clients %q: numbers from 1, with commas between", *clients)
		}
		o.clients = append(o.clients, n)
	}
	if works[o.work] == nil {
		return o, fmt.Errorf("-work %q: acquire, renew, read or handover", o.work)
	}
	return o, nil
}

func run(ctx context.Context, o options) error {
	g, err := startGroup(ctx, o.nodes, o.timing)
	if err != nil {
		return err
	}
	defer g.stop()
	if !o.json {
		fmt.Println(header)
	}
	for _, clients := range o.clients {
		r, err := measure(ctx, g, o, clients)
		if err != nil {
			return err
		}
		if o.json {
			err = json.NewEncoder(os.Stdout).Encode(r)
		} else {
			_, err = fmt.Println(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
