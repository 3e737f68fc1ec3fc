package form

import (
	"maps"
	"slices"
	"time"
)

// kind is how this node came to know an address.
type kind int

const (
	found   kind = iota // Config.Find answered it
	heard               // of a node that spoke to us
	learned             // a candidate of another node
	kinds
)

// sightings are when each address was mentioned last, by kind; a zero time: never.
type sightings map[string]*[kinds]time.Time

// renew notes that an address was mentioned now. Called with mu held.
func (f *Former) renew(addr string, how kind) {
	if addr == "" || len(addr) > MaxText {
		return
	}
	at := f.sighted[addr]
	if at == nil {
		if slices.Contains(f.own, addr) || slices.Contains(f.way, addr) {
			return
		}
		if len(f.own)+len(f.way)+len(f.sighted) >= MaxUnion {
			f.overflow = time.Now()
			return
		}
		at = new([kinds]time.Time)
		f.sighted[addr] = at
	}
	at[how] = time.Now()
}

// recent tells whether a time is not longer ago than an address is remembered.
func (f *Former) recent(at time.Time) bool {
	return !at.IsZero() && time.Since(at) <= f.cfg.ForgetAfter
}

// candidates returns what this node knows at first hand, in order. Called with mu held.
func (f *Former) candidates() []string { return f.merge(found, heard) }

// union returns these and the candidates of others, in order. Called with mu held.
func (f *Former) union() []string { return f.merge(found, heard, learned) }

// merge returns our own addresses and those sighted in one of the ways, in order, and forgets those that nobody mentioned
// for long. Called with mu held.
func (f *Former) merge(ways ...kind) []string {
	all := map[string]bool{}
	for _, a := range slices.Concat(f.own, f.way) {
		all[a] = true
	}
	for a, at := range f.sighted {
		if !slices.ContainsFunc(at[:], f.recent) {
			delete(f.sighted, a)
			continue
		}
		for _, how := range ways {
			if f.recent(at[how]) {
				all[a] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}
