package form

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Form runs the agreement until this node belongs to a group, and returns the
// group: the same ClusterID and the same IDs and voters on all its nodes. A
// node that has joined before gets its group at once. A node that has promised
// nothing and meets a formed group, the only one that its addresses lead to, gets
// Result.Met: joining is that group's decision, and the caller's to ask for (see
// Adopted). If it comes to nothing, Form may be called again.
// Errors: of the context, of the keeper, *ConflictError, *ForgottenError.
func (f *Former) Form(ctx context.Context) (Result, error) {
	if r, ok := f.joined(); ok {
		return r, nil
	}
	f.lookAgain()
	if f.cfg.Find != nil {
		looking, stop := context.WithCancel(ctx)
		var scout sync.WaitGroup
		scout.Go(func() { f.scout(looking) })
		defer func() { stop(); scout.Wait() }()
	}
	changed, last := time.Now(), ""
	for {
		start := time.Now()
		seen := f.round(ctx)
		if err := ctx.Err(); err != nil {
			return Result{}, fmt.Errorf("forming a group: %w; until then: %s", context.Cause(ctx), f.Waiting())
		}
		if slow := f.tooSlow(seen); time.Since(start) > slow {
			continue // this process stood still: what it saw is no longer true
		}
		step, err := f.decide(seen)
		if err != nil {
			return Result{}, err
		}
		switch {
		case step.promise != nil:
			if err := f.promise(*step.promise); err != nil {
				return Result{}, err
			}
			changed = time.Now()
			continue // others wait for it
		case step.form:
			return f.join()
		case step.met != nil:
			return Result{Met: step.met}, nil
		}
		if step.waiting != last {
			last, changed = step.waiting, time.Now()
		}
		f.logWaiting(step.waiting)
		f.pause(ctx, time.Since(changed), step.until)
	}
}

// tooSlow is how long no round takes whose process is running.
func (f *Former) tooSlow(seen map[string]answer) time.Duration {
	return 2 * f.cfg.ProbeTimeout * time.Duration(1+len(seen)/probesAtOnce)
}

// logWaiting logs a reason when it changes, at most every LogEvery: texts of
// network errors may change with every try.
func (f *Former) logWaiting(why string) {
	if why == f.logged || time.Since(f.loggedAt) < LogEvery {
		return
	}
	f.logged, f.loggedAt = why, time.Now()
	f.cfg.Logger.Info("waiting to form a group", "reason", why)
}

// joined returns the group of a node that belongs to one.
func (f *Former) joined() (Result, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.status.Phase != Joined:
		return Result{}, false
	case f.status.Promise == nil:
		return Result{ClusterID: f.status.ClusterID}, true
	}
	r := f.status.Promise.result(f.labels)
	r.ClusterID = f.status.ClusterID
	return r, true
}

// pause waits for the next round: Poll, more after a long time without change,
// less if until (when a promise becomes possible) comes earlier.
func (f *Former) pause(ctx context.Context, unchanged, until time.Duration) {
	d := f.cfg.Poll
	if unchanged > PatientAfter {
		d = max(d, MaxPoll)
	}
	if until > 0 {
		d = min(d, until)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// promise writes a promise and only then lets it be seen.
func (f *Former) promise(p Promise) error {
	f.cfg.Logger.Info("promising to found a group", "nodes", p.Nodes, "voters", p.Voters, "cluster_id", p.ClusterID())
	members := map[string]Label{}
	f.mu.Lock()
	p.label(members, f.labels)
	f.mu.Unlock()
	if err := f.keeper.SavePromise(p, members); err != nil {
		return fmt.Errorf("writing the promise to found a group: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.setPromise(p)
	return nil
}

// join writes membership and only then lets it be seen.
func (f *Former) join() (Result, error) {
	f.mu.Lock()
	r := f.status.Promise.result(f.labels)
	f.mu.Unlock()
	if err := f.keeper.SaveJoined(r); err != nil {
		return Result{}, fmt.Errorf("writing membership of cluster %s: %w", r.ClusterID, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.setJoined(r.ClusterID)
	f.waiting = ""
	f.cfg.Logger.Info("group formed", "cluster_id", r.ClusterID, "members", len(r.Members))
	return r, nil
}

// answer is what one address said in one round.
type answer struct {
	status Status
	err    error
}

// round probes every address of the union but our own, at the same time.
func (f *Former) round(ctx context.Context) map[string]answer {
	mine := f.Status()
	addrs := slices.DeleteFunc(slices.Clone(mine.Union), func(a string) bool { return a == mine.Address })
	answers := make([]answer, len(addrs))
	slots := make(chan struct{}, probesAtOnce)
	var wg sync.WaitGroup
	for i, addr := range addrs {
		wg.Add(1)
		slots <- struct{}{}
		go func() {
			defer func() { <-slots; wg.Done() }()
			answers[i] = f.probe(ctx, addr, mine)
		}()
	}
	wg.Wait()
	seen := map[string]answer{mine.Address: {status: mine}}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, addr := range addrs {
		seen[addr] = answers[i]
		if answers[i].err == nil {
			f.learn(answers[i].status, false)
		}
	}
	return seen
}

func (f *Former) probe(ctx context.Context, addr string, mine Status) answer {
	ctx, cancel := context.WithTimeout(ctx, f.cfg.ProbeTimeout)
	defer cancel()
	s, err := f.prober.Probe(ctx, addr, mine)
	if err != nil {
		return answer{err: fmt.Errorf("cannot be reached (%w)", err)}
	}
	return answer{status: s, err: s.Check()}
}
