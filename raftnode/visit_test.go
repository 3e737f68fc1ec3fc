package raftnode

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sidelock/sidelock/raftnode/form"
	"github.com/sidelock/sidelock/raftnode/peer"
)

// guest is a peer port of somebody who is no sidecar, on a host of its own.
func guest(w *world, host string, who peer.Identity) *peer.Port {
	w.t.Helper()
	who.Name = host
	port, err := peer.Listen(peer.Config{Network: w.net.Host(host), Listen: host + ":5626", Identity: func() peer.Identity { return who }})
	if err != nil {
		w.t.Fatal(err)
	}
	return port
}

func TestVisitorLearnsOfTheGroupAndLeavesNoTrace(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		port := guest(w, "guest", peer.Identity{Address: "guest:5626"})
		defer port.Close()
		leader := w.leader()
		for _, h := range w.hosts {
			v, err := Ask(context.Background(), port, h.addr(), false)
			if err != nil {
				t.Fatal(err)
			}
			n := h.up()
			if v.Hello.NodeID != string(n.id) || v.Hello.ClusterID != n.clusterID() || v.Hello.About.Release != "test" || v.Status.Phase != form.Joined || len(v.Status.Members) != 3 {
				t.Errorf("%s says %+v", h.name, v)
			}
			if v.LeaderName != leader.name || v.LeaderID != string(leader.up().id) || v.DialBack != nil {
				t.Errorf("%s says that %q leads: %+v", h.name, v.LeaderName, v)
			}
			for id, e := range n.port.Book().Snapshot() {
				if e.Name == "guest" {
					t.Errorf("%s remembers its visitor as %q", h.name, id)
				}
			}
		}
		alone := &host{w: w, name: "n9", clock: newSkewedClock(1), dir: w.root + "/n9",
			also: func(c *Config) { c.ClusterSize, c.Join = 3, []string{"n8:5626"} }}
		defer alone.stop()
		node := alone.start()
		w.sleep(time.Second) // its own lookup is done
		before := node.former.Status()
		v, err := Ask(context.Background(), port, alone.addr(), false)
		if err != nil || v.Status.Phase != form.Fresh || v.LeaderID != "" {
			t.Errorf("of one that waits for others: %+v, %v", v, err)
		}
		w.sleep(time.Second)
		if after := node.former.Status(); strings.Join(after.Union, " ") != strings.Join(before.Union, " ") {
			t.Errorf("the visitor counts as a candidate: %v, before %v", after.Union, before.Union)
		}
	})
}

func TestProberIsDialledWhereItSaysThatItIs(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		n := w.hosts[0].up()
		ask := func(who peer.Identity) *DialledBack {
			t.Helper()
			port := guest(w, "guest", who)
			defer port.Close()
			v, err := Ask(context.Background(), port, w.hosts[0].addr(), true)
			if err != nil || v.DialBack == nil {
				t.Fatalf("%+v, %v", v, err)
			}
			return v.DialBack
		}
		if got := ask(peer.Identity{ClusterID: n.clusterID(), NodeID: "n_guest", Address: "guest:5626"}); got.NodeID != "n_guest" || got.Name != "guest" || got.Error != "" {
			t.Errorf("%+v", got)
		}
		if got := ask(peer.Identity{ClusterID: n.clusterID(), Address: w.hosts[1].addr()}); got.NodeID != string(w.hosts[1].up().id) {
			t.Errorf("at another's address somebody else answers: %+v", got)
		}
		if got := ask(peer.Identity{ClusterID: n.clusterID(), Address: "guest:9999"}); !strings.Contains(got.Error, "guest:9999 is not reachable") || got.NodeID != "" {
			t.Errorf("%+v", got)
		}
		for what, who := range map[string]peer.Identity{
			"is of cluster": {ClusterID: "another", Address: "guest:5626"}, `of cluster ""`: {Address: "guest:5626"}, "no address": {ClusterID: n.clusterID()},
		} {
			if got := ask(who); !strings.Contains(got.Declined, what) || got.NodeID != "" || got.Error != "" {
				t.Errorf("%q: %+v", what, got)
			}
		}
	})
}

// TestDiallingBackIsBounded: in time, in how many at once, and in how many a minute.
func TestDiallingBackIsBounded(t *testing.T) {
	inFakeTime(t, 1, func(w *world) {
		h := w.hosts[0]
		n := h.up()
		w.net.Partition(h.name, "dark") // a dial there hangs
		port := guest(w, "guest", peer.Identity{ClusterID: n.clusterID(), Address: "dark:5626"})
		defer port.Close()
		results := make([]*DialledBack, dialBacksAtOnce+2)
		var wg sync.WaitGroup
		began := time.Now()
		for i := range results {
			wg.Go(func() {
				v, err := Ask(context.Background(), port, h.addr(), true)
				if err != nil {
					t.Error(err)
				}
				results[i] = v.DialBack
			})
		}
		wg.Wait()
		declined := 0
		for _, r := range results {
			if r != nil && strings.Contains(r.Declined, "too many") {
				declined++
			}
		}
		if took := time.Since(began); declined != 2 || took > dialBackTimeout+100*time.Millisecond {
			t.Errorf("%d of %d were declined, within %v", declined, len(results), took)
		}
		good := guest(w, "guest2", peer.Identity{ClusterID: n.clusterID(), NodeID: "n_guest2", Address: "guest2:5626"})
		defer good.Close()
		count := func() (answered int) {
			for range 2 * dialBacksPerMinute {
				if v, err := Ask(context.Background(), good, h.addr(), true); err == nil && v.DialBack.NodeID == "n_guest2" {
					answered++
				}
			}
			return answered
		}
		if got := count(); got != dialBacksPerMinute-dialBacksAtOnce {
			t.Errorf("%d were dialled within a minute", got)
		}
		w.sleep(time.Minute)
		if got := count(); got != dialBacksPerMinute {
			t.Errorf("%d were dialled in the next minute", got)
		}
	})
}

func TestStrangersCountAsKnownOnlyWhereTheirCertificateIsLookedAt(t *testing.T) {
	for security, want := range map[peer.Security]bool{nil: false, peer.Plain{}: false, looking{}: true} {
		if n := (&Node{deps: Deps{Security: security}}); n.secured() != want {
			t.Errorf("%T: %v", security, n.secured())
		}
	}
}

// looking is a security that is not none.
type looking struct{ peer.Plain }
