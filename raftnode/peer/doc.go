// Package peer is how the nodes of a group talk to one another: one port that
// carries Raft, forwarded commands and probes, and the Raft transport.
//
// Every connection begins with a hello (hello.go) that says who calls, from
// which cluster, and whom the caller means to reach. The port (port.go) checks
// it before a handler sees the connection, so that nothing of another cluster
// and nothing meant for another node gets in: hashicorp/raft itself does not
// look who answers at an address, and a reused address could vote twice. Node
// IDs are resolved to host:port when dialing, by the Book, so that a node may
// move without a change of the membership.
//
// Transport (transport.go) is raft.NetworkTransport over that port, wrapped in
// guards against faults found in hashicorp/raft v1.7.3. Each guard has its
// place, and a test that fails without it:
//
//	heartbeat.go  heartbeats never race the main thread, and are still answered
//	              while it waits for the disk (hashicorp/raft #695)
//	append.go     a commit index never beyond the entries sent with it; every
//	              AppendEntries numbered, for confirmations; retries in place of
//	              a backoff that grows to 10 s; silence when the own disk hangs;
//	              no pipelining (hashicorp/raft #612)
//	outgoing.go   broken pooled connections fail over at once
//
// Begin with Listen, then NewTransport, then raft.NewRaft, then Transport.Bind.
package peer
