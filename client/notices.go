package client

// notices calls functions one after the other from a goroutine of its own, which it starts when there is a first one.
// Whoever posts never waits: where one is slow, the oldest that wait are dropped.
type notices struct{ queue chan func() }

func (n *notices) post(f func()) {
	if n.queue == nil {
		n.queue = make(chan func(), maxNoticeQueue)
		go func(queue <-chan func()) {
			for f := range queue {
				f()
			}
		}(n.queue)
	}
	for {
		select {
		case n.queue <- f:
			return
		default:
			n.dropOldest()
		}
	}
}

func (n *notices) dropOldest() {
	select {
	case <-n.queue:
	default:
	}
}

// end lets the goroutine end; what it has not begun to call is dropped.
func (n *notices) end() {
	if n.queue == nil {
		return
	}
	for len(n.queue) > 0 {
		n.dropOldest()
	}
	close(n.queue)
}
