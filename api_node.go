package main

import (
	"context"
	"time"

	"github.com/sidelock/sidelock/httpapi"
	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode"
)

// apiNode is a node as the API wants it: what lasts is known there by what it can do.
type apiNode struct{ *raftnode.Node }

func (n apiNode) Hold(ctx context.Context, c lease.Command, wait time.Duration) (httpapi.Holding, raftnode.Outcome, error) {
	h, out, err := n.Node.Hold(ctx, c, wait)
	if h == nil {
		return nil, out, err // and not an interface that holds a nil
	}
	return h, out, err
}

func (n apiNode) Subscribe(ctx context.Context, after *raftnode.EventID, f raftnode.Filter) (httpapi.Subscription, error) {
	s, err := n.Node.Subscribe(ctx, after, f)
	if err != nil {
		return nil, err
	}
	return s, nil
}
