package raftnode

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode/peer"
	"github.com/sidelock/sidelock/raftnode/store"
)

var errNo = errors.New("the operator says no")

func yes(Survivor) error { return nil }

// loseMajority takes the power of all but one, for good, after they have granted what that one never heard of. It returns the survivor
// and the greatest token granted.
func (w *world) loseMajority() (*host, lease.Token) {
	w.t.Helper()
	survivor := w.follower()
	w.mustHold(w.leader(), lockCommand("kept", "keeper", time.Minute, 1))
	w.sameEverywhere()
	w.isolate(survivor)
	var greatest lease.Token
	for i := range 40 {
		greatest = max(greatest, w.mustHold(w.leader(), lockCommand(fmt.Sprintf("lost%d", i), fmt.Sprintf("loser%d", i), time.Minute, 1)).Token)
	}
	for _, h := range w.hosts {
		h.crash()
	}
	w.net.HealAll()
	return survivor, greatest
}

// recover is what the operator does.
func (h *host) recover() (s Survivor, done Recovered) {
	h.w.t.Helper()
	done, err := Recover(h.dir, "test", func(found Survivor) error { s = found; return nil })
	if err != nil {
		h.w.t.Fatalf("recover %s: %v", h.name, err)
	}
	h.w.ledger = newLedger(h.w.t) // of another history from here on
	return s, done
}

// state is what a stopped host's directory comes to.
func (h *host) state() *lease.State {
	h.w.t.Helper()
	d, err := store.OpenOffline(h.dir, store.Options{Fatal: func(err error) { h.w.t.Error(err) }})
	if err != nil {
		h.w.t.Fatal(err)
	}
	defer d.Close()
	p, err := replay(d)
	if err != nil {
		h.w.t.Fatal(err)
	}
	return p.state
}

// P2 over a recovery: tokens rise above those that the lost majority granted, which the survivor has never seen; and what the survivor
// knew of leases goes on.
func TestRecoveredSurvivorGoesOnAloneAndTokensRise(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		survivor, greatest := w.loseMajority()
		before := survivor.state()
		s, done := survivor.recover()
		if len(s.Members) != 3 || s.Term == 0 || s.Index < before.Index() || s.Counts.LocksHeld != 1 || s.Token >= greatest ||
			time.Since(s.Written) < 0 || time.Since(s.Written) > time.Minute || s.Unfinished {
			t.Errorf("the operator was shown %+v", s)
		}
		if done.Replaced != s.ClusterID || done.ClusterID == s.ClusterID || done.Token <= greatest {
			t.Errorf("recovered as %+v; the greatest token was %d", done, greatest)
		}
		after := survivor.state()
		if after.Now() != before.Now() || after.LastToken() != done.Token || after.Counts() != before.Counts() {
			t.Errorf("the state was at %v with %+v, and is at %v with %+v", before.Now(), before.Counts(), after.Now(), after.Counts())
		}
		w.sleep(time.Hour)
		survivor.start() // with the flags of a group of three, as before
		begin := time.Now()
		w.eventually(5*time.Second, "a Raft leader of one", func() bool { return w.leader() == survivor })
		if n := survivor.up(); n.clusterID() != done.ClusterID || n.Status().ClusterID != done.ClusterID {
			t.Errorf("it is of cluster %s", n.clusterID())
		}
		if out := w.mustHold(survivor, lockCommand("new", "newcomer", time.Minute, 1)); out.Token <= greatest || out.Token <= done.Token {
			t.Errorf("token %d was granted after %d", out.Token, greatest)
		}
		for i := range 40 {
			w.mustHold(survivor, lockCommand(fmt.Sprintf("lost%d", i), fmt.Sprintf("another%d", i), time.Minute, 1)) // only tokens protect them
		}
		if out, err := survivor.up().Acquire(within(50*time.Second), lockCommand("kept", "heir", time.Minute, 1), 49*time.Second); err == nil && out.Standing == lease.Holding {
			t.Errorf("a lease of a minute was over %v after the recovery", time.Since(begin))
		}
		if out, err := survivor.up().Acquire(within(30*time.Second), lockCommand("kept", "heir", time.Minute, 2), 20*time.Second); err != nil || out.Standing != lease.Holding {
			t.Errorf("a lease of a minute is not over %v after the recovery: %+v %v", time.Since(begin), out, err)
		}
		survivor.stop()
		if survivor.state().Digest() != w.ledger.replay(nil).state.Digest() { // which also compares what the node had on its way
			t.Error("what the directory holds is not what the node applied")
		}
	})
}

// TestRecoveryGoesOnFromASnapshot, with a log that has lost its beginning.
func TestRecoveryGoesOnFromASnapshot(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		for i := range 90 {
			name := fmt.Sprintf("l%d", i)
			w.mustHold(w.leader(), lockCommand(name, name, time.Hour, 1))
		}
		w.sleep(3 * time.Second) // snapshots are taken
		survivor, greatest := w.loseMajority()
		before := survivor.state()
		s, done := survivor.recover()
		if s.Counts.LocksHeld != 91 || len(s.Members) != 3 || done.Token <= greatest {
			t.Errorf("shown %+v, recovered as %+v", s, done)
		}
		if after := survivor.state(); after.Counts() != before.Counts() || after.Now() != before.Now() || after.LastToken() != done.Token {
			t.Errorf("the state was %+v and is %+v", before.Counts(), after.Counts())
		}
		survivor.start()
		w.eventually(5*time.Second, "a Raft leader of one", func() bool { return w.leader() == survivor })
		if n := w.holders(survivor, "l7"); n != 1 {
			t.Errorf("%d hold what was held", n)
		}
		for i := range 90 { // and on to the next snapshot, of the new history
			name := fmt.Sprintf("m%d", i)
			if out := w.mustHold(survivor, lockCommand(name, name, time.Hour, 1)); out.Token <= done.Token {
				t.Fatalf("token %d after %d", out.Token, done.Token)
			}
		}
		w.sleep(3 * time.Second)
		survivor.stop()
		survivor.start()
		w.eventually(5*time.Second, "a Raft leader of one, again", func() bool { return w.leader() == survivor })
		if w.holders(survivor, "l7") != 1 || w.holders(survivor, "m80") != 1 {
			t.Error("what was held is not held after a restart")
		}
	}, func(w *world) { w.tune = small })
}

// holders asks a host how many hold a lock.
func (w *world) holders(h *host, name string) int {
	w.t.Helper()
	a, _, err := h.up().Query(within(5*time.Second), lease.Query{Kind: lease.QueryName, Space: lease.Locks, Name: name}, Linearizable)
	if err != nil || a.Info == nil {
		w.t.Fatalf("look at %s: %v %v", name, a.Code, err)
	}
	return a.Info.HolderCount
}

// TestMemberOfTheOldGroupIsRefusedAfterARecovery by its cluster ID, with words that say why, and does not go on by itself.
func TestMemberOfTheOldGroupIsRefusedAfterARecovery(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		survivor, _ := w.loseMajority()
		_, done := survivor.recover()
		survivor.start()
		w.eventually(5*time.Second, "a Raft leader of one", func() bool { return w.leader() == survivor })
		var old *host
		for _, h := range w.hosts {
			if h != survivor {
				old = h
			}
		}
		old.fatals = make(chan error, 1)
		old.start()
		w.eventually(5*time.Second, "an old member that belongs to its cluster", func() bool { return old.up().clusterID() != "" })
		_, _, err := old.up().port.Dial(within(5*time.Second), peer.KindRaft, string(survivor.up().id))
		var refused *peer.HelloError
		if !errors.As(err, &refused) || refused.Code != peer.CodeForeignCluster || !strings.Contains(err.Error(), done.Replaced) ||
			!strings.Contains(err.Error(), fmt.Sprintf("was replaced by recovery as %q", done.ClusterID)) {
			t.Errorf("an old member calls: %v", err)
		}
		select {
		case err := <-old.fatals:
			if !strings.Contains(err.Error(), "Move the data directory away") {
				t.Errorf("an old member ends with: %v", err)
			}
		case <-time.After(time.Minute):
			t.Error("an old member goes on")
		}
		// It has not forgotten that when nobody is there to tell it, nor may anybody make a second group of it.
		old.stop()
		survivor.crash()
		if n, err := Open(Config{DataDir: old.dir, Name: old.name, PeerAddr: old.addr(), Join: []string{survivor.addr()}, ClusterSize: 3},
			Deps{Logger: w.logger(), Recorder: noRecorder{}, Network: w.net.Host(old.name), Fatal: func(error) {}}); err == nil || !strings.Contains(err.Error(), "was replaced by cluster "+done.ClusterID) {
			t.Errorf("opened again: %v", err)
			if n != nil {
				n.Close(t.Context())
			}
		}
		if _, err := Recover(old.dir, "test", yes); err == nil || !strings.Contains(err.Error(), "has been recovered already, as cluster "+done.ClusterID) {
			t.Errorf("recovered too: %v", err)
		}
	})
}

// TestOperatorWhoSaysNoChangesNothing: the node starts as before.
func TestOperatorWhoSaysNoChangesNothing(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		survivor, _ := w.loseMajority()
		before := survivor.state().Digest()
		if _, err := Recover(survivor.dir, "test", func(Survivor) error { return errNo }); !errors.Is(err, errNo) {
			t.Fatal(err)
		}
		if survivor.state().Digest() != before {
			t.Error("the state is another")
		}
		for _, h := range w.hosts {
			h.start()
		}
		w.ready()
		w.mustHold(survivor, lockCommand("after", "client", time.Minute, 1))
	})
}

// TestRecoveryIsRefusedWhereThereIsNothingToRecover: each with what to do instead.
func TestRecoveryIsRefusedWhereThereIsNothingToRecover(t *testing.T) {
	inFakeTime(t, 1, func(w *world) {
		h := w.hosts[0]
		refusal := func(want string) {
			t.Helper()
			if _, err := Recover(h.dir, "test", yes); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("want %q: %v", want, err)
			}
		}
		refusal("stop the sidecar")
		h.stop()
		refusal("has lost nobody")
		h.dir += "-nothing"
		refusal("no data directory")
		d, err := store.Open(h.dir, store.Options{Fatal: func(err error) { t.Error(err) }})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		refusal("belongs to no cluster")
	})
}

// grow adds somebody to the configuration in a stopped node's log.
func grow(t *testing.T, dir string) {
	t.Helper()
	d, err := store.OpenOffline(dir, store.Options{Fatal: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	term, index, err := d.Last()
	if err != nil {
		t.Fatal(err)
	}
	logs, _, _ := d.RaftStores()
	id := raft.ServerID(d.Identity().NodeID)
	both := raft.Configuration{Servers: []raft.Server{{ID: id, Address: raft.ServerAddress(id)}, {ID: "n_other", Address: "n_other"}}}
	if err := logs.StoreLog(&raft.Log{Index: index + 1, Term: term, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(both)}); err != nil {
		t.Fatal(err)
	}
}

// TestSecondRecoveryRaisesTokensAgain: each has an identity and a floor of its own.
func TestSecondRecoveryRaisesTokensAgain(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		survivor, _ := w.loseMajority()
		_, first := survivor.recover()
		// The group of one has lost nobody; but let it have taken somebody in, who is lost too.
		grow(t, survivor.dir)
		w.sleep(time.Minute)
		s, second := survivor.recover()
		if second.Token < first.Token+lease.Token(time.Minute.Microseconds()) || !slices.Equal(s.Replaced, []string{first.Replaced}) || second.Replaced != first.ClusterID {
			t.Errorf("first %+v, second %+v, shown %+v", first, second, s)
		}
		survivor.start()
		w.eventually(5*time.Second, "a Raft leader of one", func() bool { return w.leader() == survivor })
		if got := survivor.up().identity().Ancestors; !slices.Equal(got, []string{first.ClusterID, first.Replaced}) {
			t.Errorf("ancestors %v", got)
		}
	})
}
