package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// waiting is the wait for a lock or a leadership, as a person sees it: on a terminal a line that tells how it goes, else
// one when it begins, and troubles. Its methods may be called concurrently.
type waiting struct {
	c    *call
	out  *unhurried
	what string // "lock nightly"
	live bool   // there is a person to entertain

	inLine chan struct{} // has room for the news that the wait has begun

	mu       sync.Mutex
	began    time.Time // zero: nobody waits
	position int
	who      string // has it
	shown    string // the line that is on the screen
}

func newWaiting(c *call, what string) *waiting {
	return &waiting{c: c, out: newUnhurried(c.stderr), what: what, live: c.host.terminal(c.stderr), inLine: make(chan struct{}, 1)}
}

// say prints a line of its own.
func (w *waiting) say(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clear()
	fmt.Fprintf(w.out, "%s: %s\n", w.c.name, fmt.Sprintf(format, args...))
}

// queued is for the client's callbacks.
func (w *waiting) queued(position int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.position = position
	w.paint()
	select {
	case w.inLine <- struct{}{}:
	default:
	}
}

// setWho says who has it.
func (w *waiting) setWho(who string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.who = who
}

func (w *waiting) tick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.paint()
}

// start and stop bound the time in which there is a line.
func (w *waiting) start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.began, w.position, w.who = time.Now(), 0, ""
	select {
	case <-w.inLine: // of the wait before
	default:
	}
}

func (w *waiting) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clear()
	w.began = time.Time{}
}

// paint shows the line, but not for what takes no time.
func (w *waiting) paint() {
	since := time.Since(w.began)
	if !w.live || w.began.IsZero() || since < showWaitAfter {
		return
	}
	line := fmt.Sprintf("waiting %s for %s", humane(since.Truncate(time.Second)), w.text())
	if line = clip(safe(line), terminalWidth(w.c.stderr)); line != w.shown {
		fmt.Fprint(w.out, "\r\x1b[K"+line)
		w.shown = line
	}
}

// text is what is waited for, and who is in the way.
func (w *waiting) text() string {
	text := w.what
	if w.position > 0 {
		text += fmt.Sprintf(", number %d in line", w.position)
	}
	if w.who != "" {
		text += ", " + w.who
	}
	return text
}

func (w *waiting) clear() {
	if w.shown != "" {
		fmt.Fprint(w.out, "\r\x1b[K")
		w.shown = ""
	}
}

// clip shortens a line to what fits, so that it can be painted over.
func clip(line string, width int) string {
	runes := []rune(line)
	if width < 2 || len(runes) < width {
		return line
	}
	return string(runes[:width-2]) + "…"
}

// errInterrupted is the cause with which a wait ends by a signal.
var errInterrupted = errors.New("interrupted")

// await waits for begin to get something, or for a signal, which ends the wait: then what came all the same is given back,
// and the error is an [interrupted]. look says who has it. The context of begin lasts beyond await where that succeeds.
func await[T any](w *waiting, look func(context.Context) string, begin func(context.Context) (T, error), giveBack func(T)) (T, error) {
	w.start()
	defer w.stop()
	defer w.lookOut(look)()
	type result struct {
		got T
		err error
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	got := false
	defer func() {
		if !got {
			cancel(errInterrupted)
		}
	}()
	results := make(chan result, 1)
	go func() {
		got, err := begin(ctx)
		results <- result{got, err}
	}()
	select {
	case r := <-results:
		got = r.err == nil
		return r.got, r.err
	case s := <-w.c.signals:
		cancel(errInterrupted)
		r := <-results
		if r.err == nil {
			giveBack(r.got)
		}
		var none T
		return none, &interrupted{s}
	}
}

// lookOut tells of the wait until the function that it returns is called.
func (w *waiting) lookOut(look func(context.Context) string) (stop func()) {
	tell := w.announce
	if w.live {
		tell = w.entertain
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tell(ctx, look)
	}()
	return func() { cancel(); <-done }
}

// announce says, once, that there is a wait: a log is to tell why nothing happens.
func (w *waiting) announce(ctx context.Context, look func(context.Context) string) {
	select {
	case <-w.inLine:
	case <-ctx.Done():
		return
	}
	w.setWho(look(ctx))
	if ctx.Err() == nil {
		w.say("waiting for %s", safe(w.told()))
	}
}

// entertain keeps the line on the screen true.
func (w *waiting) entertain(ctx context.Context, look func(context.Context) string) {
	ticker := time.NewTicker(paintWaitEvery)
	defer ticker.Stop()
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if time.Since(last) >= lookEvery || w.unknown() {
			w.setWho(look(ctx))
			last = time.Now()
		}
		w.tick()
	}
}

func (w *waiting) told() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text()
}

func (w *waiting) unknown() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.who == ""
}
