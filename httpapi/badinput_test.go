package httpapi_test

import (
	"testing"

	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/internal/apitest"
)

func TestBadInputIsAnsweredExactly(t *testing.T) {
	if n := len(apitest.Cases()); n < 150 {
		t.Errorf("the table has only %d cases", n)
	}
	node := newFakeNode()
	apitest.BadInput(t, serve(t, httpapi.Config{Node: node}), check(t))
	accepted := 0
	for _, c := range apitest.Cases() {
		if c.Status == 201 {
			accepted++
		}
	}
	if got := node.proposed(); got != accepted {
		t.Errorf("%d commands reached the node, want the %d of accepted requests: a refused one must cost no log entry", got, accepted)
	}
}
