package form

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// canned is a network in which every address always says the same.
type canned map[string]Status

var _ Prober = canned{}

func (c canned) Probe(_ context.Context, addr string, _ Status) (Status, error) {
	s, ok := c[addr]
	if !ok {
		return Status{}, errNet
	}
	return s, nil
}

// paper is a keeper that counts.
type paper struct{ promises []Promise }

var _ Keeper = (*paper)(nil)

func (p *paper) Load() (*Promise, string, error) { return nil, "", nil }
func (p *paper) SavePromise(q Promise, _ map[string]Label) error {
	p.promises = append(p.promises, q)
	return nil
}
func (p *paper) SaveJoined(Result) error { return nil }

func peer(id string, union ...string) Status {
	return Status{Protocol: Protocol, ID: id, Instance: id, Name: id, Address: id + ":1", ClusterSize: 3, Voters: 3, Phase: Fresh, Candidates: []string{id + ":1"}, Union: union}
}

func promised(s Status, nodes ...string) Status {
	p := Promise{Nodes: nodes, Voters: 3}
	s.Phase, s.Promise, s.Digest = Promised, &p, p.Digest()
	return s
}

// TestOneRuleBrokenAndNobodyPromises holds each rule against node a, whose peers
// b and c say what is given, for a minute.
func TestOneRuleBrokenAndNobodyPromises(t *testing.T) {
	all := []string{"a:1", "b:1", "c:1"}
	b, c := peer("b", all...), peer("c", all...)
	writing := c
	writing.Phase = Writing
	bigger := c
	bigger.ClusterSize = 4
	older := c
	older.Protocol = 1
	existing, partial, joining := c, c, c
	existing.Existing = true
	partial.Incomplete = "cannot look --join up: no such host"
	joining.Phase, joining.ClusterID = Joining, "another"
	for what, tc := range map[string]struct {
		net   canned
		why   string
		allow bool
	}{
		"all agree":             {net: canned{"b:1": b, "c:1": c}, allow: true, why: "waiting for the same promise of b"},
		"one has promised it":   {net: canned{"b:1": promised(b, "a", "b", "c"), "c:1": c}, allow: true, why: "promise of c"},
		"unreachable":           {net: canned{"b:1": b}, why: "c:1"},
		"other union":           {net: canned{"b:1": b, "c:1": peer("c", append(all, "d:1")...)}, why: "with d:1"},
		"writing":               {net: canned{"b:1": b, "c:1": writing}, why: "is writing"},
		"other size":            {net: canned{"b:1": b, "c:1": bigger}, why: "--cluster-size"},
		"other protocol":        {net: canned{"b:1": b, "c:1": older}, why: "version 1"},
		"one waits for a group": {net: canned{"b:1": b, "c:1": existing}, why: "2 of 3 nodes found; add the others to --join; 1 more wait"},
		"one knows not all":     {net: canned{"b:1": b, "c:1": partial}, why: "c (c at c:1): cannot look --join up: no such host"},
		"one has met a group":   {net: canned{"b:1": b, "c:1": joining}, why: "asks cluster another"},
		"too few":               {net: canned{"b:1": b, "c:1": b}, why: "2 of 3"},
		"copied":                {net: canned{"b:1": b, "c:1": peer("a", all...)}, why: "copied"},
		"promised another list": {net: canned{"b:1": promised(b, "a", "b", "z"), "c:1": c}, why: "does not fit"},
		"promised without us":   {net: canned{"b:1": promised(b, "b", "c", "z"), "c:1": c}, why: "without this node"},
		"listed node missing":   {net: canned{"b:1": promised(b, "a", "b", "c")}, why: "c:1"},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := &paper{}
				f, err := New(Config{ID: "a", Address: "a:1", Join: all, ClusterSize: 3, Voters: 3}, k, tc.net)
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				_, err = f.Form(ctx)
				if err == nil || !strings.Contains(f.Waiting(), tc.why) || !strings.Contains(err.Error(), tc.why) {
					t.Errorf("%v\nwaiting: %s", err, f.Waiting())
				}
				if (len(k.promises) > 0) != tc.allow {
					t.Errorf("promises: %v", k.promises)
				}
			})
		})
	}
}

// TestNodeThatIsWritingIsNotTakenForFresh: of two nodes one has decided,
// and its disk hangs; two others with lower IDs come and must not found a group of their own.
func TestNodeThatIsWritingIsNotTakenForFresh(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		for i, id := range []string{"n_c", "n_d", "n_a", "n_b"} {
			n := w.add(id, 2, 2, addrOf(0), addrOf(1))
			if i < 2 {
				n.slow = 20 * time.Second
			}
		}
		w.nodes[0].start(t)
		w.nodes[1].start(t)
		time.Sleep(DefaultStableFor + 500*time.Millisecond)
		if w.nodes[0].running().Status().Phase != Writing && w.nodes[1].running().Status().Phase != Writing {
			t.Fatalf("nobody is writing: %s; %s", w.nodes[0].why(), w.nodes[1].why())
		}
		w.nodes[2].start(t)
		w.nodes[3].start(t)
		if !w.settle(2, 3*time.Minute) || len(w.nodes[2].made())+len(w.nodes[3].made()) > 0 {
			for _, n := range w.nodes {
				t.Error(n.cfg.ID, n.made(), n.why(), n.failure())
			}
		}
	})
}

func TestFaultsOfConfigurationAreAllNamed(t *testing.T) {
	_, err := New(Config{Join: []string{""}}, &paper{}, canned{})
	for _, part := range []string{"node ID", "address", "cluster size", "voters", "join"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s is not named: %v", part, err)
		}
	}
}

func TestUnionIsBounded(t *testing.T) {
	f, err := New(Config{ID: "a", Address: "a:1", ClusterSize: 3, Voters: 3}, &paper{}, canned{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 * MaxUnion {
		s := f.Answer(peer(fmt.Sprintf("n%d", i)))
		if err := s.Check(); err != nil || len(s.Union) > MaxUnion {
			t.Fatalf("after %d: %v, union of %d", i, err, len(s.Union))
		}
	}
}
