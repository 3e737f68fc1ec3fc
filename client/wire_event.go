package client

import (
	"bytes"
	"encoding/json"
	"time"
)

// eventLine is one line of the event stream.
type eventLine struct {
	Event     string       `json:"event"`
	ID        string       `json:"id"`
	Kind      Kind         `json:"kind"`
	Name      string       `json:"name"`
	Owner     string       `json:"owner"`
	Token     uint64       `json:"token"` // null leaves 0
	At        time.Time    `json:"at"`
	Value     string       `json:"value"`
	Waited    milliseconds `json:"waited_ms"`
	Late      milliseconds `json:"late_ms"`
	Reason    string       `json:"reason"`
	Why       string       `json:"why"`
	Index     uint64       `json:"index"`
	Locks     []wireState  `json:"locks"`
	Elections []wireState  `json:"elections"`
	More      bool         `json:"more"`

	raw json.RawMessage
}

var (
	_ checker          = (*eventLine)(nil)
	_ json.Unmarshaler = (*eventLine)(nil)
)

// UnmarshalJSON keeps the line as it came beside what is understood of it.
func (l *eventLine) UnmarshalJSON(text []byte) error {
	type fields eventLine
	if err := json.Unmarshal(text, (*fields)(l)); err != nil {
		return err
	}
	l.raw = bytes.Clone(text)
	return nil
}

func (l *eventLine) missing() string {
	switch {
	case l.Event == "":
		return "event"
	case l.ID == "" && !l.More: // of a state in parts only the last has one: there is nowhere to continue before it
		return "id"
	}
	return missingIn(l.Locks, l.Elections)
}

func (l *eventLine) event() Event {
	e := Event{
		Type: l.Event, ID: l.ID, Kind: l.Kind, Name: l.Name, Owner: l.Owner, Token: l.Token, At: l.At, Value: l.Value,
		Waited: l.Waited.duration(), Late: l.Late.duration(), Reason: l.Reason, Why: l.Why, Index: l.Index, More: l.More, Raw: l.raw,
	}
	for i := range l.Locks {
		e.Locks = append(e.Locks, l.Locks[i].lock())
	}
	for i := range l.Elections {
		e.Elections = append(e.Elections, l.Elections[i].election())
	}
	return e
}
