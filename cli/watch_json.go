package cli

import (
	"time"

	"github.com/sidelock/sidelock/client"
)

// How events look with --output json: the words of the API's event stream.

type eventJSON struct {
	Event     string         `json:"event"`
	ID        string         `json:"id"`
	Index     uint64         `json:"index,omitempty"`
	Kind      client.Kind    `json:"kind,omitempty"`
	Name      string         `json:"name,omitempty"`
	Owner     string         `json:"owner,omitempty"`
	Token     uint64         `json:"token,omitempty"`
	At        *time.Time     `json:"at,omitempty"`
	Value     string         `json:"value,omitempty"`
	Waited    int64          `json:"waited_ms,omitempty"`
	Late      int64          `json:"late_ms,omitempty"`
	Reason    string         `json:"reason,omitempty"`
	Why       string         `json:"why,omitempty"`
	Locks     []lockJSON     `json:"locks,omitempty"`
	Elections []electionJSON `json:"elections,omitempty"`
	More      bool           `json:"more,omitempty"`
}

type lockJSON struct {
	Name    string       `json:"name"`
	State   string       `json:"state"`
	Limit   *int         `json:"limit"`
	Holders []holderJSON `json:"holders"`
	Queue   []waiterJSON `json:"queue"`
	Index   uint64       `json:"index"`
}

type electionJSON struct {
	Name       string       `json:"name"`
	Leader     *holderJSON  `json:"leader"`
	Candidates []waiterJSON `json:"candidates"`
	Index      uint64       `json:"index"`
}

type holderJSON struct {
	Owner       string            `json:"owner"`
	Value       string            `json:"value,omitempty"`
	Token       uint64            `json:"token"`
	Limit       *int              `json:"limit,omitempty"`
	HeldFor     int64             `json:"held_for_ms,omitempty"`
	LeadingFor  int64             `json:"leading_for_ms,omitempty"`
	ExpiresIn   int64             `json:"expires_in_ms"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	GrantedAt   time.Time         `json:"granted_at"`
	LastRenewed int64             `json:"last_renewed_ago_ms"`
	ViaNode     string            `json:"via_node,omitempty"`
	Ended       client.Reason     `json:"ended,omitempty"`
	MinHoldLeft int64             `json:"min_hold_left_ms,omitempty"`
}

type waiterJSON struct {
	Owner      string `json:"owner"`
	Value      string `json:"value,omitempty"`
	Limit      *int   `json:"limit,omitempty"`
	WaitingFor int64  `json:"waiting_for_ms"`
}

func eventLine(e client.Event) eventJSON {
	out := eventJSON{
		Event: e.Type, ID: e.ID, Index: e.Index, Kind: e.Kind, Name: e.Name, Owner: e.Owner, Token: e.Token, Value: e.Value,
		Waited: e.Waited.Milliseconds(), Late: e.Late.Milliseconds(), Reason: e.Reason, Why: e.Why, More: e.More,
	}
	if !e.At.IsZero() {
		out.At = &e.At
	}
	for _, l := range e.Locks {
		out.Locks = append(out.Locks, lockLine(l))
	}
	for _, l := range e.Elections {
		out.Elections = append(out.Elections, electionLine(l))
	}
	return out
}

func lockLine(l client.LockState) lockJSON {
	out := lockJSON{Name: l.Name, State: "free", Limit: limitOf(l.Limit), Holders: []holderJSON{}, Queue: []waiterJSON{}, Index: l.Index}
	if l.Held {
		out.State = "held"
	}
	for _, h := range l.Holders {
		out.Holders = append(out.Holders, holderJSON{
			Owner: h.Owner, Token: h.Token, Limit: limitOf(h.Limit), HeldFor: h.HeldFor.Milliseconds(), ExpiresIn: h.ExpiresIn.Milliseconds(),
			Metadata: h.Metadata, GrantedAt: h.GrantedAt, LastRenewed: h.LastRenewedAgo.Milliseconds(), ViaNode: h.ViaNode,
			Ended: h.Ended, MinHoldLeft: h.MinHoldLeft.Milliseconds(),
		})
	}
	for _, w := range l.Queue {
		out.Queue = append(out.Queue, waiterJSON{Owner: w.Owner, Limit: limitOf(w.Limit), WaitingFor: w.WaitingFor.Milliseconds()})
	}
	return out
}

func electionLine(e client.Election) electionJSON {
	out := electionJSON{Name: e.Name, Candidates: []waiterJSON{}, Index: e.Index}
	if l := e.Leader; l != nil {
		out.Leader = &holderJSON{
			Owner: l.Owner, Value: l.Value, Token: l.Token, LeadingFor: l.LeadingFor.Milliseconds(), ExpiresIn: l.ExpiresIn.Milliseconds(),
			Metadata: l.Metadata, GrantedAt: l.GrantedAt, LastRenewed: l.LastRenewedAgo.Milliseconds(), ViaNode: l.ViaNode,
			Ended: l.Ended, MinHoldLeft: l.MinHoldLeft.Milliseconds(),
		}
	}
	for _, w := range e.Candidates {
		out.Candidates = append(out.Candidates, waiterJSON{Owner: w.Owner, Value: w.Value, WaitingFor: w.WaitingFor.Milliseconds()})
	}
	return out
}

// limitOf is null where there is no limit.
func limitOf(limit int) *int {
	if limit == 0 {
		return nil
	}
	return &limit
}
