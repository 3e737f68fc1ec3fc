package form

import (
	"fmt"
	"slices"
)

// Protocol is the version of the forming agreement; nodes of different versions
// do not form a group together. Version 2: a node may be no founder, or know that
// it does not know all candidates.
const Protocol = 2

// Phase is how far a node has come.
type Phase string

// The phases: a founder goes from fresh by writing and promised to joined, another
// one by joining. Writing is short: a promise is on its way to the disk, and the
// node counts as neither fresh nor promised. Joining: the node has met a group and
// asks to be taken in.
const (
	Fresh    Phase = "fresh"
	Writing  Phase = "writing"
	Promised Phase = "promised"
	Joining  Phase = "joining"
	Joined   Phase = "joined"
)

// Label is what people call a member and where it was last; neither is identity.
type Label struct {
	Name    string `json:"name"`
	Address string `json:"address"`
}

// Status is what a node says about itself in a probe and in the answer to one.
type Status struct {
	Protocol    int              `json:"protocol"`
	ID          string           `json:"id"`
	Instance    string           `json:"instance"` // drawn at each start: tells a copied data directory
	Name        string           `json:"name"`
	Address     string           `json:"address"` // advertised, host:port
	ClusterSize int              `json:"cluster_size"`
	Voters      int              `json:"voters"`
	Existing    bool             `json:"existing,omitempty"` // it is no founder, and waits for a group that is there
	Phase       Phase            `json:"phase"`
	Candidates  []string         `json:"candidates"`           // what it knows at first hand: --join, own address, addresses of nodes that spoke to it; ascending
	Union       []string         `json:"union"`                // these and the candidates of those it heard from; ascending
	Incomplete  string           `json:"incomplete,omitempty"` // why Candidates may lack some; empty: they are all that it can know
	Promise     *Promise         `json:"promise,omitempty"`
	Digest      string           `json:"digest,omitempty"`     // of Promise
	ClusterID   string           `json:"cluster_id,omitempty"` // when joining or joined
	Members     map[string]Label `json:"members,omitempty"`    // by node ID, when joined
}

// Check tells why a status from outside must not be used. A formed group is known
// whatever version its nodes speak.
func (s Status) Check() error {
	if s.Protocol != Protocol && s.Phase != Joined {
		return fmt.Errorf("speaks version %d of the forming protocol, this node version %d; run the same sidelock version on all nodes until the group is formed", s.Protocol, Protocol)
	}
	if len(s.Candidates) > MaxUnion || len(s.Union) > MaxUnion || len(s.Members) > MaxMembers {
		return fmt.Errorf("reports %d candidates, a union of %d, %d members: too many", len(s.Candidates), len(s.Union), len(s.Members))
	}
	texts := slices.Concat([]string{s.Instance, s.Name, s.Digest, s.ClusterID, s.Incomplete, string(s.Phase)}, s.Candidates, s.Union)
	for id, l := range s.Members {
		texts = append(texts, id, l.Name, l.Address)
	}
	for _, t := range texts {
		if len(t) > MaxText {
			return fmt.Errorf("reports a text of %d bytes, at most %d are possible", len(t), MaxText)
		}
	}
	if s.ID == "" || len(s.ID) > MaxText || s.Address == "" || len(s.Address) > MaxText {
		return fmt.Errorf("reports the node ID %.40q and the address %.40q", s.ID, s.Address)
	}
	return s.checkPhase()
}

func (s Status) checkPhase() error {
	switch s.Phase {
	case Fresh, Writing:
		if s.Promise != nil || s.ClusterID != "" {
			return fmt.Errorf("says %s, with a promise or a cluster", s.Phase)
		}
	case Promised:
		if s.Promise == nil || s.ClusterID != "" {
			return fmt.Errorf("says %s, without a promise or with a cluster", s.Phase)
		}
	case Joining:
		if s.Promise != nil || s.ClusterID == "" {
			return fmt.Errorf("says %s, with a promise or without a cluster", s.Phase)
		}
	case Joined:
		if s.ClusterID == "" {
			return fmt.Errorf("says %s, without a cluster", s.Phase)
		}
	default:
		return fmt.Errorf("says %.40q, which is no phase", s.Phase)
	}
	if s.Promise == nil {
		return nil
	}
	if err := s.Promise.check(); err != nil {
		return err
	}
	if s.Digest != s.Promise.Digest() {
		return fmt.Errorf("reports a promise that does not match its digest")
	}
	return nil
}
