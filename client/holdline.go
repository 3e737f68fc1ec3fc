package client

// holdLine is one line of a hold stream. Elections say standby and leading for what locks call queued and held.
type holdLine struct {
	Event    string        `json:"event"`
	Position int           `json:"position"`
	Lease    string        `json:"lease"`
	Token    uint64        `json:"token"`
	TTL      milliseconds  `json:"ttl_ms"`
	ValidFor *milliseconds `json:"valid_for_ms"`
	Reason   Reason        `json:"reason"`
	Why      string        `json:"why"`
}

var _ checker = (*holdLine)(nil)

// missing also brings the words of elections to those of locks. An event unknown here lacks nothing: a newer sidecar may
// say more.
func (l *holdLine) missing() string {
	switch l.Event {
	case "leading":
		l.Event = "held"
	case "standby":
		l.Event = "queued"
	}
	switch l.Event {
	case "":
		return "event"
	case "queued":
		if l.Position < 1 {
			return "a position from 1"
		}
	case "held":
		switch {
		case l.Lease == "":
			return "lease"
		case l.Token == 0:
			return "token"
		case l.TTL == 0:
			return "ttl_ms"
		case l.ValidFor == nil || *l.ValidFor > l.TTL:
			return "a valid_for_ms within its TTL"
		}
	case "alive", "jeopardy":
		if l.ValidFor == nil {
			return "valid_for_ms"
		}
	case "lost":
		if l.Reason == "" {
			return "reason"
		}
	}
	return ""
}
