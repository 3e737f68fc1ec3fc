package sim

import (
	"context"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"
)

// firstSYN is how long a dial waits before it knocks again; it doubles, as in
// Linux. So a dial begun in a cut may outlive the cut.
const firstSYN = time.Second

// Host is one host's view of the network.
type Host struct {
	net  *Net
	name string
}

// Name is the host's name, which is also the host part of its addresses.
func (h *Host) Name() string { return h.name }

// Listen listens at ":port" or "name:port"; port 0 picks a free one.
func (h *Host) Listen(addr string) (net.Listener, error) { return h.net.listen(h.name, addr) }

// Dial connects to "host:port". It is refused at once if nobody listens there,
// and hangs until ctx ends while the link is cut either way or the host down.
func (h *Host) Dial(ctx context.Context, addr string) (net.Conn, error) {
	target, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("sim: dial %q: %w", addr, err)
	}
	h.net.mu.Lock()
	h.net.dials++
	h.net.mu.Unlock()
	for wait := firstSYN; ; wait *= 2 {
		there, d1 := h.net.passes(h.name, target)
		back, d2 := h.net.passes(target, h.name)
		if there && back {
			if err := sleep(ctx, d1+d2); err != nil {
				return nil, dialError(h.name, addr, err)
			}
			return h.connect(ctx, target, addr)
		}
		if err := sleep(ctx, wait); err != nil {
			return nil, dialError(h.name, addr, err)
		}
	}
}

func (h *Host) connect(ctx context.Context, target, addr string) (net.Conn, error) {
	h.net.mu.Lock()
	l := h.net.listeners[addr]
	h.net.mu.Unlock()
	if l == nil {
		return nil, dialError(h.name, addr, syscall.ECONNREFUSED)
	}
	d, near, far := newDuplex(h.net, h.name, target, addr)
	select {
	case l.backlog <- far:
		return near, nil
	case <-l.done:
		d.reset()
		return nil, dialError(h.name, addr, syscall.ECONNREFUSED)
	case <-ctx.Done():
		d.reset()
		return nil, dialError(h.name, addr, ctx.Err())
	}
}

func dialError(from, addr string, err error) error {
	return &net.OpError{Op: "dial", Net: "sim", Source: simAddr(from), Addr: simAddr(addr), Err: err}
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type simAddr string

func (simAddr) Network() string  { return "sim" }
func (a simAddr) String() string { return string(a) }

type listener struct {
	net     *Net
	host    string
	addr    simAddr
	backlog chan net.Conn
	done    chan struct{}
	once    sync.Once
}

var _ net.Listener = (*listener)(nil)

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.backlog:
		return c, nil
	case <-l.done:
		return nil, &net.OpError{Op: "accept", Net: "sim", Addr: l.addr, Err: net.ErrClosed}
	}
}

func (l *listener) Close() error {
	l.once.Do(func() {
		l.net.mu.Lock()
		delete(l.net.listeners, string(l.addr))
		l.net.mu.Unlock()
		close(l.done)
	})
	return nil
}

func (l *listener) Addr() net.Addr { return l.addr }
