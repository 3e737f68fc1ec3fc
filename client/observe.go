package client

import (
	"context"
	"iter"
	"strconv"
	"time"
)

// Observe yields an election's state as it is now, and then at each change, though of changes in quick succession only
// the last. It goes on through outages and ends with ctx, without an error; a refusal that trying again cannot mend is
// yielded as an error and ends it.
func (c *Client) Observe(ctx context.Context, election string) iter.Seq2[Election, error] {
	return func(yield func(Election, error) bool) {
		index, known := uint64(0), false
		for ctx.Err() == nil {
			e, err := c.observe(ctx, election, index, known)
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				yield(Election{}, err)
				return
			case known && e.Index == index:
				continue // nothing happened for as long as a sidecar waits
			}
			index, known = e.Index, true
			if !yield(*e, nil) {
				return
			}
		}
	}
}

// observe returns the election as it is, or once it is another than at index, or after [observeWait].
func (c *Client) observe(ctx context.Context, election string, index uint64, known bool) (*Election, error) {
	r, err := c.read("observe", KindElection, election, "")
	if err != nil {
		return nil, err
	}
	if known {
		r.query.Set("index", strconv.FormatUint(index, 10))
		r.query.Set("wait", observeWait.String())
		r.wait = observeWait
	}
	var w wireState
	began := c.now()
	if _, err := c.persist(ctx, &r, &w, forever, nil); err != nil {
		return nil, err
	}
	e := w.election()
	if known && e.Index == index && c.now().since(began) < time.Second {
		sleep(ctx, time.Second) // something in between does not wait: do not ask it in a tight loop
	}
	return &e, nil
}
