package form

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// lookup is the latest answer of Config.Find.
type lookup struct {
	begun  time.Time // when it was asked for; zero: there is none yet
	faults []string
}

// scout looks addresses up again and again until ctx ends. It runs beside the rounds, for a lookup that hangs must not make
// what they saw old.
func (f *Former) scout(ctx context.Context) {
	for {
		begun := time.Now()
		addresses, faults := f.cfg.Find(ctx)
		if ctx.Err() != nil {
			return
		}
		f.take(begun, addresses, faults)
		pause := time.NewTimer(f.cfg.FindEvery)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return
		}
	}
}

// take notes what a lookup found. Where something could not be looked up, that an address is missing means nothing: what
// was known before stays.
func (f *Former) take(begun time.Time, addresses []string, faults []error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range addresses {
		f.renew(a, found)
	}
	f.looked = lookup{begun: begun}
	for _, err := range faults {
		f.looked.faults = append(f.looked.faults, err.Error())
	}
	if len(faults) > 0 {
		for a, at := range f.sighted {
			if !at[found].IsZero() {
				f.renew(a, found)
			}
		}
	}
}

// incomplete says why this node's candidates may not be all that there are; empty if they are. A node that says so may still
// be found, counted and followed by all: only nobody draws up a list meanwhile. Called with mu held.
func (f *Former) incomplete() string {
	switch {
	case f.recent(f.overflow):
		return fmt.Sprintf("has more than %d addresses to look at; name fewer in --join", MaxUnion)
	case f.cfg.Find == nil:
		return ""
	case f.looked.begun.IsZero():
		return "has not looked --join up yet"
	case len(f.looked.faults) > 0:
		return clip("cannot look --join up: " + strings.Join(f.looked.faults, "; "))
	}
	return ""
}

// clip shortens a text to what a status may carry.
func clip(text string) string {
	const more = " …"
	if len(text) <= MaxText {
		return text
	}
	return strings.ToValidUTF8(text[:MaxText-len(more)], "") + more
}
