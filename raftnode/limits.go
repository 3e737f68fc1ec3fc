package raftnode

import "time"

// What one node takes on, and how long it waits. Each bound has a name here and a test.
const (
	maxBatchCommands = 1024                   // in one log entry
	maxBatchBytes    = 256 << 10              // of commands in one log entry
	trailingBytes    = 64 << 20               // of log entries kept behind a snapshot
	maxInFlight      = 2                      // log entries proposed and not yet applied
	queueLimit       = 8192                   // commands waiting to be proposed; beyond it new work is refused
	queueReserve     = 8192                   // further room, for renewals and releases alone
	maxLeap          = 500 * time.Millisecond // between two stamps of a term
	tickEvery        = 250 * time.Millisecond // while any deadline is pending
	enqueueTimeout   = 2 * time.Second        // for raft to take an entry

	retryPause      = 20 * time.Millisecond  // between tries, unless a new Raft leader is heard of sooner
	withdrawTimeout = 10 * time.Second       // to take back what a caller no longer waits for
	keepEvery       = 250 * time.Millisecond // the keeper looks who is due
	keepTimeout     = 3 * time.Second        // for one batch of the keeper
	keepAtLeast     = 15 * time.Second       // between renewals of a long lease: a sidecar's session must not end meanwhile
	leaveTimeout    = time.Second            // to detach from what a client of this sidecar goes on holding
	feedLength      = 1 << 16                // events remembered for those who come back
	feedBatch       = 256                    // events handed to a subscriber at once

	maxFrame           = 16 << 20 // bytes of one frame on a forwarding connection; above any answer within lease's limits
	maxUnsent          = 64 << 20 // bytes waiting to be written to one peer; a slower one is cut off
	maxPeerCalls       = 1 << 15  // calls of one peer that are being worked on
	pingEvery          = 250 * time.Millisecond
	forwardIdleTimeout = 3 * time.Second // without a ping or an answer the connection is taken for dead

	maxReaders      = 512                    // subscriptions of sidecars without a replica that one member serves
	maxReadersOfOne = 256                    // of these, of one sidecar
	maxStates       = 4                      // whole states that a sidecar without a replica reads at the same time
	statePiece      = 256 << 10              // bytes of a state in one frame
	relayEvery      = 500 * time.Millisecond // how often a relayed subscription asks how far the member has come
	relayBegin      = 2 * time.Second        // for a member to come as far as the position to go on from
	relayAnswer     = 3 * time.Second        // for a member to be reached, and to begin
	relayWrite      = 10 * time.Second       // for a subscriber elsewhere to take one frame; a slower one is cut off
	relayStale      = 5 * time.Second        // so old, a member's replica is not followed if another can be
	settlePause     = 200 * time.Millisecond // before a subscription looks again for what it can follow
	settleMost      = 5 * time.Second        // likewise, where members have no room for it, and on average
)
