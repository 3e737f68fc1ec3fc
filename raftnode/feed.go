package raftnode

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/sidelock/sidelock/lease"
)

// EventID places an event in the group's history: the log index of the entry in which it happened, and which it was in there, from 1.
// It is the same on every node. As a position, an ordinal of 0 is before everything of its index.
type EventID struct {
	Index   uint64
	Ordinal uint32
}

// String writes index.ordinal.
func (id EventID) String() string { return fmt.Sprintf("%d.%d", id.Index, id.Ordinal) }

// ParseEventID reads what String wrote.
func ParseEventID(s string) (EventID, bool) {
	index, ordinal, ok := strings.Cut(s, ".")
	i, err1 := strconv.ParseUint(index, 10, 64)
	o, err2 := strconv.ParseUint(ordinal, 10, 32)
	if !ok || err1 != nil || err2 != nil {
		return EventID{}, false
	}
	id := EventID{i, uint32(o)}
	return id, id.String() == s // one way to write each
}

func (id EventID) before(other EventID) bool {
	return id.Index < other.Index || id.Index == other.Index && id.Ordinal < other.Ordinal
}

// Happened is an event and its place.
type Happened struct {
	lease.Event
	ID EventID
}

// feed remembers the last events that this replica has applied. Readers have a cursor each and cost no memory here; one who falls
// behind what is remembered has to begin anew.
type feed struct {
	mu    sync.Mutex
	ring  []Happened // event number n is at n % feedLength
	next  uint64     // number of the next event
	epoch uint64     // rises when the state is replaced as a whole: what happened between is not known
	floor EventID    // what happened before is not known in this epoch
	head  EventID    // the position behind all that was applied
	news  broadcast

	readers readers // from elsewhere
}

// add appends what happened in one entry.
func (f *feed) add(index uint64, events []lease.Event) {
	f.mu.Lock()
	for i := range events {
		one := Happened{events[i], EventID{index, uint32(i + 1)}}
		if len(f.ring) < feedLength {
			f.ring = append(f.ring, one)
		} else {
			f.floor = f.ring[f.next%feedLength].ID
			f.ring[f.next%feedLength] = one
		}
		f.next++
	}
	f.head = EventID{index + 1, 0}
	f.mu.Unlock()
	if len(events) > 0 {
		f.news.broadcast()
	}
}

// restart forgets everything: the state was replaced by one as of index.
func (f *feed) restart(index uint64) {
	f.mu.Lock()
	f.ring, f.next = nil, 0
	f.epoch++
	f.head = EventID{index + 1, 0}
	f.floor = f.head
	f.mu.Unlock()
	f.news.broadcast()
}

// cursor is how far a reader has read.
type cursor struct {
	epoch uint64
	next  uint64
}

// end is the cursor behind everything, and the position that it stands for.
func (f *feed) end() (cursor, EventID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return cursor{f.epoch, f.next}, f.head
}

// seek finds the cursor behind a position; false if not all that happened since is remembered.
func (f *feed) seek(after EventID) (cursor, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if after.before(f.floor) {
		return cursor{}, false
	}
	low, high := f.oldest(), f.next
	for low < high { // the first event after it
		middle := (low + high) / 2
		if id := f.ring[middle%feedLength].ID; after.before(id) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return cursor{f.epoch, low}, true
}

func (f *feed) oldest() uint64 { return f.next - uint64(len(f.ring)) }

// What a reader finds at its cursor.
type found int

const (
	foundEvents  found = iota // perhaps none
	foundNewLife              // the state was replaced
	foundLost                 // the reader was too slow
)

// read returns up to feedBatch events at a cursor, the cursor behind them, and the position that it stands for.
func (f *feed) read(c cursor) ([]Happened, cursor, EventID, found) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case c.epoch != f.epoch:
		return nil, c, EventID{}, foundNewLife
	case c.next < f.oldest():
		return nil, c, EventID{}, foundLost
	}
	n := min(f.next-c.next, feedBatch)
	events := make([]Happened, 0, n)
	for ; n > 0; n-- {
		events = append(events, f.ring[c.next%feedLength])
		c.next++
	}
	at := f.head
	if c.next < f.next {
		at = events[len(events)-1].ID
	}
	return events, c, at, foundEvents
}
