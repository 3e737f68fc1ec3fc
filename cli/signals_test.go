package cli

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
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

// TestEchoOfASignalDoesNotInsist: timeout(1) signals its child and then its group, the child among it.
func TestEchoOfASignalDoesNotInsist(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals, insisted := make(chan os.Signal, 2), 0
		ctx, release := untilSignal(context.Background(), signals, func() { insisted++ })
		signals <- syscall.SIGTERM
		signals <- syscall.SIGTERM
		synctest.Wait()
		if insisted != 0 {
			t.Error("an echo insists")
		}
		if why := context.Cause(ctx); why.Error() != "got SIGTERM" || !errors.Is(why, context.Canceled) {
			t.Errorf("it ended by %v", why)
		}
		time.Sleep(time.Second)
		signals <- syscall.SIGTERM
		synctest.Wait()
		if insisted != 1 {
			t.Error("whoever asks again later insists")
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
