package peer

import (
	"errors"
	"fmt"
)

// ErrClosed is returned by operations on a closed port or transport.
var ErrClosed = errors.New("peer port is closed")

// ErrStoreStalled is returned in place of sending AppendEntries while this
// node's own log write has run for longer than StoreStallLimit.
var ErrStoreStalled = errors.New("own log write is stalled: not claiming leadership any longer; check this node's disk")

// NoAddressError: the book has no address for a node. Find it (probe the
// addresses of discovery) and Learn it.
type NoAddressError struct{ ID string }

// Error implements error.
func (e *NoAddressError) Error() string {
	return fmt.Sprintf("no address is known for node %s: wait until it has been found again", e.ID)
}

// WrongNodeError: another node answers where the wanted one used to be. Find
// the wanted one's new address and Learn it.
type WrongNodeError struct {
	Address string
	Want    string
	Got     Hello // the one that answered
}

// Error implements error.
func (e *WrongNodeError) Error() string {
	return fmt.Sprintf("%s is the address of node %s (%s) now, not of node %s: wait until that one has been found again",
		e.Address, e.Got.NodeID, e.Got.Name, e.Want)
}

// HelloError: the peer refused the connection and said why.
type HelloError struct {
	Address string
	Code    Code
	Message string // cause and remedy, for people
	Peer    Hello  // the responder; may be empty if it could not read the hello
	Ours    bool   // it is this node that refused, by what the responder said
}

// Error implements error.
func (e *HelloError) Error() string {
	if e.Ours {
		return fmt.Sprintf("peer %s is refused: %s (%s)", e.Address, e.Message, e.Code)
	}
	return fmt.Sprintf("peer %s refused: %s (%s)", e.Address, e.Message, e.Code)
}

// lost reports whether err says that the peer is not where the book has it, so
// that trying again soon is pointless.
func lost(err error) bool {
	_, noAddress := errors.AsType[*NoAddressError](err)
	_, wrong := errors.AsType[*WrongNodeError](err)
	_, refused := errors.AsType[*HelloError](err)
	return noAddress || wrong || refused
}
