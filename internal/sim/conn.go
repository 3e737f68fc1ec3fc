package sim

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of one direction of a connection. A writer blocks once sendBuffer
// chunks wait; large, so that a test's goroutine seldom blocks in Write with a
// mutex held, which would stop fake time.
const (
	chunkSize  = 32 << 10
	sendBuffer = 512 // chunks: 16 MiB at most
)

// First and longest pause before bytes lost in a cut are sent again, as TCP's
// retransmission timeout.
const (
	firstRTO = 200 * time.Millisecond
	maxRTO   = 30 * time.Second
)

// duplex is one connection: two pipes, one for each end, and between them two
// couriers, one for each direction.
type duplex struct {
	net              *Net
	dialer, acceptor string
	near, far        net.Conn    // the network's sides of the two pipes
	silent           atomic.Bool // an end lost its power: nobody hears it close
	done             chan struct{}
	once             sync.Once
}

type chunk struct {
	data []byte // nil: the sender has closed
	due  time.Time
}

// end is what an application holds.
type end struct {
	net.Conn
	local, remote simAddr
}

func (e *end) LocalAddr() net.Addr  { return e.local }
func (e *end) RemoteAddr() net.Addr { return e.remote }

func newDuplex(n *Net, dialer, acceptor, addr string) (*duplex, net.Conn, net.Conn) {
	nearApp, near := net.Pipe()
	farApp, far := net.Pipe()
	d := &duplex{net: n, dialer: dialer, acceptor: acceptor, near: near, far: far, done: make(chan struct{})}
	n.mu.Lock()
	n.conns[d] = struct{}{}
	n.mu.Unlock()
	d.carry(dialer, acceptor, near, far)
	d.carry(acceptor, dialer, far, near)
	local := simAddr(dialer + ":0")
	return d, &end{nearApp, local, simAddr(addr)}, &end{farApp, simAddr(addr), local}
}

// carry starts one direction: a goroutine that takes bytes from the sender and
// one that brings them to the receiver.
func (d *duplex) carry(from, to string, src, dst net.Conn) {
	queue := make(chan chunk, sendBuffer)
	go func() {
		for {
			buf := make([]byte, chunkSize)
			n, err := src.Read(buf)
			if n > 0 {
				d.put(queue, chunk{buf[:n], d.due(from, to)})
			}
			if err != nil {
				d.put(queue, chunk{nil, d.due(from, to)})
				return
			}
		}
	}()
	go d.bring(from, to, queue, dst)
}

func (d *duplex) due(from, to string) time.Time {
	_, delay := d.net.passes(from, to)
	return time.Now().Add(delay)
}

func (d *duplex) put(queue chan<- chunk, c chunk) {
	select {
	case queue <- c:
	case <-d.done:
	}
}

func (d *duplex) bring(from, to string, queue <-chan chunk, dst net.Conn) {
	for {
		var c chunk
		select {
		case c = <-queue:
		case <-d.done:
			return
		}
		if !d.pause(time.Until(c.due)) {
			return
		}
		if !d.waitLink(from, to) {
			return
		}
		if c.data == nil {
			// The end of this direction. The pipes cannot be closed one way,
			// and nothing of ours closes one way.
			if !d.silent.Load() {
				d.reset()
			}
			return
		}
		if _, err := dst.Write(c.data); err != nil {
			// The receiver has closed, or forgot the connection with its
			// power. The sender hears so when the way back is open.
			if d.waitLink(to, from) {
				d.reset()
			}
			return
		}
	}
}

// waitLink tries until the link works, ever more rarely; false if the
// connection ended meanwhile.
func (d *duplex) waitLink(from, to string) bool {
	for rto := firstRTO; ; rto = min(2*rto, maxRTO) {
		if ok, _ := d.net.passes(from, to); ok {
			return true
		}
		if !d.pause(rto) {
			return false
		}
	}
}

// pause waits; false if the connection ended meanwhile.
func (d *duplex) pause(t time.Duration) bool {
	if t <= 0 {
		return true
	}
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-d.done:
		return false
	}
}

// reset ends the connection for both ends at once.
func (d *duplex) reset() {
	d.once.Do(func() {
		d.net.mu.Lock()
		delete(d.net.conns, d)
		d.net.mu.Unlock()
		close(d.done)
		d.near.Close()
		d.far.Close()
	})
}

// vanish closes the host's own end and lets the other believe that all is well.
func (d *duplex) vanish(host string) {
	d.silent.Store(true)
	if d.dialer == host {
		d.near.Close()
	} else {
		d.far.Close()
	}
}
