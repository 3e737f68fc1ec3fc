package cli

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
)

// stuck is a writer that nobody reads.
type stuck chan struct{}

func (s stuck) Write(p []byte) (int, error) { <-s; return len(p), nil }

func TestWritingNeverWaitsForTheReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := make(stuck)
		u := newUnhurried(reader)
		for range 2 * maxUnread { // the bubble is a deadlock if it waits
			fmt.Fprintln(u, "word")
		}
		u.flush() // waits flushWithin and no longer
		fmt.Fprintln(u, "too late")
		close(reader)
		synctest.Wait()
	})
}

func TestAllThatWasWrittenIsThereAfterFlush(t *testing.T) {
	var b bytes.Buffer
	u := newUnhurried(&b)
	want := ""
	for i := range maxUnread {
		fmt.Fprintln(u, i)
		want += fmt.Sprintln(i)
	}
	u.flush()
	u.flush()
	if b.String() != want {
		t.Errorf("got %q", b.String())
	}
}
