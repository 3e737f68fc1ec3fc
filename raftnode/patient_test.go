package raftnode

import (
	"bufio"
	"net"
	"testing"
	"time"

	"github.com/sidelock/sidelock/raftnode/peer"
)

// TestABusyConnectionIsNotTakenForDead, though it never stops between two frames; an idle one is.
func TestABusyConnectionIsNotTakenForDead(t *testing.T) {
	inFakeTime(t, 1, func(w *world) {
		near, far := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.hosts[0].up().serveForward(far, peer.Hello{NodeID: "somebody"})
		}()
		go func() { // answers are not what this is about
			for in := bufio.NewReader(near); ; {
				if _, _, _, err := readFrame(in); err != nil {
					return
				}
			}
		}()
		frame := appendFrame(nil, 7, frameUnwatch, nil)
		next := frame[:5]
		for begun := time.Now(); time.Since(begun) < 3*forwardIdleTimeout; w.sleep(forwardIdleTimeout / 4) {
			if _, err := near.Write(next); err != nil {
				t.Fatalf("cut off after %v: %v", time.Since(begun), err)
			}
			next = append(append([]byte{}, frame[5:]...), frame[:5]...)
		}
		quiet := time.Now()
		<-done
		if took := time.Since(quiet); took > forwardIdleTimeout {
			t.Errorf("an idle one is cut off after %v", took)
		}
		near.Close()
	})
}
