package raftnode

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode/peer"
)

// errNotLeader and errNoQuorum are answers of a node that was asked in place of the Raft leader, or as it.
var (
	errNotLeader = fmt.Errorf("the node asked does not lead: %w", errNothing)
	errNoQuorum  = fmt.Errorf("no majority of voters answered: %w", errNothing)
)

// errCut means that the connection failed after the request had left.
var errCut = errors.New("the connection to the Raft leader failed")

// link is the forwarding connection to one Raft leader.
type link struct {
	node   *Node
	leader string
	out    *frameWriter
	wg     sync.WaitGroup

	mu    sync.Mutex
	calls map[uint64]func(kind byte, payload []byte, err error) // each called once, must not block
	last  uint64
	err   error
}

// dialLink connects to a node that is believed to lead.
func (n *Node) dialLink(ctx context.Context, leader string) (*link, error) {
	conn, _, err := n.port.Dial(ctx, peer.KindForward, leader)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNothing, err)
	}
	l := &link{node: n, leader: leader, out: newFrameWriter(conn), calls: map[uint64]func(byte, []byte, error){}}
	l.wg.Go(l.out.run)
	l.wg.Go(l.ping)
	l.wg.Go(func() {
		in := bufio.NewReaderSize(patient{conn}, 64<<10)
		for {
			call, kind, payload, err := readFrame(in)
			if err != nil {
				l.close(err)
				return
			}
			l.answer(call, kind, payload, nil)
		}
	})
	return l, nil
}

// close fails all that is under way. Why it ended is told in words alone: that this node turned to another leader, say,
// does not mean that nothing happened of what had left.
func (l *link) close(err error) {
	l.out.fail(err)
	l.mu.Lock()
	if l.err == nil {
		l.err = fmt.Errorf("%w: %v", errCut, err)
	}
	calls := l.calls
	l.calls = map[uint64]func(byte, []byte, error){}
	cut := l.err
	l.mu.Unlock()
	for _, done := range calls {
		done(0, nil, cut)
	}
}

func (l *link) broken() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err != nil
}

// call sends a request. If it returns an error, nothing was sent and done is not called.
func (l *link) call(kind byte, payload []byte, done func(kind byte, payload []byte, err error)) (uint64, error) {
	l.mu.Lock()
	if l.err != nil {
		l.mu.Unlock()
		return 0, fmt.Errorf("%w: %w", errNothing, l.err)
	}
	l.last++
	id := l.last
	l.calls[id] = done
	l.mu.Unlock()
	if err := l.out.send(id, kind, payload); err != nil {
		l.mu.Lock()
		_, mine := l.calls[id]
		delete(l.calls, id)
		l.mu.Unlock()
		if mine {
			return 0, fmt.Errorf("%w: %w", errNothing, err)
		}
	}
	return id, nil
}

func (l *link) answer(call uint64, kind byte, payload []byte, err error) {
	l.mu.Lock()
	done := l.calls[call]
	delete(l.calls, call)
	l.mu.Unlock()
	if done != nil {
		done(kind, payload, err)
	}
}

// drop gives up a call; its answer will be ignored.
func (l *link) drop(call uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.calls, call)
}

// roundTrip sends a request and waits for its response, or for the context.
func (l *link) roundTrip(ctx context.Context, kind byte, payload []byte) (byte, []byte, error) {
	type response struct {
		kind    byte
		payload []byte
		err     error
	}
	back := make(chan response, 1)
	call, err := l.call(kind, payload, func(kind byte, payload []byte, err error) { back <- response{kind, payload, err} })
	if err != nil {
		return 0, nil, err
	}
	select {
	case r := <-back:
		return r.kind, r.payload, r.err
	case <-ctx.Done():
		l.drop(call)
		return 0, nil, ctx.Err()
	}
}

// command forwards a command. An error wraps errNothing, or the outcome is unknown.
func (l *link) command(ctx context.Context, encoded []byte) (lease.Result, error) {
	kind, payload, err := l.roundTrip(ctx, frameCommand, encoded)
	if err != nil {
		return lease.Result{}, err
	}
	if kind != frameResult {
		return lease.Result{}, refusal(kind, payload)
	}
	res, _, err := lease.DecodeResult(payload)
	return res, err
}

func (l *link) query(ctx context.Context, q lease.Query) (lease.Answer, error) {
	kind, payload, err := l.roundTrip(ctx, frameQuery, lease.AppendQuery(nil, &q))
	if err != nil {
		return lease.Answer{}, fmt.Errorf("%w: %w", errNothing, err)
	}
	if kind != frameAnswer {
		return lease.Answer{}, refusal(kind, payload)
	}
	return lease.DecodeAnswer(payload)
}

// refusal turns a frame that is no result into an error.
func refusal(kind byte, payload []byte) error {
	switch kind {
	case frameNotLeader:
		return errNotLeader
	case frameNoQuorum:
		return errNoQuorum
	case frameFull:
		return errFull
	case frameNothing:
		return fmt.Errorf("%w: %s", errNothing, payload)
	}
	return fmt.Errorf("the Raft leader could not tell: %s", payload)
}

// watch calls wake once when something may have happened at a spot, be it that the connection failed. The returned
// function takes it back.
func (l *link) watch(i interest, wake func()) (stop func()) {
	call, err := l.call(frameWatch, encodeInterest(i), func(byte, []byte, error) { wake() })
	if err != nil {
		wake()
		return func() {}
	}
	return func() {
		l.drop(call)
		l.out.send(call, frameUnwatch, nil)
	}
}

// ping asks the Raft leader, again and again, for what a follower cannot know of itself.
func (l *link) ping() {
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	for {
		asked := time.Now()
		l.call(framePing, l.node.ping().encode(), func(kind byte, payload []byte, err error) {
			switch {
			case err != nil:
			case kind == framePong:
				l.node.heard(asked, l.leader, payload)
			case kind == frameNotLeader:
				l.node.doubt(l.leader)
			}
		})
		select {
		case <-ticker.C:
		case <-l.out.quit:
			return
		}
	}
}
