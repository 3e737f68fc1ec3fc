package cli

import "time"

// The bounds of what configuration may say. Each is far above sensible use; they exist so that a slip of the hand is
// a fault with a name and not a machine that hangs.
const (
	maxConfigBytes  = 1 << 20 // of a configuration file
	maxFaults       = 50      // reported one by one; the rest are counted
	maxListItems    = 256     // addresses and names in one repeatable setting
	maxClusterSize  = 1000
	maxVoters       = 7 // more voters make every commit slower and add hardly any safety
	maxDrainTimeout = time.Hour
	maxNodeName     = 128
)

// AdminSocket is the name, in the data directory, of the socket on which a sidecar takes administrators' calls.
const AdminSocket = "admin.sock"

// The bounds of `sidelock dev`.
const (
	maxDevNodes = 9
	devPortStep = 10 // between the ports of one node and the next
	// devReadyWithin bounds the forming of the group: three nodes on one machine take a few seconds.
	devReadyWithin = 60 * time.Second
	// devLeaderWithin bounds the search for a new Raft leader after a node has ended.
	devLeaderWithin = 15 * time.Second
	// devStopWithin is how long the nodes may take to stop before they are killed.
	devStopWithin = 15 * time.Second
	// devDrain replaces serve's drain timeout: who plays with Ctrl-C does not want to wait for his own leases.
	devDrain     = time.Second
	devPollEvery = 100 * time.Millisecond
	devAskWithin = 2 * time.Second // one HTTP request to a node
	maxDevAnswer = 1 << 20         // bytes of one answer of a node
	maxLogLine   = 16 << 10        // bytes of a node's log line kept together
)
