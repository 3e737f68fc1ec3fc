package cli

import (
	"sync"
	"time"
)

// troubles tells a person why a command that goes on trying hangs: of a row of failures the first, and then now and
// then. Its methods may be called concurrently.
type troubles struct {
	say func(line string)

	mu   sync.Mutex
	told time.Time // when last; zero: all is well
}

// retry is for client.WithOnRetry.
func (t *troubles) retry(err error) {
	t.mu.Lock()
	now := time.Now()
	tell := t.told.IsZero() || now.Sub(t.told) >= tellTroublesEvery
	if tell {
		t.told = now
	}
	t.mu.Unlock()
	if tell {
		t.say(plainError(err) + "; trying again")
	}
}

// over is called when something worked: the next failure is news again.
func (t *troubles) over() {
	t.mu.Lock()
	t.told = time.Time{}
	t.mu.Unlock()
}
