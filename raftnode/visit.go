package raftnode

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/sidelock/sidelock/raftnode/form"
	"github.com/sidelock/sidelock/raftnode/peer"
)

// Visit is what a sidecar says of itself and its group to somebody who only asks.
type Visit struct {
	Hello      peer.Hello
	Status     form.Status  // of a group, Members are those of Raft's configuration
	LeaderID   string       // the Raft leader's; "" if the sidecar knows of none at first hand
	LeaderName string       //
	DialBack   *DialledBack // nil: not asked for, or of a release that does not know how
}

// Ask visits the sidecar at an address, through a peer port that need be no sidecar's. The one who is asked learns nothing by it:
// neither does he take the asker for a candidate of a new group, nor does he remember the address. dialBack asks him to dial the
// address that the port's identity advertises.
func Ask(ctx context.Context, port *peer.Port, addr string, dialBack bool) (Visit, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout+dialBackTimeout)
	defer cancel()
	hello, r, err := exchange(ctx, port, addr, inquiry{DialBack: dialBack})
	if err != nil {
		return Visit{Hello: hello}, err
	}
	v := Visit{Hello: hello, Status: r.Status, DialBack: r.DialBack}
	if r.Leader != nil {
		v.LeaderID, v.LeaderName = r.Leader.ID, r.Leader.Name
	}
	return v, nil
}

// exchange tells an address who asks, and takes its answer.
func exchange(ctx context.Context, port *peer.Port, addr string, said any) (hello peer.Hello, r report, err error) {
	conn, hello, err := port.DialAddr(ctx, peer.KindProbe, addr)
	if err != nil {
		return hello, r, err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return hello, r, err
		}
	}
	if err := json.NewEncoder(conn).Encode(said); err != nil {
		return hello, r, fmt.Errorf("probe %s: %w", addr, err)
	}
	if err := json.NewDecoder(io.LimitReader(conn, maxProbe)).Decode(&r); err != nil {
		return hello, r, fmt.Errorf("probe %s: %w", addr, err)
	}
	return hello, r, nil
}
