package cli

import (
	"context"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
)

func TestTheFirstSignalAsksAndTheSecondInsists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals, insisted := make(chan os.Signal, 2), 0
		ctx, release := untilSignal(context.Background(), signals, func() { insisted++ })
		synctest.Wait()
		if ctx.Err() != nil {
			t.Fatal("stopped without a signal")
		}
		signals <- syscall.SIGTERM
		<-ctx.Done()
		synctest.Wait()
		if insisted != 0 {
			t.Error("one signal must not end the process at once")
		}
		signals <- os.Interrupt
		synctest.Wait()
		if insisted != 1 {
			t.Error("a second signal must")
		}
		release()
	})
}

func TestReleaseEndsTheWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // fails if a goroutine is left
		ctx, release := untilSignal(context.Background(), make(chan os.Signal), func() { t.Error("no signal came") })
		release()
		<-ctx.Done()
	})
}
