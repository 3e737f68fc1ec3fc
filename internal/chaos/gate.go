package chaos

import (
	"bytes"
	"net"
	"sync"
	"time"
)

// gate is what the bytes on some connections have to pass. It is open at first.
type gate struct {
	mu      sync.Mutex
	cut     bool
	delay   time.Duration
	changed chan struct{} // closed, and made anew, when cut or delay changes
	pipes   map[*pipe]struct{}
}

func newGate() *gate { return &gate{changed: make(chan struct{}), pipes: map[*pipe]struct{}{}} }

// set changes what the gate does, from now on.
func (g *gate) set(change func(*gate)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change(g)
	close(g.changed)
	g.changed = make(chan struct{})
}

// pass waits until bytes that came at a time may go on; false if their connection is done with.
func (g *gate) pass(came time.Time, done <-chan struct{}) bool {
	for {
		g.mu.Lock()
		cut, changed, left := g.cut, g.changed, time.Until(came.Add(g.delay))
		g.mu.Unlock()
		if !cut && left <= 0 {
			return true
		}
		var due <-chan time.Time
		var timer *time.Timer
		if !cut {
			timer = time.NewTimer(left)
			due = timer.C
		}
		select {
		case <-due:
		case <-changed:
		case <-done:
		}
		if timer != nil {
			timer.Stop()
		}
		select {
		case <-done:
			return false
		default:
		}
	}
}

// reset breaks every connection that is open, at once and whatever is under way.
func (g *gate) reset() {
	g.mu.Lock()
	pipes := make([]*pipe, 0, len(g.pipes))
	for p := range g.pipes {
		pipes = append(pipes, p)
	}
	g.mu.Unlock()
	for _, p := range pipes {
		p.abort()
	}
}

// pipe is one connection that passes a gate, in both directions.
type pipe struct {
	gate *gate
	near net.Conn // from who dialed
	far  net.Conn // to who is dialed; nil before
	done chan struct{}
	once sync.Once
	mu   sync.Mutex // guards far
}

func (g *gate) admit(near net.Conn) *pipe {
	p := &pipe{gate: g, near: near, done: make(chan struct{})}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pipes[p] = struct{}{}
	return p
}

// abort closes both ends with a reset.
func (p *pipe) abort() { p.close(true) }

// close closes both ends; what has been written still arrives, unless they are to be reset.
func (p *pipe) close(reset bool) {
	p.once.Do(func() {
		close(p.done)
		p.gate.mu.Lock()
		delete(p.gate.pipes, p)
		p.gate.mu.Unlock()
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range []net.Conn{p.near, p.far} {
		if c == nil {
			continue
		}
		if tcp, ok := c.(*net.TCPConn); ok && reset {
			_ = tcp.SetLinger(0) // closed already, perhaps
		}
		c.Close()
	}
}

// connect dials the far end, once the gate lets through, and says what has been read of the near end already.
func (p *pipe) connect(target string, said []byte) bool {
	if !p.gate.pass(time.Now(), p.done) {
		return false
	}
	far, err := net.DialTimeout("tcp", target, probeWithin)
	if err != nil {
		return false
	}
	p.mu.Lock()
	p.far = far
	p.mu.Unlock()
	select {
	case <-p.done: // aborted meanwhile, before far was known
		far.Close()
		return false
	default:
	}
	_, err = far.Write(said)
	return err == nil
}

// run carries bytes until both directions have ended.
func (p *pipe) run() {
	var both sync.WaitGroup
	both.Go(func() { p.carry(p.far, p.near) })
	both.Go(func() { p.carry(p.near, p.far) })
	both.Wait()
}

// chunk is some bytes on their way.
type chunk struct {
	bytes []byte
	came  time.Time
}

const (
	chunkBytes  = 32 << 10
	chunksUnder = 64 // way of one direction; more is not read from the sender
)

// carry brings what comes from one end to the other. An end is passed on like the bytes before it; a failure breaks both.
func (p *pipe) carry(to, from net.Conn) {
	way := make(chan chunk, chunksUnder)
	go func() {
		defer close(way)
		buf := make([]byte, chunkBytes)
		for {
			n, err := from.Read(buf)
			select {
			case way <- chunk{bytes.Clone(buf[:n]), time.Now()}:
			case <-p.done:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	last := time.Now()
	for c := range way {
		last = c.came
		if !p.gate.pass(c.came, p.done) {
			return
		}
		if _, err := to.Write(c.bytes); err != nil {
			p.abort()
			return
		}
	}
	if p.gate.pass(last, p.done) {
		_ = to.(*net.TCPConn).CloseWrite() // the other direction finds out what is wrong
	}
}
