package raftnode

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode/peer"
)

// follower is the other side of an events connection, as a test wants it to be: nothing is buffered between the two.
type follower struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	done chan struct{} // closed when the member has served it
	asks sync.WaitGroup
}

func (w *world) follows(h *host, f follow) *follower {
	near, far := net.Pipe()
	one := &follower{t: w.t, conn: near, in: bufio.NewReaderSize(near, 16), done: make(chan struct{})}
	go func() {
		defer close(one.done)
		h.up().serveEvents(far, peer.Hello{NodeID: "somebody"})
		far.Close()
	}()
	one.say(0, frameFollow, f.encode())
	return one
}

func (f *follower) say(call uint64, kind byte, payload []byte) {
	f.t.Helper()
	if _, err := f.conn.Write(appendFrame(nil, call, kind, func(b []byte) []byte { return append(b, payload...) })); err != nil {
		f.t.Errorf("say %d: %v", kind, err)
	}
}

// hear returns the next frame; an error of the connection is a kind of 0.
func (f *follower) hear() (kind byte, payload []byte) {
	_, kind, payload, err := readFrame(f.in)
	if err != nil {
		return 0, nil
	}
	return kind, payload
}

// attend asks for ever, so that it is not taken for dead.
func (f *follower) attend() {
	f.asks.Go(func() {
		for {
			if _, err := f.conn.Write(appendFrame(nil, 1, frameAsk, nil)); err != nil {
				return
			}
			time.Sleep(relayEvery)
		}
	})
}

func (f *follower) close() {
	f.conn.Close()
	f.asks.Wait()
	<-f.done
}

func TestASlowSubscriberElsewhereIsToldThatItIsTooSlow(t *testing.T) {
	inFakeTime(t, 1, func(w *world) {
		f := w.follows(w.hosts[0], follow{})
		defer f.close()
		f.attend()
		for _, want := range []byte{frameReached, frameState, frameStateEnd} {
			kind, _ := f.hear()
			for kind == frameState && want == frameStateEnd {
				kind, _ = f.hear()
			}
			if kind != want {
				t.Fatalf("heard %d, want %d", kind, want)
			}
		}
		w.mustHold(w.hosts[0], lockCommand("l", "holder", time.Hour, 1))
		w.sleep(relayWrite / 2) // what is sent is not read
		feed := &w.hosts[0].up().machine.feed
		_, head := feed.end()
		for i := range uint64(feedLength + 1) {
			feed.add(head.Index+i, []lease.Event{granted("a")})
		}
		var heard []byte
		for len(heard) < 3 { // what was on its way all the time, and how far that was
			kind, _ := f.hear()
			if kind == frameTooSlow {
				return
			}
			heard = append(heard, kind)
		}
		t.Errorf("heard %d", heard)
	})
}

func TestAnAgentIsToldThatItIsTooSlow(t *testing.T) {
	near, far := net.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	r := &relay{conn: near, pieces: make(chan piece), ctx: ctx, cancel: cancel}
	go r.run(bufio.NewReader(near))
	go func() {
		far.Write(appendFrame(nil, 0, frameHappened, func(b []byte) []byte { return encodeHappened(b, &Delivery{ID: EventID{9, 0}}) }))
		far.Write(appendFrame(nil, 0, frameTooSlow, nil))
	}()
	s := &Subscription{node: &Node{}, from: r}
	if d, err := s.Next(context.Background()); !errors.Is(err, ErrTooSlow) || s.Position() != (EventID{9, 0}) {
		t.Errorf("%+v %v, at %v", d, err, s.Position())
	}
}

// TestASubscriberElsewhereThatDoesNotReadIsCutOff, and one that says nothing too: neither keeps its place.
func TestASubscriberElsewhereThatDoesNotReadIsCutOff(t *testing.T) {
	inFakeTime(t, 1, func(w *world) {
		for _, asks := range []bool{true, false} {
			f := w.follows(w.hosts[0], follow{})
			if asks {
				f.attend()
			}
			begun := time.Now()
			<-f.done
			if took := time.Since(begun); asks && took != relayWrite || !asks && took < forwardIdleTimeout {
				t.Errorf("asks %v: cut off after %v", asks, took)
			}
			if total := w.hosts[0].up().machine.feed.readers.total; total != 0 {
				t.Errorf("%d are still served", total)
			}
			f.close()
		}
	})
}

func TestSubscribersElsewhereAreBounded(t *testing.T) {
	var r readers
	count := 0
	for i := 0; r.enter(fmt.Sprint(i / 1000)); i = (i + 1000) % 10_000 {
		count++
	}
	if count != maxReaders {
		t.Errorf("%d in all", count)
	}
	for range count / 10 {
		r.leave("3")
	}
	for count = 0; r.enter("3"); {
		count++
	}
	if count != maxReaders/10 {
		t.Errorf("%d in the place of %d", count, maxReaders/10)
	}
	var one readers
	for count = 0; one.enter("3"); {
		count++
	}
	if count != maxReadersOfOne || !one.enter("4") {
		t.Errorf("%d of one", count)
	}
}

func TestAnAgentSaysWhenThereIsNoRoomOrNobody(t *testing.T) {
	inFakeTime(t, 4, func(w *world) {
		w.settled(20*time.Second, 3, 0, 1)
		agent := w.with(Agent)
		for _, h := range w.hosts {
			for i := 0; h != agent && h.up().machine.feed.readers.enter(fmt.Sprint("other", i%4)); i++ {
			}
		}
		begun := time.Now()
		if _, err := agent.up().Subscribe(within(5*time.Second), nil, Filter{}); codeOf(err) != Overloaded || time.Since(begun) > time.Second {
			t.Errorf("without room: %v after %v", err, time.Since(begun))
		}
		w.isolate(agent)
		if _, err := agent.up().Subscribe(within(5*time.Second), nil, Filter{}); codeOf(err) != NotReady || !strings.Contains(err.Error(), "agent") {
			t.Errorf("with nobody: %v", err)
		}
		for _, h := range w.hosts {
			for i := range 4 {
				for id := fmt.Sprint("other", i); h.up().machine.feed.readers.byNode[id] > 0; {
					h.up().machine.feed.readers.leave(id)
				}
			}
		}
		w.net.HealAll()
		sub, err := agent.up().Subscribe(within(20*time.Second), nil, Filter{})
		if err != nil {
			t.Fatal(err)
		}
		sub.Close()
		w.eventually(time.Second, "its place is free again", func() bool {
			places := 0
			for _, h := range w.hosts[:3] {
				r := &h.up().machine.feed.readers
				r.mu.Lock()
				places += r.total
				r.mu.Unlock()
			}
			return places == 0
		})
	}, crew(0))
}

// TestMembersWithoutRoomAreNotAskedAgainAndAgain: each time is a handshake with each of them.
func TestMembersWithoutRoomAreNotAskedAgainAndAgain(t *testing.T) {
	inFakeTime(t, 4, func(w *world) {
		w.settled(20*time.Second, 3, 0, 1)
		agent := w.with(Agent)
		sub, err := agent.up().Subscribe(within(5*time.Second), nil, Filter{})
		if err != nil {
			t.Fatal(err)
		}
		defer sub.Close()
		w.next(sub, time.Second)
		victim := w.relayOf(sub)
		var asked atomic.Int64
		for _, h := range w.hosts {
			if h == agent || h == victim {
				continue
			}
			n := h.up()
			for i := 0; n.machine.feed.readers.enter(fmt.Sprint("other", i%4)); i++ {
			}
			n.port.Handle(peer.KindEvents, func(c net.Conn, from peer.Hello) { asked.Add(1); n.serveEvents(c, from) })
		}
		victim.crash()
		for range 4 {
			w.next(sub, 15*time.Second)
		}
		if n := asked.Load(); n < 10 || n > 60 {
			t.Errorf("two members were asked %d times within a minute", n)
		}
	}, crew(0))
}

func TestRelayedFramesSayWhatTheyMean(t *testing.T) {
	for _, want := range []follow{{}, {filter: Filter{lease.Elections, "app."}, after: &EventID{913, 2}}} {
		if got, ok := decodeFollow(append(want.encode(), 9)); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v", got, ok)
		}
	}
	far := reached{id: EventID{913, 2}, age: -3, index: 914}
	if got, ok := decodeReached(append(far.encode(), 9)); !ok || got != far {
		t.Errorf("%+v, %v", got, ok)
	}
	d := Delivery{ID: EventID{914, 0}, Events: []Happened{{granted("a"), EventID{913, 1}}, {granted("b"), EventID{913, 2}}}}
	b := encodeHappened(nil, &d)
	if got, ok := decodeHappened(append(b, 9)); !ok || !reflect.DeepEqual(got, d) {
		t.Errorf("%+v, %v", got, ok)
	}
	for i := range b {
		if _, ok := decodeHappened(b[:i]); ok {
			t.Errorf("cut at %d it is read", i)
		}
	}
}

// FuzzRelayedFrames: no bytes make a decoder panic, or take more memory than they are worth.
func FuzzRelayedFrames(f *testing.F) {
	f.Add(follow{after: &EventID{1, 2}}.encode())
	f.Add(reached{id: EventID{1, 2}}.encode())
	f.Add(encodeHappened(nil, &Delivery{ID: EventID{914, 0}, Events: []Happened{{granted("a"), EventID{913, 1}}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, ok := decodeFollow(b); ok {
			again, ok := decodeFollow(got.encode())
			if !ok || !reflect.DeepEqual(again, got) {
				t.Errorf("%+v %+v", got, again)
			}
		}
		if got, ok := decodeReached(b); ok {
			if again, ok := decodeReached(got.encode()); !ok || again != got {
				t.Errorf("%+v %+v", got, again)
			}
		}
		if got, ok := decodeHappened(b); ok {
			again, ok := decodeHappened(encodeHappened(nil, &got))
			if !ok || !reflect.DeepEqual(again, got) || len(got.Events) > len(b) {
				t.Errorf("%+v %+v", got, again)
			}
		}
	})
}
