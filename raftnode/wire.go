package raftnode

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/sidelock/sidelock/lease"
)

// The forwarding protocol: on one connection from a sidecar to the Raft leader, frames of
//
//	length uint32 | call uint64 | kind byte | payload
//
// each request has one response under the same call number; they may come in any order.
const frameHead = 4 + 8 + 1

// The kinds of frames.
const (
	frameCommand   byte = 1 // an encoded lease.Command; answered by frameResult
	frameQuery     byte = 2 // an encoded lease.Query; answered by frameAnswer once confirmed
	frameWatch     byte = 3 // an interest; answered by frameWoken when something has happened beyond it
	frameUnwatch   byte = 4 // payload-less: the call number is the watch's; not answered itself
	framePing      byte = 5 // a ping; answered by framePong: what followers cannot know of themselves
	frameRemove    byte = 6 // the ID of a member; answered by frameDone when it is removed
	frameTaken     byte = 7 // the name of a sidecar; answered by frameCount: what was taken through it and is held or waited for
	frameResult    byte = 11
	frameAnswer    byte = 12
	frameWoken     byte = 13
	framePong      byte = 14
	frameNothing   byte = 15 // nothing happened; payload is why
	frameUnknown   byte = 16 // it may have happened; payload is why
	frameFull      byte = 17 // nothing happened: overloaded
	frameNotLeader byte = 18 // nothing happened: ask another
	frameNoQuorum  byte = 19 // nothing happened: no majority answered
	frameDone      byte = 21
	frameCount     byte = 22 // an unsigned number
	frameTooLarge  byte = 20 // it was done or answered, but the answer exceeds maxFrame
)

// keepBuffer is the largest write buffer that is kept for the next write.
const keepBuffer = 1 << 20

// errTooSlow cuts off a peer that does not read.
var errTooSlow = errors.New("the peer does not read what is sent to it")

// frameWriter collects frames and writes them from one goroutine, as many at once as have gathered.
type frameWriter struct {
	conn  net.Conn
	mu    sync.Mutex
	buf   []byte
	err   error
	ready chan struct{}
	quit  chan struct{} // closed by fail
}

func newFrameWriter(c net.Conn) *frameWriter {
	return &frameWriter{conn: c, ready: make(chan struct{}, 1), quit: make(chan struct{})}
}

// send queues a frame. It never blocks; a peer that does not keep up is cut off.
func (w *frameWriter) send(call uint64, kind byte, payload []byte) error {
	return w.append(call, kind, func(b []byte) []byte { return append(b, payload...) })
}

// append is send for a payload that is encoded in place.
func (w *frameWriter) append(call uint64, kind byte, encode func([]byte) []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	start := len(w.buf)
	w.buf = binary.BigEndian.AppendUint32(w.buf, 0)
	w.buf = binary.BigEndian.AppendUint64(w.buf, call)
	w.buf = encode(append(w.buf, kind))
	if len(w.buf)-start-4 > maxFrame { // the reader would cut the connection
		w.buf = append(w.buf[:start+frameHead-1], frameTooLarge)
	}
	binary.BigEndian.PutUint32(w.buf[start:], uint32(len(w.buf)-start-4))
	if len(w.buf) > maxUnsent {
		w.failLocked(errTooSlow)
		return w.err
	}
	select {
	case w.ready <- struct{}{}:
	default:
	}
	return nil
}

// fail ends the connection, for the reader too.
func (w *frameWriter) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failLocked(err)
}

func (w *frameWriter) failLocked(err error) {
	if w.err == nil {
		w.err = err
		close(w.quit)
		w.conn.Close()
	}
}

// run writes until the connection fails.
func (w *frameWriter) run() {
	var spare []byte
	for {
		select {
		case <-w.quit:
			return
		case <-w.ready:
		}
		w.mu.Lock()
		out := w.buf
		w.buf = spare[:0]
		w.mu.Unlock()
		if _, err := w.conn.Write(out); err != nil {
			w.fail(err)
			return
		}
		if spare = out; cap(spare) > keepBuffer {
			spare = nil
		}
	}
}

// readFrame reads one frame. The payload is the caller's to keep.
func readFrame(in *bufio.Reader) (call uint64, kind byte, payload []byte, err error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, 0, nil, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size < 9 || size > maxFrame {
		return 0, 0, nil, fmt.Errorf("a frame of %d bytes", size)
	}
	payload = make([]byte, size-9)
	_, err = io.ReadFull(in, payload)
	return binary.BigEndian.Uint64(head[4:]), head[12], payload, err
}

// encodeInterest makes the payload of a watch.
func encodeInterest(i interest) []byte {
	b := binary.AppendUvarint([]byte{byte(i.space), byte(i.standing)}, i.index)
	b = append(append(b, byte(len(i.name))), i.name...)
	return append(b, i.lease...)
}

// decodeInterest reads what encodeInterest wrote.
func decodeInterest(b []byte) (i interest, ok bool) {
	if len(b) < 2 {
		return i, false
	}
	i.space, i.standing = lease.Space(b[0]), lease.Standing(b[1])
	index, n := binary.Uvarint(b[2:])
	if n <= 0 {
		return i, false
	}
	i.index, b = index, b[2+n:]
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return i, false
	}
	name := 1 + int(b[0])
	i.name, i.lease = string(b[1:name]), lease.ID(b[name:])
	return i, i.space == lease.Locks || i.space == lease.Elections
}
