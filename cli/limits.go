package cli

import (
	"time"

	"github.com/sidelock/sidelock/raftnode/form"
)

// The bounds of what configuration may say. Each is far above sensible use; they exist so that a slip of the hand is
// a fault with a name and not a machine that hangs.
const (
	maxConfigBytes  = 1 << 20 // of a configuration file
	maxFaults       = 50      // reported one by one; the rest are counted
	maxListItems    = 256     // addresses and names in one repeatable setting
	maxClusterSize  = form.MaxSize
	maxVoters       = 7 // more voters make every commit slower and add hardly any safety
	maxSpares       = 10
	maxDrainTimeout = time.Hour
	maxNodeName     = 128
	maxZoneName     = 128
	maxSocketPath   = 103 // bytes: what every system takes
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

// The bounds of what is asked of a sidecar: the API's own.
const (
	minTTL   = time.Second
	maxTTL   = 24 * time.Hour
	maxWait  = 24 * time.Hour
	maxLimit = 1 << 20 // holders of a lock
	maxOwner = 256     // bytes
	maxValue = 1 << 10 // bytes
)

// The bounds of commands that ask a sidecar.
const (
	askAgainFor       = 2 * time.Second // how long a read goes on trying; the sidecar itself sits out a change of Raft leader
	releaseWithin     = 10 * time.Second
	releaseLostWithin = time.Second
	columnGap         = 2 // between the columns of a table
	shownNames        = 5 // of many sidecars in one line

	removalHeardWithin = 2 * time.Second // by a sidecar that does not lead
	removalLookEvery   = 100 * time.Millisecond
)

// echoWithin is how long after a signal the same one again is its echo, and nobody who insists.
const echoWithin = 100 * time.Millisecond

// The bounds of `sidelock run` and `sidelock elect`.
const (
	maxKillAfter      = 10 * time.Second       // of what is chosen where nothing is said
	noteAtLeastEvery  = 250 * time.Millisecond // the guard notes how long what it guards is valid
	buryEvery         = 20 * time.Millisecond  // and, at the end, looks whether the group is gone
	tellUndyingEvery  = 10 * time.Second       // of what does not die of SIGKILL
	showWaitAfter     = time.Second            // a wait that is shorter is not shown
	paintWaitEvery    = 250 * time.Millisecond
	lookEvery         = 2 * time.Second // who has what is waited for
	lookWithin        = time.Second
	maxUnread         = 64          // messages that nobody has read yet
	flushWithin       = time.Second // for the rest of them, at the end
	tellTroublesEvery = time.Minute
	tellJeopardyEvery = 5 * time.Second
)
