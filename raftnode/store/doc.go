// Package store keeps everything of one node on disk, in one data directory:
//
//	lock             held while a process uses the directory; names its PID
//	identity.json    the node ID, drawn once when the directory is made
//	membership.json  which founding list this node promised, which cluster it joined
//	boots.json       how often the directory was opened
//	peers.json       where peers were last seen; best effort, may be lost
//	raft.db          Raft's log, term and vote (bbolt)
//	snapshots/       Raft's snapshots, a directory each: meta.json and state.bin
//
// The directory *is* the member. Its node ID is the Raft server ID, so a wiped
// node comes back as somebody new and can never vote in the name of a log that
// it has forgotten. For the same reason a directory that has lost a part of
// itself (an identity without its log, a log without its identity, a damaged
// entry), or has a part that is not its own (a file of another node, an older
// raft.db), is refused with the way out, and never repaired by guessing. Every
// JSON file, and raft.db, says whose it is, in which format, and by which release.
//
// Begin at [Open]; hand [Dir.RaftStores] and [Dir.Snapshots] to hashicorp/raft.
// [Log], [Stable] and the snapshots carry the guards against hazards of that library:
//
//   - every entry is stored with a checksum, verified on each read from disk, and
//     all that raft reads when it starts is verified before;
//   - any error while writing ends the process through Options.Fatal, because
//     an fsync that failed must never be tried again: the kernel may have
//     dropped the dirty pages and would report success for nothing;
//   - so does a use of the disk that does not come back for StallLimit;
//   - after that raft's goroutines end instead of panicking (silent.go);
//   - term and candidate of a vote are one record, written at once;
//   - a damaged snapshot is never passed over for an older one;
//   - [Log.Busy] tells the transport that the Raft goroutine is inside StoreLogs.
//
// [OpenOffline] is for a stopped node: [Dir.Recover] makes its directory a group
// of one, [Compact] gives room back to the file system.
package store
