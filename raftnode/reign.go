package raftnode

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"github.com/sidelock/sidelock/lease"
)

// reign is one term of this node as Raft leader, with all that a leader does: group commit, cluster time, ticks,
// confirmation of reads. It ends with its term, and nothing of it outlives that.
type reign struct {
	term     uint64
	began    time.Time
	member   *member
	raft     *raft.Raft
	machine  *machine
	clock    Clock
	recorder Recorder
	log      *slog.Logger

	queue    *queue
	confirms *confirmer
	stamps   *stamper
	sealed   time.Duration // when the last entry was proposed, by the steady clock
	applied  chan struct{} // has a value when an entry of this reign was applied
	inFlight chan struct{}
	entries  sync.WaitGroup
	closed   <-chan struct{} // when raft has been shut down
	over     chan struct{}   // closed when an entry shows that the term is over
	overOnce sync.Once
	failed   atomic.Bool // it could not begin to serve
}

var errReignOver = fmt.Errorf("the Raft leader's term is over: %w", errNothing)

func newReign(n *Node, m *member, term uint64) *reign {
	return &reign{
		term: term, began: time.Now(), member: m, raft: m.raft, machine: n.machine, clock: n.deps.Clock, recorder: n.deps.Recorder,
		log: n.log.With("term", term), queue: newQueue(), confirms: newConfirmer(m, n.id, term),
		applied: make(chan struct{}, 1), inFlight: make(chan struct{}, maxInFlight), over: make(chan struct{}),
		closed: m.down,
	}
}

// prepare makes the reign ready to serve: everything committed before has been applied, and the group's settings
// are in the log.
func (r *reign) prepare(ctx context.Context, boot lease.Command) error {
	if err := wait(ctx, r.raft.Barrier(0)); err != nil {
		return fmt.Errorf("barrier: %w", err)
	}
	// The barrier may have been committed in a later term, in which base would not be this one's.
	if !r.current() {
		return errReignOver
	}
	var booted bool
	r.machine.read(func(s *lease.State) {
		_, booted = s.Settings()
		r.stamps = newStamper(r.clock, s.Now())
	})
	if booted {
		return nil
	}
	if err := CheckWallClock(time.UnixMicro(int64(boot.Token))); err != nil {
		return err
	}
	entry := lease.Entry{Term: r.term, Now: r.stamps.stamp(), Wall: int64(boot.Token), Commands: []lease.Command{boot}}
	future := r.raft.Apply(lease.AppendEntry(nil, &entry), enqueueTimeout)
	if err := wait(ctx, future); err != nil {
		return fmt.Errorf("write the group's settings: %w", err)
	}
	if results, _ := future.Response().([]lease.Result); len(results) != 1 || results[0].Code != lease.OK {
		return errors.New("the group's settings were refused")
	}
	return nil
}

// current tells whether this node still leads in the reign's term.
func (r *reign) current() bool {
	return r.raft.State() == raft.Leader && r.raft.CurrentTerm() == r.term
}

// run seals batches until the context or the term ends.
func (r *reign) run(ctx context.Context) {
	defer r.entries.Wait()
	defer r.queue.close(errReignOver)
	r.sealed = r.clock.Steady()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if due, ok := r.tickIn(); ok {
			timer.Reset(due)
		} else {
			timer.Stop()
		}
		tick := false
		select {
		case <-ctx.Done():
			return
		case <-r.over:
			return
		case <-r.applied:
			continue
		case <-timer.C:
			tick = true
		case <-r.queue.ready:
		}
		select { // under load the batch grows while two entries are on their way
		case <-ctx.Done():
			return
		case <-r.over:
			return
		case r.inFlight <- struct{}{}:
		}
		batch := r.queue.take()
		if len(batch) == 0 && !tick {
			<-r.inFlight
			continue
		}
		r.seal(batch)
	}
}

// tickIn returns how long until an empty entry is due: when the earliest deadline passes, and at least every tickEvery, so that a
// change of leader costs little lateness. With no deadline pending, none is.
func (r *reign) tickIn() (time.Duration, bool) {
	deadline, ok := r.machine.nextDeadline()
	if !ok {
		return 0, false
	}
	due := tickEvery - (r.clock.Steady() - r.sealed)
	if deadline > r.stamps.last { // else an entry that will end it is on its way
		due = min(due, deadline.Sub(r.stamps.peek()))
	}
	return max(due, 0), true
}

// seal closes a batch, stamps it, and proposes it. The order matters: a command that joined after the stamp would have
// its deadline too early.
func (r *reign) seal(batch []*proposal) {
	size := 0
	for _, p := range batch {
		size += len(p.command)
	}
	now := r.clock.Steady()
	data := lease.AppendEntryHead(make([]byte, 0, size+32), r.term, r.stamps.stamp(), time.Now().UnixMicro(), len(batch))
	for _, p := range batch {
		data = append(data, p.command...)
	}
	r.sealed = now
	future := r.raft.Apply(data, enqueueTimeout)
	r.entries.Add(1)
	go func() {
		defer r.entries.Done()
		r.deliver(batch, future)
		r.recorder.Batch(len(batch))
		r.recorder.Commit((r.clock.Steady() - now).Seconds())
	}()
}

// deliver waits for an entry and gives everybody their result.
func (r *reign) deliver(batch []*proposal, future raft.ApplyFuture) {
	err := r.wait(future)
	<-r.inFlight
	var results []lease.Result
	if err == nil {
		switch response := future.Response().(type) {
		case []lease.Result:
			results = response
		case error:
			err = response // this node cannot apply it; others may
		}
		if results == nil && err == nil {
			err = errReignOver // ignored for its term
		}
	} else {
		err = classify(err)
	}
	if err != nil {
		r.overOnce.Do(func() { close(r.over) })
		for _, p := range batch {
			p.done(lease.Result{}, err)
		}
		return
	}
	select {
	case r.applied <- struct{}{}:
	default:
	}
	for i, p := range batch {
		if left := results[i].Left; left > 0 {
			r.recorder.RenewalMargin(float64(left) / float64(results[i].TTL))
		}
		p.done(results[i], nil)
	}
}

// wait waits for an entry, or for the end of this node: raft answers no entry any more that it had handed on when it was shut
// down. The outcome is unknown then.
func (r *reign) wait(future raft.ApplyFuture) error {
	back := make(chan error, 1)
	go func() { back <- future.Error() }()
	select {
	case err := <-back:
		return err
	case <-r.closed:
		return errClosed
	}
}

var errClosed = errors.New("this node has stopped")

// classify says what an error of raft tells about an entry (raft.md, "What an error tells"). raft gives ErrRaftShutdown
// both before and after it has taken an entry, so that counts as unknown.
func classify(err error) error {
	switch {
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrEnqueueTimeout),
		errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return fmt.Errorf("%w: %w", errNothing, err)
	}
	return err
}

// wait waits for a future, or no longer than the context. The goroutine that waits on ends with the future.
func wait(ctx context.Context, f raft.Future) error {
	done := make(chan error, 1)
	go func() { done <- f.Error() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// builtAfter is a day before which no group can have been made. A clock that says otherwise would start the tokens
// below those of an earlier group.
var builtAfter = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// CheckWallClock tells why a clock that says now cannot be right.
func CheckWallClock(now time.Time) error {
	if now.Before(builtAfter) {
		return fmt.Errorf("the clock says %s, which is before this program was built: set it right, or fencing tokens would not rise above those of an earlier group", now.UTC().Format(time.RFC3339))
	}
	return nil
}
