// Package store keeps everything of one node on disk, in one data directory:
//
//	lock             held while a process uses the directory; names its PID
//	identity.json    the node ID, drawn once when the directory is made
//	membership.json  which founding list this node promised, which cluster it joined
//	boots.json       how often the directory was opened
//	peers.json       where peers were last seen; best effort, may be lost
//	raft.db          Raft's log, term and vote (bbolt)
//	snapshots/       Raft's snapshots
//
// The directory *is* the member. Its node ID is the Raft server ID, so a wiped
// node comes back as somebody new and can never vote in the name of a log that
// it has forgotten. For the same reason a directory that has lost a part of
// itself (an identity without its log, a log without its identity, a damaged
// entry) is refused with the way out, and never repaired by guessing.
//
// Begin at [Open]; hand [Dir.RaftStores] and [Dir.Snapshots] to hashicorp/raft.
// [Log] and [Stable] carry the guards against hazards of that library:
//
//   - every entry is stored with a checksum, verified on each read from disk;
//   - any error while writing ends the process through Options.Fatal, because
//     an fsync that failed must never be tried again: the kernel may have
//     dropped the dirty pages and would report success for nothing;
//   - term and candidate of a vote are one record, written at once;
//   - [Log.Busy] tells the transport that the Raft goroutine is inside StoreLogs.
package store
