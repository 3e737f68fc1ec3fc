package raftnode

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/hashicorp/raft"
)

// configured is the last configuration that a member knows to be committed, and its index: raft tells of its latest one, and since 1.7 says
// that its index is 0. It comes from the log, as entries are applied, and from snapshots.
type configured struct {
	mu    sync.Mutex
	index uint64
	last  raft.Configuration
}

func (c *configured) note(index uint64, configuration raft.Configuration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if index > c.index {
		c.index, c.last = index, configuration
	}
}

// pending stands for the index of a configuration that is not known to be committed: no commit index reaches it.
const pending = math.MaxUint64

// indexOf is the index of a configuration if it is the last one committed, else pending.
func (c *configured) indexOf(configuration raft.Configuration) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Equal(c.last.Servers, configuration.Servers) {
		return pending
	}
	return c.index
}

// noting is a store of snapshots from which a member learns the configurations in them.
type noting struct {
	raft.SnapshotStore
	known *configured
}

// learn takes in the configuration of the newest snapshot that is there.
func (s noting) learn() error {
	all, err := s.List()
	if err != nil {
		return fmt.Errorf("look for snapshots: %w", err)
	}
	for _, meta := range all {
		s.known.note(meta.ConfigurationIndex, meta.Configuration)
	}
	return nil
}

// Create implements raft.SnapshotStore. What a snapshot holds is committed, whoever took it.
func (s noting) Create(version raft.SnapshotVersion, index, term uint64, c raft.Configuration, cIndex uint64, t raft.Transport) (raft.SnapshotSink, error) {
	sink, err := s.SnapshotStore.Create(version, index, term, c, cIndex, t)
	if err == nil {
		s.known.note(cIndex, c)
	}
	return sink, err
}

var _ raft.SnapshotStore = noting{}
