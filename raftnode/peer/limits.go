package peer

import "time"

// Bounds of the peer port.
const (
	// MaxHello is the size in bytes of a hello or of its answer.
	MaxHello = 4 << 10
	// HelloTimeout is how long a connection may take to say its hello, and how
	// long a dialer waits for the answer at most.
	HelloTimeout = 2 * time.Second
	// DefaultMaxConns is how many accepted connections a port keeps, unless
	// Config.MaxConns says otherwise. One more is closed at once.
	DefaultMaxConns = 1024
	// DefaultMaxPendingHellos is how many of them may not have finished their
	// hello, unless Config.MaxPendingHellos says otherwise: strangers that say
	// nothing must not use up the port.
	DefaultMaxPendingHellos = 128
	// MaxBook is how many nodes a Book remembers.
	MaxBook = 4096

	// lingerTimeout is how long what follows a bad hello is read, so that the
	// other side gets to see the answer.
	lingerTimeout = 200 * time.Millisecond
	// lingerBytes is how much of it: a chain of certificates and a hello.
	lingerBytes = 64 << 10
	// acceptPause is the pause after a failed Accept (file descriptors gone).
	acceptPause = 50 * time.Millisecond
)

// Bounds of the Raft transport.
const (
	// DefaultDialTimeout bounds connecting and hello of one dial. Where a lost
	// first packet matters (the kernel repeats it only after 1 s), set
	// TransportConfig.DialTimeout to half the election timeout.
	DefaultDialTimeout = time.Second
	// DefaultIOTimeout bounds one request and its answer.
	DefaultIOTimeout = 2 * time.Second
	// DefaultMaxPool is how many idle connections are kept for each peer.
	DefaultMaxPool = 3
	// StoreStallLimit is how long one StoreLogs may last before this node stops
	// answering heartbeats in its place and, as a leader, stops sending
	// AppendEntries: somebody else must be able to win an election.
	StoreStallLimit = 5 * time.Second
	// RetryPause lies between two tries of an AppendEntries that carries the
	// log; identityRetryPause if the peer was not where it should be.
	RetryPause         = 25 * time.Millisecond
	identityRetryPause = 100 * time.Millisecond
	// MaxQueuedRPCs is how many requests wait for Raft's main thread.
	MaxQueuedRPCs = 256
	// inIdleLimit is how long an accepted Raft connection may be idle;
	// inStallLimit how long a request, once begun, may stand still. Raft's main
	// thread waits for the bytes of a snapshot: a sender that vanished must not
	// hold it.
	inIdleLimit  = 5 * time.Minute
	inStallLimit = 10 * time.Second
)
