package raftnode

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode/peer"
)

func TestFramesArriveWholeAndInOrder(t *testing.T) {
	near, far := net.Pipe()
	w := newFrameWriter(near)
	ended := make(chan struct{})
	go func() { w.run(); close(ended) }()
	payloads := [][]byte{nil, []byte("x"), bytes.Repeat([]byte("long "), 50_000)}
	for i, p := range payloads {
		if err := w.send(uint64(1)<<60+uint64(i), byte(i+1), p); err != nil {
			t.Fatal(err)
		}
	}
	in := bufio.NewReader(far)
	for i, p := range payloads {
		call, kind, got, err := readFrame(in)
		if err != nil || call != uint64(1)<<60+uint64(i) || kind != byte(i+1) || !bytes.Equal(got, p) {
			t.Fatalf("frame %d: call %d kind %d, %d bytes, %v", i, call, kind, len(got), err)
		}
	}
	w.fail(io.EOF)
	<-ended
	if err := w.send(1, 1, nil); !errors.Is(err, io.EOF) {
		t.Errorf("sent after the end: %v", err)
	}
	if _, _, _, err := readFrame(in); err == nil {
		t.Error("the other side was not told")
	}
}

func TestFrameThatIsTooLargeOrCutShortIsRefused(t *testing.T) {
	frame := func(size uint32, rest int) *bufio.Reader {
		b := binary.BigEndian.AppendUint32(nil, size)
		return bufio.NewReader(bytes.NewReader(append(b, make([]byte, rest)...)))
	}
	for what, in := range map[string]*bufio.Reader{
		"too large": frame(maxFrame+1, 100), "absurd": frame(1<<32-1, 100), "too small": frame(8, 100), "empty": frame(0, 100),
		"cut short": frame(100, 50), "without a head": frame(100, 3),
	} {
		if _, _, _, err := readFrame(in); err == nil {
			t.Errorf("%s: taken", what)
		}
	}
	if _, _, p, err := readFrame(frame(9, 9)); err != nil || len(p) != 0 {
		t.Errorf("the smallest: %v", err)
	}
}

// A peer that does not read is cut off, and nobody waits for it.
func TestPeerThatDoesNotReadIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		w := newFrameWriter(near)
		go w.run()
		big := make([]byte, maxFrame/2)
		var err error
		for range 2 * maxUnsent / len(big) {
			if err = w.send(1, frameResult, big); err != nil {
				break
			}
		}
		if !errors.Is(err, errTooSlow) {
			t.Errorf("sent on and on: %v", err)
		}
		<-w.quit
	})
}

func TestWhatARefusalTellsIsKept(t *testing.T) {
	for kind, nothing := range map[byte]bool{frameNotLeader: true, frameNoQuorum: true, frameNothing: true, frameUnknown: false, 99: false} {
		if got := errors.Is(refusal(kind, []byte("why")), errNothing); got != nothing {
			t.Errorf("kind %d: nothing happened %v", kind, got)
		}
	}
	if !errors.Is(refusal(frameFull, nil), errFull) {
		t.Error("overloaded is lost")
	}
}

// Whatever comes over a forwarding connection, the Raft leader goes on, and takes nothing that it does not understand.
func TestGarbageFromAPeerIsRefused(t *testing.T) {
	inFakeTime(t, 3, func(w *world) {
		l, f := w.leader(), w.follower()
		link, err := f.up().dialLink(within(time.Second), string(l.up().id))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { link.close(io.EOF); link.wg.Wait() }()
		good := lockCommand("l", "holder", time.Minute, 1)
		encoded := lease.AppendCommand(nil, &good)
		for what, sent := range map[string]struct {
			kind    byte
			payload []byte
		}{
			"a command of garbage":      {frameCommand, []byte{0xff, 0xff, 0xff}},
			"a command with a tail":     {frameCommand, append(bytes.Clone(encoded), 0)},
			"a command cut short":       {frameCommand, encoded[:len(encoded)-1]},
			"no command":                {frameCommand, nil},
			"a question of garbage":     {frameQuery, []byte{0xff}},
			"a watch cut short":         {frameWatch, []byte{1}},
			"a watch of a missing name": {frameWatch, []byte{1, 200, 'a'}},
			"an unknown kind":           {77, nil},
		} {
			kind, _, err := link.roundTrip(within(time.Second), sent.kind, sent.payload)
			if err != nil || kind != frameNothing {
				t.Errorf("%s: answered with kind %d, %v", what, kind, err)
			}
		}
		if w.look("l").HolderCount != 0 {
			t.Error("one of them had an effect")
		}
	})
}

// Calls that had left when the connection ended may have happened, whyever it ended.
func TestCallsOfABrokenLinkAreUnknown(t *testing.T) {
	for _, why := range []error{io.EOF, errNotLeader, errClosing} {
		near, far := net.Pipe()
		l := &link{out: newFrameWriter(near), calls: map[uint64]func(byte, []byte, error){}}
		l.wg.Go(l.out.run)
		got := make(chan error, 1)
		if _, err := l.call(frameCommand, nil, func(_ byte, _ []byte, err error) { got <- err }); err != nil {
			t.Fatal(err)
		}
		l.close(why)
		l.wg.Wait()
		far.Close()
		if err := <-got; err == nil || errors.Is(err, errNothing) {
			t.Errorf("%v: told as %v", why, err)
		}
		if _, err := l.call(frameCommand, nil, func(byte, []byte, error) { t.Error("called back") }); !errors.Is(err, errNothing) {
			t.Errorf("a call that never left: %v", err)
		}
	}
}

func TestPongOfGarbageIsIgnored(t *testing.T) {
	want := pong{applied: 42, followed: time.Minute, roster: []byte("{}"), nodes: []nodeNews{
		{id: "n1", ago: time.Second, linked: true, life: peer.Sighting{Instance: "i", Boot: 3, Term: 4, Committed: 5}}, {id: "n2", ago: -1}}}
	good := want.encode()
	if got, ok := decodePong(good); !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v %v", got, ok)
	}
	for cut := range len(good) - len(want.roster) {
		if got, ok := decodePong(good[:cut]); ok {
			t.Errorf("cut to %d bytes it says %+v", cut, got)
		}
	}
	if _, ok := decodePong(append(binary.AppendUvarint(nil, 1), 0, 1, 0xff, 0xff, 0xff, 0xff, 0x0f)); ok {
		t.Error("a length beyond the end was taken")
	}
}

func TestPingOfGarbageIsIgnored(t *testing.T) {
	want := ping{roster: 1 << 60, leaving: true, last: logEnd{index: 7, term: 3}, term: 4, committed: 6}
	good := want.encode()
	if got, ok := decodePing(append(good, "of a later release"...)); !ok || got != want {
		t.Errorf("%+v %v", got, ok)
	}
	for cut := range len(good) {
		if got, ok := decodePing(good[:cut]); ok {
			t.Errorf("cut to %d bytes it says %+v", cut, got)
		}
	}
}

func TestAnswerThatIsTooLargeCostsOnlyItself(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	w := newFrameWriter(near)
	go w.run()
	defer w.fail(io.EOF)
	huge := make([]byte, maxFrame)
	go func() {
		w.send(1, frameAnswer, huge)
		w.send(2, frameWoken, nil)
	}()
	in := bufio.NewReader(far)
	for i, want := range []byte{frameTooLarge, frameWoken} {
		call, kind, payload, err := readFrame(in)
		if err != nil || call != uint64(i+1) || kind != want || len(payload) != 0 {
			t.Fatalf("frame %d: call %d, kind %d, %d bytes, %v", i, call, kind, len(payload), err)
		}
	}
}
