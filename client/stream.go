package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// stream is one connection on which a sidecar says one JSON object a line, read in a goroutine of its own that only
// reads: whatever its lines mean is up to whoever takes them.
type stream[T any] struct {
	sent   instant // when its request left, or a little before
	cancel context.CancelFunc
}

// said is what a stream brought: a line, or, as its last word, why there will be no more.
type said[T any] struct {
	from *stream[T]
	line T
	err  error // an *Error of a request that was refused, or what broke it
}

// open begins a stream. What it brings goes to out, in order, until it is closed; whoever opened it takes from out until
// then. A *T that is a [checker] says what its lines must have. running counts its goroutine.
func open[T any](ctx context.Context, c *Client, r request, maxLine int, out chan<- said[T], running *sync.WaitGroup) *stream[T] {
	ctx, cancel := context.WithCancel(ctx)
	s := &stream[T]{sent: c.now(), cancel: cancel}
	running.Go(func() {
		defer cancel()
		tell := func(line T, err error) bool {
			select {
			case out <- said[T]{s, line, err}:
				return true
			case <-ctx.Done():
				return false
			}
		}
		err := follow(ctx, c, &r, maxLine, func(line T) bool { return tell(line, nil) })
		var none T
		tell(none, err)
	})
	return s
}

// close ends the stream, and with it the request: to the sidecar the client is gone.
func (s *stream[T]) close() {
	if s != nil {
		s.cancel()
	}
}

// follow reads a stream to its end; it returns why it ended. That take returns false is nobody's concern.
func follow[T any](ctx context.Context, c *Client, r *request, maxLine int, take func(T) bool) error {
	resp, err := c.send(ctx, r, "application/x-ndjson, application/problem+json")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return readProblem(r.call, resp)
	}
	if media := mediaType(resp); media != "application/x-ndjson" {
		return &strange{r.call, fmt.Sprintf("a stream of type %.60q", media)}
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 0, 4096), maxLine)
	lines.Split(wholeLines)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		var line T
		if err := decode(r.call, lines.Bytes(), &line); err != nil {
			return err
		}
		if !take(line) {
			return ctx.Err()
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return &strange{r.call, fmt.Sprintf("a line of more than %d bytes", maxLine)}
	case err != nil:
		return &unreachable{r.call, fmt.Errorf("the stream broke: %w", err)}
	}
	return &unreachable{r.call, io.EOF}
}

// wholeLines splits at newlines and drops what is behind the last one: a line that broke off is none.
func wholeLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	advance, token, err = bufio.ScanLines(data, atEOF)
	if atEOF && err == nil && advance == len(data) && advance > 0 && data[advance-1] != '\n' {
		return advance, nil, nil
	}
	return advance, token, err
}
