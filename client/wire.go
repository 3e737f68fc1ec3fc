package client

import "time"

// How answers look on the wire, and what they become.

// milliseconds is a duration as it travels.
type milliseconds uint64

// longestDuration bounds what is believed of a duration: 100 years do not overflow.
const longestDuration = milliseconds(100 * 365 * 24 * 60 * 60 * 1000)

func (m milliseconds) duration() time.Duration {
	return time.Duration(min(m, longestDuration)) * time.Millisecond
}

// wireProblem is a problem document (RFC 9457).
type wireProblem struct {
	Code        string       `json:"code"`
	Title       string       `json:"title"`
	Detail      string       `json:"detail"`
	Retryable   bool         `json:"retryable"`
	Param       string       `json:"param"`
	Lease       string       `json:"lease"`
	QueueLength int          `json:"queue_length"`
	Holders     []wireHolder `json:"holders"`
	Reason      Reason       `json:"reason"`
	EndedAgo    milliseconds `json:"ended_ago_ms"`
	Why         string       `json:"why"`
}

func (p *wireProblem) missing() string {
	if p.Code == "" {
		return "code"
	}
	return ""
}

func (p *wireProblem) fill(e *Error) {
	e.Code, e.Title, e.Detail, e.Retryable = p.Code, p.Title, p.Detail, p.Retryable
	e.Param, e.Lease, e.QueueLength = p.Param, p.Lease, p.QueueLength
	e.Reason, e.EndedAgo, e.Why = p.Reason, p.EndedAgo.duration(), p.Why
	e.Holders = holders(p.Holders)
}

// wireGrant is the answer to an acquire, a campaign or a renewal.
type wireGrant struct {
	Name     string        `json:"name"`
	State    string        `json:"state"`
	Lease    string        `json:"lease"`
	Token    *uint64       `json:"token"`
	TTL      milliseconds  `json:"ttl_ms"`
	ValidFor *milliseconds `json:"valid_for_ms"`
}

func (g *wireGrant) missing() string {
	switch {
	case g.Lease == "":
		return "lease"
	case g.State != "standby" && (g.Token == nil || *g.Token == 0):
		return "token"
	case g.TTL == 0:
		return "ttl_ms"
	case g.ValidFor == nil || *g.ValidFor > g.TTL:
		return "a valid_for_ms within its TTL"
	}
	return ""
}

type wireHolder struct {
	Owner          string            `json:"owner"`
	Token          uint64            `json:"token"`
	Limit          int               `json:"limit"` // null leaves 0
	HeldFor        milliseconds      `json:"held_for_ms"`
	LeadingFor     milliseconds      `json:"leading_for_ms"` // of an election's leader, which has a value too
	Value          string            `json:"value"`
	ExpiresIn      milliseconds      `json:"expires_in_ms"`
	Metadata       map[string]string `json:"metadata"`
	GrantedAt      time.Time         `json:"granted_at"`
	LastRenewedAgo milliseconds      `json:"last_renewed_ago_ms"`
	ViaNode        string            `json:"via_node"`
	Ended          Reason            `json:"ended"`
	MinHoldLeft    milliseconds      `json:"min_hold_left_ms"`
}

func holders(list []wireHolder) []Holder {
	out := make([]Holder, len(list))
	for i, h := range list {
		out[i] = Holder{
			Owner: h.Owner, Token: h.Token, Limit: h.Limit, HeldFor: h.HeldFor.duration(), ExpiresIn: h.ExpiresIn.duration(),
			Metadata: h.Metadata, GrantedAt: h.GrantedAt, LastRenewedAgo: h.LastRenewedAgo.duration(), ViaNode: h.ViaNode,
			Ended: h.Ended, MinHoldLeft: h.MinHoldLeft.duration(),
		}
	}
	return out
}

func (h *wireHolder) leader() *Leader {
	if h == nil {
		return nil
	}
	return &Leader{
		Owner: h.Owner, Value: h.Value, Token: h.Token, LeadingFor: h.LeadingFor.duration(), ExpiresIn: h.ExpiresIn.duration(),
		Metadata: h.Metadata, GrantedAt: h.GrantedAt, LastRenewedAgo: h.LastRenewedAgo.duration(), ViaNode: h.ViaNode,
		Ended: h.Ended, MinHoldLeft: h.MinHoldLeft.duration(),
	}
}

// wireWaiter is a waiter of a lock or a candidate of an election.
type wireWaiter struct {
	Owner      string            `json:"owner"`
	Limit      int               `json:"limit"` // null leaves 0
	Value      string            `json:"value"`
	WaitingFor milliseconds      `json:"waiting_for_ms"`
	Metadata   map[string]string `json:"metadata"`
	ViaNode    string            `json:"via_node"`
}

// wireState is a lock or an election, alone or in a list.
type wireState struct {
	Name           string       `json:"name"`
	State          string       `json:"state"`
	Limit          int          `json:"limit"`
	Holders        []wireHolder `json:"holders"`
	HolderCount    *int         `json:"holder_count"`
	Queue          []wireWaiter `json:"queue"`
	QueueLength    *int         `json:"queue_length"`
	Leader         *wireHolder  `json:"leader"`
	Candidates     []wireWaiter `json:"candidates"`
	CandidateCount *int         `json:"candidate_count"`
	Index          *uint64      `json:"index"`

	staleness time.Duration
}

func (s *wireState) missing() string {
	switch {
	case s.Name == "":
		return "name"
	case s.Index == nil:
		return "index"
	}
	return ""
}

func (s *wireState) setStaleness(d time.Duration) { s.staleness = d }

func (s *wireState) lock() LockState {
	l := LockState{
		Name: s.Name, Held: s.State == "held", Limit: s.Limit, Holders: holders(s.Holders), Index: *s.Index,
		HolderCount: counted(s.HolderCount, len(s.Holders)), QueueLength: counted(s.QueueLength, len(s.Queue)), Staleness: s.staleness,
	}
	for _, w := range s.Queue {
		l.Queue = append(l.Queue, Waiter{Owner: w.Owner, Limit: w.Limit, WaitingFor: w.WaitingFor.duration()})
	}
	return l
}

func (s *wireState) election() Election {
	e := Election{
		Name: s.Name, Leader: s.Leader.leader(), Index: *s.Index,
		CandidateCount: counted(s.CandidateCount, len(s.Candidates)), Staleness: s.staleness,
	}
	for _, w := range s.Candidates {
		e.Candidates = append(e.Candidates, Candidate{
			Owner: w.Owner, Value: w.Value, WaitingFor: w.WaitingFor.duration(), Metadata: w.Metadata, ViaNode: w.ViaNode,
		})
	}
	return e
}

// counted is the count that a list gives in place of the whole.
func counted(given *int, here int) int {
	if given != nil {
		return *given
	}
	return here
}

// wirePage is a page of a list.
type wirePage struct {
	Locks     []wireState `json:"locks"`
	Elections []wireState `json:"elections"`
	Next      string      `json:"next"` // null leaves ""

	staleness time.Duration
}

func (p *wirePage) missing() string { return missingIn(p.Locks, p.Elections) }

func (p *wirePage) setStaleness(d time.Duration) { p.staleness = d }

func missingIn(lists ...[]wireState) string {
	for _, list := range lists {
		for i := range list {
			if what := list[i].missing(); what != "" {
				return what
			}
		}
	}
	return ""
}

var _ = []checker{(*wireProblem)(nil), (*wireGrant)(nil), (*wireState)(nil), (*wirePage)(nil)}
