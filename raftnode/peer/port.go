package peer

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"
)

// Config is what a Port needs.
type Config struct {
	Network Network // nil: TCP
	Listen  string  // host:port; port 0 lets the system choose
	// Identity tells who this node is now; the cluster ID is known only after
	// forming. Called for each hello, from several goroutines; must not block.
	Identity func() Identity
	Book     *Book // nil: a new empty one
	Log      *slog.Logger
	// OnDialError is called after each failed Port.Dial, so that the owner can
	// look for the node again. Must not block; may be nil.
	OnDialError func(nodeID string, err error)
	// Admit tells why a node of our own cluster may not send its callers' requests here; "" if it may. Called for each
	// connection of KindForward; must not block; may be nil.
	Admit func(Hello) (Code, string)
	// OnForgotten is told that this node's disk went back, by what another of its cluster remembers; may be nil.
	OnForgotten func(why string)
	// Alive tells whether the process of a node that was known before is alive, by what others say. Must not block, nor call the
	// port; may be nil.
	Alive    func(nodeID string) bool
	Security Security // nil: Plain

	MaxConns         int // 0: DefaultMaxConns
	MaxPendingHellos int // 0: DefaultMaxPendingHellos
}

// Port is a node's one peer port. All methods are safe for concurrent use.
type Port struct {
	cfg Config
	ln  net.Listener
	wg  sync.WaitGroup // the accept loop and every connection's goroutine

	mu       sync.Mutex
	handlers map[Kind]func(net.Conn, Hello)
	conns    map[net.Conn]struct{} // accepted and dialed, closed by Close
	secured  map[net.Conn]net.Conn // of these, what Security made of them
	accepted int
	pending  int // accepted, hello not finished
	closed   bool
	done     chan struct{}
	lives    *lives

	strangers strangers
}

// Listen opens the port. It answers hellos from now on; connections of a kind
// are refused until Handle has been called for it, but probes, which get their
// answer and are closed.
func Listen(cfg Config) (*Port, error) {
	if cfg.Identity == nil {
		return nil, errors.New("peer: Config.Identity is missing")
	}
	if cfg.Network == nil {
		cfg.Network = TCP{}
	}
	if cfg.Security == nil {
		cfg.Security = Plain{}
	}
	if cfg.Book == nil {
		cfg.Book = NewBook(nil)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.MaxConns == 0 {
		cfg.MaxConns = DefaultMaxConns
	}
	if cfg.MaxPendingHellos == 0 {
		cfg.MaxPendingHellos = DefaultMaxPendingHellos
	}
	ln, err := cfg.Network.Listen(cfg.Listen)
	if err != nil {
		return nil, err
	}
	p := &Port{cfg: cfg, ln: ln, handlers: make(map[Kind]func(net.Conn, Hello)),
		conns: make(map[net.Conn]struct{}), secured: make(map[net.Conn]net.Conn), done: make(chan struct{}), lives: newLives(cfg.Alive)}
	cfg.Security.OnChange(p.recheck)
	p.wg.Add(1)
	go p.acceptLoop()
	return p, nil
}

// Addr is where the port listens.
func (p *Port) Addr() net.Addr { return p.ln.Addr() }

// Book is the port's address book.
func (p *Port) Book() *Book { return p.cfg.Book }

// Handle registers the handler of a kind, in place of the one before; nil
// removes it. A handler runs in a goroutine of the port, owns the connection
// while it runs, and must return soon after reading or writing fails: Close
// closes the connection and waits for it. The connection is closed when the
// handler returns. The hello has been checked; of a probe it is only a claim.
func (p *Port) Handle(k Kind, f func(net.Conn, Hello)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handlers[k] = f
}

// Close stops listening, closes every connection, accepted or dialed, and waits
// for all handlers.
func (p *Port) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		p.wg.Wait()
		return nil
	}
	p.closed = true
	close(p.done)
	conns := make([]net.Conn, 0, len(p.conns))
	for c := range p.conns {
		conns = append(conns, c)
	}
	p.mu.Unlock()
	err := p.ln.Close()
	for _, c := range conns {
		c.Close()
	}
	p.wg.Wait()
	return err
}

// secure is the one place where a bare connection is wrapped before anything is
// said over it, on either side: addr is what was dialed, empty if it was accepted.
func (p *Port) secure(ctx context.Context, c net.Conn, addr string) (conn net.Conn, err error) {
	if addr == "" {
		conn, err = p.cfg.Security.Server(ctx, c)
	} else {
		conn, err = p.cfg.Security.Client(ctx, c, addr)
	}
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, tracked := p.conns[c]; tracked {
		p.secured[c] = conn
	}
	return conn, nil
}

func (p *Port) acceptLoop() {
	defer p.wg.Done()
	for {
		c, err := p.ln.Accept()
		if err == nil {
			p.admit(c)
			continue
		}
		timer := time.NewTimer(acceptPause)
		select {
		case <-p.done:
			timer.Stop()
			return
		case <-timer.C:
			p.cfg.Log.Warn("peer port cannot accept a connection; trying again", "err", err)
		}
	}
}

// admit starts an accepted connection's goroutine, if there is room.
func (p *Port) admit(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.accepted >= p.cfg.MaxConns || p.pending >= p.cfg.MaxPendingHellos {
		c.Close()
		if !p.closed {
			p.cfg.Log.Debug("peer port is full", "connections", p.accepted, "hellos", p.pending)
		}
		return
	}
	p.accepted++
	p.pending++
	p.conns[c] = struct{}{}
	p.wg.Add(1)
	go p.serve(c)
}

func (p *Port) serve(c net.Conn) {
	defer p.wg.Done()
	defer func() {
		c.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.accepted--
		delete(p.conns, c)
		delete(p.secured, c)
	}()
	conn, h, handler := p.receive(c)
	p.mu.Lock()
	p.pending--
	p.mu.Unlock()
	if handler != nil {
		defer conn.Close()
		if h.Kind == KindProbe { // what it says of itself is a claim
			handler(conn, h)
			return
		}
		use, stale, done := p.lives.accepted(conn, h)
		defer done()
		for _, c := range stale {
			c.Close()
		}
		handler(use, h)
	}
}

// check is what remains to be looked at of a hello that is in order by itself.
func (p *Port) check(conn net.Conn, own Identity, h Hello) (Code, string) {
	if err := p.cfg.Security.Vouches(conn, h); err != nil {
		return CodeCertificate, err.Error()
	}
	if h.Kind == KindProbe || own.ClusterID == "" || h.ClusterID != own.ClusterID {
		return "", ""
	}
	if why := forgotten(own, h); why != "" && p.cfg.OnForgotten != nil {
		p.cfg.OnForgotten(why)
		return CodeNotServed, "the node called has forgotten something, and stops"
	}
	if code, message := p.judgeLife(h, ""); code != "" {
		return code, message
	}
	if h.Kind == KindForward && p.cfg.Admit != nil {
		return p.cfg.Admit(h)
	}
	return "", ""
}

// receive takes and answers a hello; without a handler the connection is done.
func (p *Port) receive(c net.Conn) (net.Conn, Hello, func(net.Conn, Hello)) {
	ctx, cancel := context.WithTimeout(context.Background(), HelloTimeout)
	defer cancel()
	deadline, _ := ctx.Deadline()
	c.SetDeadline(deadline)
	conn, err := p.secure(ctx, c, "")
	if err != nil {
		level := slog.LevelWarn
		if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || !p.strangers.tell(c.RemoteAddr(), time.Now()) {
			level = slog.LevelDebug // the caller has gone: it stops, or only tried the port; or of its like was told just now
		}
		p.cfg.Log.Log(ctx, level, "peer connection not secured", "remote", c.RemoteAddr(), "err", err)
		return nil, Hello{}, nil
	}
	var h Hello
	if err := readFrame(conn, &h); err != nil {
		if fe, ok := errors.AsType[*frameError](err); ok {
			// Without a hello nobody has a right to know who we are.
			writeFrame(conn, answer{Code: CodeBadHello, Message: fe.msg})
			// Closing with bytes unread would reset the connection, and the
			// answer might be lost with it.
			conn.SetDeadline(time.Now().Add(lingerTimeout))
			io.CopyN(io.Discard, conn, MaxHello)
		}
		p.cfg.Log.Debug("peer connection without a hello", "remote", c.RemoteAddr(), "err", err)
		return nil, Hello{}, nil
	}
	own := p.cfg.Identity()
	code, message := refusal(own, h)
	if code == "" {
		code, message = p.check(conn, own, h)
	}
	p.mu.Lock()
	handler := p.handlers[h.Kind]
	p.mu.Unlock()
	if code == "" && handler == nil && h.Kind != KindProbe {
		code, message = CodeNotServed, "the node is starting or stopping: try again"
	}
	if code != "" {
		level := slog.LevelWarn
		if code == CodeWrongTarget || code == CodeNotFormed || code == CodeNotServed {
			level = slog.LevelDebug // passes by itself, and callers try often
		}
		p.cfg.Log.Log(context.Background(), level, "peer connection refused", "remote", c.RemoteAddr(), "kind", h.Kind, "node", h.NodeID, "code", code, "reason", message)
		handler = nil
	} else if h.Kind != KindProbe || h.Target == "" && p.isItself(own, h, "") {
		p.learn(own, h)
	}
	mine := own.hello(h.Kind, h.NodeID)
	if own.ClusterID != "" && h.ClusterID == own.ClusterID {
		mine.Seen = p.lives.sighting(h.NodeID)
	}
	if err := writeFrame(conn, answer{OK: code == "", Code: code, Message: message, Hello: mine}); err != nil {
		return nil, Hello{}, nil
	}
	c.SetDeadline(time.Time{}) // fails if the caller has gone: the handler's read will tell
	return conn, h, handler
}

// learn writes down where a node of our own cluster says it is.
func (p *Port) learn(own Identity, h Hello) {
	if own.ClusterID != "" && h.ClusterID == own.ClusterID && h.NodeID != own.NodeID {
		p.cfg.Book.Learn(h.NodeID, Entry{Address: h.Address, Name: h.Name})
	}
}
