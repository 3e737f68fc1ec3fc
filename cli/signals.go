package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// stopSignals returns the channel on which a person or a supervisor asks to stop, and the function that gives the
// signals back to the runtime.
func stopSignals() (<-chan os.Signal, func()) {
	// Room for two: the first asks, the second insists, and neither may be lost.
	ch := make(chan os.Signal, 2)
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		// A shell script starts what it puts in the background so that Ctrl-C does not reach it: leave that so.
		if !signal.Ignored(s) {
			signal.Notify(ch, s)
		}
	}
	return ch, func() { signal.Stop(ch) }
}

// untilSignal derives a context that ends with the first signal; a second one calls again, at most once and on its
// own goroutine. The returned function ends the watch and waits for it.
func untilSignal(parent context.Context, signals <-chan os.Signal, again func()) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for _, act := range []func(){cancel, again} {
			select {
			case <-signals:
				act()
			case <-quit:
				return
			}
		}
	}()
	return ctx, func() {
		close(quit)
		<-done
		cancel()
	}
}
