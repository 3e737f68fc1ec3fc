package raftnode

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/sidelock/sidelock/lease"
)

func TestEventIDsAreWrittenInOneWay(t *testing.T) {
	for _, s := range []string{"0.0", "913.1", "18446744073709551615.4294967295"} {
		if id, ok := ParseEventID(s); !ok || id.String() != s {
			t.Errorf("%s: %v %v", s, id, ok)
		}
	}
	for _, s := range []string{"", "5", ".", "5.", ".5", "05.1", "5.01", "-1.1", "+1.1", "5.1.1", "5.4294967296", "18446744073709551616.0", " 5.1"} {
		if id, ok := ParseEventID(s); ok {
			t.Errorf("%q was read as %v", s, id)
		}
	}
}

func granted(name string) lease.Event {
	return lease.Event{Kind: lease.EventGranted, Space: lease.Locks, Name: name}
}

// TestFeedForgetsTheOldestAndSaysSo: nothing is ever passed over in silence.
func TestFeedForgetsTheOldestAndSaysSo(t *testing.T) {
	var f feed
	f.restart(10)
	if _, ok := f.seek(EventID{10, 7}); ok {
		t.Error("what came before the state is remembered")
	}
	start, ok := f.seek(EventID{11, 0})
	if !ok {
		t.Fatal("the position behind the state is not known")
	}
	for i := range uint64(feedLength/2 + 10) {
		f.add(11+i, []lease.Event{granted("a"), granted("b")})
	}
	if _, _, _, what := f.read(start); what != foundLost {
		t.Errorf("a reader who fell behind found %d", what)
	}
	for _, c := range []struct {
		after EventID
		ok    bool
		next  EventID
	}{
		{EventID{11, 0}, false, EventID{}},
		{EventID{20, 1}, false, EventID{}},
		{EventID{20, 2}, true, EventID{21, 1}}, // the newest that was forgotten: all after it is there
		{EventID{21, 1}, true, EventID{21, 2}},
		{EventID{500, 0}, true, EventID{500, 1}},
	} {
		at, ok := f.seek(c.after)
		if ok != c.ok {
			t.Errorf("after %v: %v", c.after, ok)
			continue
		}
		if events, _, _, what := f.read(at); ok && (what != foundEvents || len(events) != feedBatch || events[0].ID != c.next) {
			t.Errorf("after %v: %d events, the first %v", c.after, len(events), events[0].ID)
		}
	}
	end, head := f.end()
	if events, _, id, what := f.read(end); len(events) != 0 || id != head || what != foundEvents {
		t.Errorf("at the end: %d events, %v", len(events), id)
	}
	f.restart(100_000)
	if _, _, _, what := f.read(end); what != foundNewLife {
		t.Errorf("after a restored state: %d", what)
	}
}

// watcherOf follows events through any sidecar, and comes back to any when one fails.
type watcherOf struct {
	w     *world
	rng   *rand.Rand
	at    *EventID
	spans []span
	seen  map[string]int // how often it came back, found the state, …
}

// span is what a watcher saw between two states.
type span struct {
	state  *lease.Snapshot
	from   EventID // the position of the state
	events []Happened
	to     EventID
}

func (f *watcherOf) run(until time.Time) {
	for time.Now().Before(until) {
		n := f.w.hosts[f.rng.IntN(len(f.w.hosts))].up()
		if n == nil {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(500+f.rng.IntN(4000))*time.Millisecond)
		sub, err := n.Subscribe(ctx, f.at, Filter{})
		for err == nil {
			var d Delivery
			if d, err = sub.Next(ctx); err == nil {
				f.take(d)
			} else if errors.Is(err, context.DeadlineExceeded) && len(f.spans) > 0 {
				at := sub.Position()
				f.at = &at
				f.spans[len(f.spans)-1].to = at
			}
		}
		if sub != nil {
			sub.Close()
		}
		cancel()
		f.seen["came back"]++
		away := 20 * time.Millisecond
		if f.rng.IntN(4) == 0 {
			away = time.Duration(f.rng.IntN(15_000)) * time.Millisecond // long enough to be forgotten
		}
		time.Sleep(away)
	}
}

func (f *watcherOf) take(d Delivery) {
	id := d.ID
	f.at = &id
	if d.State != nil {
		f.seen["state"]++
		f.spans = append(f.spans, span{state: d.State, from: d.ID, to: d.ID})
		return
	}
	last := &f.spans[len(f.spans)-1]
	last.events, last.to = append(last.events, d.Events...), d.ID
}

// TestSubscribersMissNothingAndSeeNothingTwice: through restarts, power cuts, leader changes and installed snapshots, at whatever
// sidecar they come back to (P12).
func TestSubscribersMissNothingAndSeeNothingTwice(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		checkWatchers(w, watchThroughWeather(w, 7))
	}, func(w *world) { w.tune = small })
}

// watchThroughWeather lets clients act and watchers follow, while faults come and go.
func watchThroughWeather(w *world, seed uint64) []*watcherOf {
	until := time.Now().Add(40 * time.Second)
	var all sync.WaitGroup
	h := newHistory()
	for i := range 8 {
		c := &client{w: w, h: h, name: fmt.Sprintf("client%d", i), rng: rand.New(rand.NewPCG(seed, uint64(i)))}
		all.Go(func() { c.live(until) })
	}
	var watchers []*watcherOf
	for i := range 6 {
		f := &watcherOf{w: w, rng: rand.New(rand.NewPCG(seed+1, uint64(i))), seen: map[string]int{}}
		watchers = append(watchers, f)
		all.Go(func() { f.run(until.Add(20 * time.Second)) })
	}
	weather := &weather{w: w, rng: rand.New(rand.NewPCG(seed+2, 9)), kinds: map[string]int{}}
	weather.blow(until)
	weather.clear()
	all.Wait()
	w.t.Logf("faults %v", weather.kinds)
	return watchers
}

// checkWatchers compares what watchers saw with the log.
func checkWatchers(w *world, watchers []*watcherOf) {
	t := w.t
	t.Helper()
	asked := map[uint64][]*span{}
	for _, f := range watchers {
		for i := range f.spans {
			asked[f.spans[i].state.Index()] = append(asked[f.spans[i].state.Index()], &f.spans[i])
		}
	}
	list := lease.Query{Kind: lease.QueryNames, Space: lease.Locks, Limit: lease.MaxListLimit}
	told := w.ledger.replay(func(index uint64, s *lease.State) {
		for _, one := range asked[index] {
			if got, want := fmt.Sprintf("%+v", one.state.Answer(list)), fmt.Sprintf("%+v", s.Answer(list)); got != want {
				t.Errorf("the state at index %d is\n%s\nand should be\n%s", index, got, want)
			}
		}
		delete(asked, index)
	})
	if len(asked) > 0 {
		t.Errorf("states of %d indexes that nobody applied", len(asked))
	}
	events, states, spans := 0, 0, 0
	for _, f := range watchers {
		states += f.seen["state"]
		for _, s := range f.spans {
			spans++
			events += len(s.events)
			checkSpan(t, &s, told)
		}
	}
	t.Logf("%d watchers, %d spans, %d states, %d events, %d in the log, %d restores", len(watchers), spans, states, events, len(told.events), w.restores)
	if events < len(watchers)*len(told.events)/10 || len(told.events) < 100 || w.restores == 0 || states < len(watchers)+2 {
		t.Error("too little happened for this to tell anything")
	}
}

// checkSpan compares what a watcher saw with what the log says happened between the same two positions.
func checkSpan(t *testing.T, s *span, told *tale) {
	t.Helper()
	var want []string
	ordinal, index := uint32(0), uint64(0)
	for _, e := range told.events {
		if e.index != index {
			ordinal, index = 0, e.index
		}
		ordinal++
		id := EventID{e.index, ordinal}
		if !id.before(s.from) && (id.before(s.to) || id == s.to) {
			want = append(want, fmt.Sprintf("%v %v %s %d %s", id, e.Kind, e.Name, e.Token, e.Lease))
		}
	}
	var got []string
	for _, e := range s.events {
		got = append(got, fmt.Sprintf("%v %v %s %d %s", e.ID, e.Kind, e.Name, e.Token, e.Lease))
	}
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("from %v to %v, event %d: saw %d events, the log has %d\nsaw  %v\nwant %v", s.from, s.to, i, len(got), len(want),
				got[min(i, len(got)):min(i+2, len(got))], want[min(i, len(want)):min(i+2, len(want))])
			return
		}
	}
}

func TestSubscriberWithAForeignPositionBeginsAnew(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		w.mustHold(w.hosts[0], lockCommand("l", "holder", time.Hour, 1))
		for _, h := range w.hosts {
			sub, err := h.up().Subscribe(within(5*time.Second), &EventID{1 << 40, 1}, Filter{})
			if err != nil {
				t.Fatal(err)
			}
			if d, err := sub.Next(within(time.Second)); err != nil || d.State == nil {
				t.Errorf("%s: %+v %v", h.name, d, err)
			}
		}
	})
}

func TestSubscriberGetsOnlyWhatItAskedFor(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		sub, err := w.follower().up().Subscribe(within(time.Second), nil, Filter{Space: lease.Elections, Prefix: "app."})
		if err != nil {
			t.Fatal(err)
		}
		if d, err := sub.Next(within(time.Second)); err != nil || d.State == nil {
			t.Fatalf("%+v %v", d, err)
		}
		w.mustHold(w.hosts[0], lockCommand("app.l", "a", time.Hour, 1))
		w.mustHold(w.hosts[0], candidateCommand("other", "b", time.Hour, 2))
		w.mustHold(w.hosts[0], candidateCommand("app.e", "c", time.Hour, 3))
		d, err := sub.Next(within(time.Second))
		if err != nil || len(d.Events) != 1 || d.Events[0].Name != "app.e" || d.Events[0].Kind != lease.EventGranted {
			t.Errorf("%+v %v", d, err)
		}
		if _, err := sub.Next(within(time.Second)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("more than was asked for: %v", err)
		}
	})
}
