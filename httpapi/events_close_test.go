package httpapi_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/raftnode"
)

// closingSub counts how often it is closed.
type closingSub struct {
	fakeSub
	closed *atomic.Int32
}

func (s closingSub) Close() { s.closed.Add(1) }

// TestASubscriptionEndsWithItsStream: behind it may be a connection to another sidecar.
func TestASubscriptionEndsWithItsStream(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		var closed atomic.Int32
		n := newFakeNode()
		n.subscribe = func(context.Context, *raftnode.EventID, raftnode.Filter) (httpapi.Subscription, error) {
			s := closingSub{fakeSub{make(chan raftnode.Delivery)}, &closed}
			close(s.deliveries) // it is too slow
			return s, nil
		}
		resp := ask(t, httpapi.New(httpapi.Config{Node: n}).Handler(), formRequest(method, "/v1/events", ""))
		if resp.StatusCode != 200 || closed.Load() != 1 {
			t.Errorf("%s: status %d, closed %d times", method, resp.StatusCode, closed.Load())
		}
		if index := resp.Header.Get("Sidelock-Index"); index != "928" {
			t.Errorf("%s: begun at index %q, not at that of what is followed", method, index)
		}
	}
}
