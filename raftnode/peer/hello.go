package peer

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// ProtocolVersion is the version of the hello and of what follows it. A build speaks all versions from MinProtocol on, so that
// neighbouring releases can be in one group during an upgrade.
const (
	ProtocolVersion = 3
	MinProtocol     = 3
)

// Kind says what a connection is for.
type Kind string

// The kinds of connection.
const (
	KindRaft    Kind = "raft"    // hashicorp/raft's own protocol
	KindForward Kind = "forward" // commands on their way to the Raft leader
	KindEvents  Kind = "events"  // what happens, from a member to a sidecar that has no replica
	KindProbe   Kind = "probe"   // who are you? open to nodes of no cluster yet
)

// Hello is what each side says of itself when a connection begins.
type Hello struct {
	Version   int    `json:"version"`
	Kind      Kind   `json:"kind"`
	ClusterID string `json:"cluster_id"` // "" before the node belongs to a cluster
	NodeID    string `json:"node_id"`
	Name      string `json:"name"`
	Address   string `json:"address"` // advertised host:port of its peer port
	Target    string `json:"target"`  // node ID that the caller means; "" in probes by address

	MinVersion int      `json:"min_version"` // the oldest protocol that it speaks
	About      About    `json:"about"`
	Life       Life     `json:"life"`
	Seen       Sighting `json:"seen,omitzero"`       // of the target: the furthest that the caller has heard of it
	Ancestors  []string `json:"ancestors,omitempty"` // cluster IDs that ClusterID has replaced by a recovery, newest first
}

// Identity is who a node is.
type Identity struct {
	ClusterID string // "" before the group is formed or joined
	NodeID    string
	Name      string
	Address   string // advertised host:port
	About     About
	Life      Life
	Ancestors []string
}

// About is what a node is like: what the Raft leader goes by when it gives out roles.
type About struct {
	Release   string `json:"release"`             // version of the build, for people
	Features  uint32 `json:"features"`            // the highest feature level that it understands
	Zone      string `json:"zone,omitempty"`      // where a failure would take several at once
	Agent     bool   `json:"agent,omitempty"`     // it is never to be a member (--member never)
	Ephemeral bool   `json:"ephemeral,omitempty"` // its disk does not outlive it
	Voters    int    `json:"voters"`              // how many it would have vote
	Spares    int    `json:"spares"`              // and how many only replicate
}

// Life is where a node stands, by its disk (guard 15): none of it ever goes back, and there is one process at a time.
type Life struct {
	Instance  string `json:"instance"`  // drawn when the process started
	Boot      uint64 `json:"boot"`      // how often the data directory has been opened
	Term      uint64 `json:"term"`      // Raft's
	LastIndex uint64 `json:"last"`      // of its log
	Committed uint64 `json:"committed"` // what it knows to be committed; never more than LastIndex
}

func (i Identity) hello(k Kind, target string) Hello {
	return Hello{Version: ProtocolVersion, MinVersion: MinProtocol, Kind: k, ClusterID: i.ClusterID, NodeID: i.NodeID,
		Name: i.Name, Address: i.Address, Target: target, About: i.About, Life: i.Life, Ancestors: i.Ancestors}
}

// Code is a reason for refusing a connection: a closed set.
type Code string

// Why a connection is refused.
const (
	CodeBadHello       Code = "bad_hello"
	CodeVersion        Code = "protocol_version"
	CodeNotFormed      Code = "not_formed"
	CodeForeignCluster Code = "foreign_cluster"
	CodeWrongTarget    Code = "wrong_target"
	CodeSameIdentity   Code = "same_identity"
	CodeNotServed      Code = "not_served"
	CodeCertificate    Code = "certificate"
	CodeTwin           Code = "twin"          // two processes of one identity
	CodeSuperseded     Code = "superseded"    // the identity has been started again since
	CodeRolledBack     Code = "rolled_back"   // the disk has forgotten something
	CodeNameInUse      Code = "name_in_use"   // another live node has the name
	CodeFeatures       Code = "feature_level" // the release is too old for the group
)

// answer is the responder's reply to a hello.
type answer struct {
	OK      bool   `json:"ok"`
	Code    Code   `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	Hello   Hello  `json:"hello"`
}

// refusal says why the hello of a caller is not accepted by the node own; ""
// if it is.
func refusal(own Identity, h Hello) (Code, string) {
	if h.MinVersion == 0 {
		h.MinVersion = h.Version // it does not say: it speaks this one
	}
	switch {
	case h.Version < MinProtocol || h.MinVersion > ProtocolVersion:
		return CodeVersion, fmt.Sprintf("the caller (release %q) speaks peer protocols %d to %d, node %s (release %q) speaks %d to %d: upgrade the older one, one release at a time",
			h.About.Release, h.MinVersion, h.Version, own.NodeID, own.About.Release, MinProtocol, ProtocolVersion)
	case h.Kind == KindProbe:
		return "", ""
	case h.Kind != KindRaft && h.Kind != KindForward && h.Kind != KindEvents:
		return CodeBadHello, fmt.Sprintf("unknown kind of connection %q: is the caller a newer release?", h.Kind)
	case h.NodeID == "":
		return CodeBadHello, "the caller gave no node ID: is it a sidelock peer?"
	case own.ClusterID == "":
		return CodeNotFormed, fmt.Sprintf("node %s belongs to no cluster yet: try again when it has joined", own.NodeID)
	case h.ClusterID != own.ClusterID:
		return CodeForeignCluster, foreign(h.side("the caller"), own.side(""))
	case h.Target != own.NodeID:
		return CodeWrongTarget, fmt.Sprintf("the caller wants node %s, but this address belongs to node %s (%s) now: find the other one again",
			h.Target, own.NodeID, own.Name)
	case h.NodeID == own.NodeID:
		return CodeSameIdentity, fmt.Sprintf("the caller has the identity of this node, %s: do two processes use copies of one data directory? Stop one of them",
			own.NodeID)
	}
	return "", ""
}

// writeFrame writes v as JSON behind its length.
func writeFrame(w io.Writer, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(body) > MaxHello {
		return fmt.Errorf("hello of %d bytes is over the limit of %d: shorten --name or --advertise", len(body), MaxHello)
	}
	// One write, so that it travels as one packet.
	_, err = w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))
	return err
}

// readFrame reads what writeFrame wrote and not a byte beyond.
func readFrame(r io.Reader, v any) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > MaxHello {
		return &frameError{fmt.Sprintf("a hello of %d bytes is over the limit of %d: is the other side a sidelock peer port?", size, MaxHello)}
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		return err
	}
	// Unknown fields pass: a later release may say more of itself.
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(v); err != nil {
		return &frameError{"the hello is not JSON: is the other side a sidelock peer port?"}
	}
	return nil
}

// frameError: bytes came, but not a hello.
type frameError struct{ msg string }

func (e *frameError) Error() string { return e.msg }
