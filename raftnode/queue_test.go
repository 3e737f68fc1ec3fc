package raftnode

import (
	"errors"
	"testing"

	"github.com/sidelock/sidelock/lease"
)

func proposalOf(size int) *proposal {
	return &proposal{command: make([]byte, size), done: func(lease.Result, error) {}}
}

// Load is refused before renewals and releases are.
func TestFullQueueStillTakesRenewalsAndReleases(t *testing.T) {
	q := newQueue()
	for range queueLimit {
		if err := q.push(proposalOf(1), false); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.push(proposalOf(1), false); !errors.Is(err, errFull) {
		t.Errorf("beyond the limit: %v", err)
	}
	for range queueReserve {
		if err := q.push(proposalOf(1), true); err != nil {
			t.Fatalf("a renewal was refused: %v", err)
		}
	}
	if err := q.push(proposalOf(1), true); !errors.Is(err, errFull) {
		t.Errorf("beyond the reserve: %v", err)
	}
	q.take()
	if err := q.push(proposalOf(1), true); err != nil {
		t.Errorf("after a batch was taken: %v", err)
	}
}

func TestWhatKeepsOrFreesALeaseIsVital(t *testing.T) {
	vitals := map[lease.Op]bool{lease.OpRenew: true, lease.OpRenewLease: true, lease.OpKeepAlive: true, lease.OpRelease: true,
		lease.OpRevokeLease: true, lease.OpWithdraw: true, lease.OpOpenSession: true}
	for op := lease.OpOpenSession; op <= lease.OpKeepAlive; op++ {
		if vital(op) != vitals[op] {
			t.Errorf("operation %d: vital %v", op, vital(op))
		}
	}
}

func TestBatchIsBoundedByCountAndBytesAndKeepsTheOrder(t *testing.T) {
	q := newQueue()
	var pushed []*proposal
	for range maxBatchCommands + 5 {
		pushed = append(pushed, proposalOf(1))
		q.push(pushed[len(pushed)-1], false)
	}
	batch := q.take()
	if len(batch) != maxBatchCommands {
		t.Fatalf("%d commands", len(batch))
	}
	for i, p := range batch {
		if p != pushed[i] {
			t.Fatalf("command %d is out of order", i)
		}
	}
	select {
	case <-q.ready:
	default:
		t.Error("the rest does not ask for a batch")
	}
	if n := len(q.take()); n != 5 {
		t.Errorf("then %d", n)
	}
	if q.take() != nil {
		t.Error("then more")
	}

	for range 3 {
		q.push(proposalOf(maxBatchBytes/2+1), false)
	}
	q.push(proposalOf(2*maxBatchBytes), false) // one that is too large goes alone
	for i, want := range []int{1, 1, 1, 1, 0} {
		if n := len(q.take()); n != want {
			t.Errorf("batch %d has %d commands, want %d", i, n, want)
		}
	}
}

// A cancelled command is in no batch, and one in a batch cannot be cancelled.
func TestCancelAndSealExcludeEachOther(t *testing.T) {
	q := newQueue()
	a, b := proposalOf(1), proposalOf(1)
	q.push(a, false)
	q.push(b, false)
	if !a.cancel() || a.cancel() {
		t.Error("a waiting command could not be cancelled once")
	}
	if batch := q.take(); len(batch) != 1 || batch[0] != b {
		t.Errorf("the batch has %d commands", len(batch))
	}
	if b.cancel() {
		t.Error("a sealed command was cancelled")
	}
}

// What waits when a reign ends was never proposed, and each caller hears so once.
func TestClosedQueueFailsWhatWaitsWithNothingHappened(t *testing.T) {
	q := newQueue()
	heard := map[string]int{}
	add := func(name string) *proposal {
		p := &proposal{command: []byte{1}, done: func(_ lease.Result, err error) {
			heard[name]++
			if !errors.Is(err, errNothing) {
				t.Errorf("%s: %v", name, err)
			}
		}}
		if err := q.push(p, false); err != nil {
			t.Fatal(err)
		}
		return p
	}
	add("sealed")
	q.take()
	add("waiting")
	add("cancelled").cancel()
	q.close(errReignOver)
	if heard["waiting"] != 1 || heard["sealed"] != 0 || heard["cancelled"] != 0 {
		t.Errorf("heard: %v", heard)
	}
	if err := q.push(proposalOf(1), true); !errors.Is(err, errNothing) {
		t.Errorf("a closed queue took a command: %v", err)
	}
}

func TestBeyondItsQueueALeaderSaysOverloaded(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		l, f := w.leader(), w.follower()
		w.mustHold(l, lockCommand("l", "holder", w.timing.MinTTL*60, 1))
		w.mustHold(f, lockCommand("m", "other", w.timing.MinTTL*60, 1))
		r := l.up().reigning()
		l.clock.freeze() // the batcher takes nothing
		w.sleep(2 * tickEvery)
		for r.queue.push(proposalOf(1), false) == nil {
		}
		for _, h := range []*host{l, f} {
			if _, err := h.up().Acquire(within(tickEvery*4), lockCommand("n", "late"+h.name, w.timing.MinTTL, 1), 0); codeOf(err) != Overloaded {
				t.Errorf("%s: %v", h.name, err)
			}
		}
		back := make(chan error, 1)
		go func() {
			_, err := f.up().Do(within(tickEvery*40), lease.Command{Op: lease.OpRenew, Space: lease.Locks, Name: "m", Lease: leaseOf("other")})
			back <- err
		}()
		w.sleep(tickEvery)
		r.queue.mu.Lock()
		for _, p := range r.queue.waiting { // the filling is no command
			if len(p.command) == 1 {
				p.cancel()
			}
		}
		r.queue.mu.Unlock()
		l.clock.thaw()
		if err := <-back; err != nil {
			t.Errorf("a renewal under load: %v", err)
		}
	})
}
