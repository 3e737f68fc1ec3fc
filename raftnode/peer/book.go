package peer

import (
	"maps"
	"sync"
)

// Entry is what a Book knows of a node.
type Entry struct {
	Address string `json:"address"` // host:port of its peer port
	Name    string `json:"name"`    // a label for people, not an identity
}

// Book maps node IDs to addresses. It is what lets a Raft configuration name
// nodes by ID alone. All methods are safe for concurrent use.
type Book struct {
	mu       sync.Mutex
	entries  map[string]Entry
	onChange func()
}

// NewBook returns a book that holds a copy of entries.
func NewBook(entries map[string]Entry) *Book {
	b := &Book{entries: make(map[string]Entry, len(entries))}
	maps.Copy(b.entries, entries)
	return b
}

// OnChange registers f, called after each change, from the goroutine that made
// it and without a lock held. f must not block; it replaces the one before.
func (b *Book) OnChange(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.onChange = f
}

// Learn writes down where a node is and reports whether that was new. An empty
// address or name leaves the known one. A new node beyond MaxBook is not
// written down: Forget those that left.
func (b *Book) Learn(id string, e Entry) bool {
	if id == "" {
		return false
	}
	b.mu.Lock()
	old, known := b.entries[id]
	if e.Address == "" {
		e.Address = old.Address
	}
	if e.Name == "" {
		e.Name = old.Name
	}
	if known && e == old || !known && (e.Address == "" || len(b.entries) >= MaxBook) {
		b.mu.Unlock()
		return false
	}
	b.entries[id] = e
	f := b.onChange
	b.mu.Unlock()
	if f != nil {
		f()
	}
	return true
}

// Lookup returns what is known of a node.
func (b *Book) Lookup(id string) (Entry, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.entries[id]
	return e, ok
}

// Forget removes a node.
func (b *Book) Forget(id string) {
	b.mu.Lock()
	_, known := b.entries[id]
	delete(b.entries, id)
	f := b.onChange
	b.mu.Unlock()
	if known && f != nil {
		f()
	}
}

// Snapshot returns a copy of the whole book.
func (b *Book) Snapshot() map[string]Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.entries)
}
