package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
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

// untilSignal derives a context that ends with the first signal, which is its cause; a second one calls again, at most once and on its
// own goroutine. The returned function ends the watch and waits for it.
func untilSignal(parent context.Context, signals <-chan os.Signal, again func()) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case first := <-signals:
			cancel(&interrupted{first})
			if insisted(first, signals, quit) {
				again()
			}
		case <-quit:
		}
	}()
	return ctx, func() {
		close(quit)
		<-done
		cancel(nil)
	}
}

// insisted waits for a second signal. The echo of the first is none: timeout(1) signals its child and then its whole process group.
func insisted(first os.Signal, signals <-chan os.Signal, quit <-chan struct{}) bool {
	for began := time.Now(); ; {
		select {
		case s := <-signals:
			if s != first || time.Since(began) > echoWithin {
				return true
			}
		case <-quit:
			return false
		}
	}
}

// interrupted is what a signal has ended.
type interrupted struct{ by os.Signal }

// Error names the signal.
func (i *interrupted) Error() string {
	switch i.by {
	case os.Interrupt:
		return "got SIGINT"
	case syscall.SIGTERM:
		return "got SIGTERM"
	}
	return "got the signal " + i.by.String()
}

// Unwrap makes it what contexts end with.
func (i *interrupted) Unwrap() error { return context.Canceled }

// exit is the code of a program that the signal has ended.
func (i *interrupted) exit() error {
	if s, ok := i.by.(syscall.Signal); ok {
		return exitWith(ExitSignal + int(s))
	}
	return exitWith(ExitFailed)
}
