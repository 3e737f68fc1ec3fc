package httpapi

import (
	"strconv"

	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode"
)

// The codes of HTTP itself, beside those of lease and raftnode.
const (
	InvalidWait          lease.Code = "invalid_wait"
	InvalidMode          lease.Code = "invalid_mode"
	InvalidConsistency   lease.Code = "invalid_consistency"
	Unauthenticated      lease.Code = "unauthenticated"
	Forbidden            lease.Code = "forbidden"
	HostNotAllowed       lease.Code = "host_not_allowed"
	CrossOrigin          lease.Code = "cross_origin"
	NotFound             lease.Code = "not_found"
	MethodNotAllowed     lease.Code = "method_not_allowed"
	BodyTooLarge         lease.Code = "body_too_large"
	UnsupportedMediaType lease.Code = "unsupported_media_type"
	TooManyStreams       lease.Code = "too_many_streams"
	NoSuchMember         lease.Code = "no_such_member"
	NotAMember           lease.Code = "not_a_member"
	LastVoter            lease.Code = "last_voter"
	NoMajorityLeft       lease.Code = "no_majority_left"
	NotLeading           lease.Code = "not_leading"
	Internal             lease.Code = "internal"

	// clientGone is for metrics alone: nobody is left to answer.
	clientGone lease.Code = "client_gone"
)

// class is what a code means over HTTP.
type class struct {
	status    int
	retryable bool // the same call may succeed later, unchanged
	title     string
	advice    string // what to do next, where whoever refused said nothing more special
}

// classes is the one table from code to status. A test walks it against every code there is.
var classes = map[lease.Code]class{
	lease.InvalidRequest:  {400, false, "Request is not valid", ""},
	lease.InvalidName:     {400, false, "Name is not valid", ""},
	lease.InvalidTTL:      {400, false, "TTL is not valid", ""},
	lease.InvalidLease:    {400, false, "Lease ID is not valid", ""},
	lease.InvalidLimit:    {400, false, "Limit is not valid", ""},
	lease.InvalidOwner:    {400, false, "Owner is not valid", ""},
	lease.InvalidMinHold:  {400, false, "min_hold is not valid", ""},
	lease.InvalidMetadata: {400, false, "Metadata is not valid", ""},
	lease.InvalidValue:    {400, false, "Value is not valid", ""},
	lease.InvalidToken:    {400, false, "Token is not valid", ""},
	lease.InvalidReason:   {400, false, "Reason is not valid", ""},
	InvalidWait:           {400, false, "Wait is not valid", ""},
	InvalidMode:           {400, false, "Mode is not valid", ""},
	InvalidConsistency:    {400, false, "Consistency is not valid", ""},

	Unauthenticated: {401, false, "API key is missing or not known",
		"give an API key of this sidecar's: the header Authorization: Bearer KEY"},
	Forbidden: {403, false, "Not allowed here",
		"this call is not available here"},
	HostNotAllowed: {403, false, "Host is not allowed",
		"use localhost or an IP address"},
	CrossOrigin: {403, false, "Cross-origin requests are refused",
		"sidelock answers no web pages of other origins"},
	NotFound: {404, false, "Nothing is here",
		"GET / lists what can be asked here"},
	MethodNotAllowed: {405, false, "Method is not allowed here",
		"the Allow header lists the methods of this path"},
	lease.NotHolder: {409, false, "Lease does not hold this",
		"the lease is alive and does not hold this name: stop the work that relied on it"},
	lease.TokenRequired: {409, false, "Token is required",
		"the lease is explicit: name the grant to release by its token"},
	NoSuchMember: {404, false, "The group has no such member",
		"GET /v1/cluster lists the members and their IDs; one that was removed already is not among them"},
	NotAMember: {409, false, "It is an agent",
		"an agent is no member of the group: stop it, and it is gone"},
	LastVoter: {409, false, "It is the last voter",
		"the group would be gone with its last voter; stop the sidecar, or start others that join the group first"},
	NoMajorityLeft: {409, false, "Too few healthy voters would be left",
		"without it the voters that are healthy would be no majority: bring others back first, or, if they are lost for good, use sidelock recover"},
	lease.LeaseExpired: {410, false, "Lease has ended",
		"stop the work that relied on this lease, and acquire anew without a lease ID or with a new one"},
	lease.StaleToken: {412, false, "Token is not current",
		"no present holder has this token"},
	BodyTooLarge: {413, false, "Body is too large",
		"a body may have " + strconv.Itoa(MaxBodyBytes) + " bytes"},
	UnsupportedMediaType: {415, false, "Body has a type that is not read here",
		"a body is read as " + formType + " or " + jsonType},
	lease.LeaseMismatch: {422, false, "Lease was used otherwise before",
		"this lease was made with other parameters or belongs to another name: repeat a call unchanged, or use a new lease ID"},

	lease.LockHeld: {423, true, "Lock is held",
		"give wait=30s to stand in line, or try again later"},
	lease.WaitTimeout: {423, true, "Lock is held, and the wait is over",
		"the request has left the queue; try again, or wait longer"},
	lease.MinHold: {423, true, "Lock stays taken for its minimum hold",
		"the last holder is gone, and its min_hold is still running"},
	lease.TooManyWaiters: {429, true, "Too many are waiting",
		"the queue of this name is full"},
	lease.TooManyLeases: {429, true, "Too many leases",
		"the group is at its limit; leases end by release or expiry"},
	raftnode.Overloaded: {429, true, "Too much at once",
		"nothing happened; try again a little later"},

	TooManyStreams: {429, true, "Too many streams",
		"this sidecar has its limit of " + strconv.Itoa(MaxStreams) + " open streams; ask another one"},

	Internal: {500, false, "Something is wrong with this sidecar",
		"nothing happened; the log of this sidecar says more"},
	NotLeading: {503, true, "No candidate of this sidecar leads",
		"another candidate leads, or none does, or this sidecar can no longer be sure"},
	raftnode.NoLeader: {503, true, "No Raft leader",
		"nothing happened; the group has no Raft leader, or none that can be reached"},
	raftnode.NoQuorum: {503, true, "No majority",
		"nothing happened; the Raft leader could not reach a majority"},
	raftnode.NotReady: {503, true, "Not ready yet",
		"nothing happened; this sidecar has not joined or caught up yet"},
	raftnode.Draining: {503, true, "This sidecar is stopping",
		"nothing happened; this sidecar takes no new acquires, ask another one"},
	raftnode.StorageFailed: {503, true, "Storage failed",
		"nothing happened; the disk failed"},

	// The node handles these three itself. Should one get here, nothing happened and trying again is right.
	lease.UnknownSession: {503, true, "Session is unknown",
		"nothing happened; try again"},
	lease.StaleCommand: {503, true, "Command came too late",
		"nothing happened; try again"},
	lease.NotBootstrapped: {503, true, "The group is not made yet",
		"nothing happened; the group is being made"},

	raftnode.OutcomeUnknown: {504, true, "It may have happened",
		"it may have happened; repeat the call, with the same lease, to learn and to settle it"},
}

// ownCodes are the codes that only this package gives.
var ownCodes = []lease.Code{
	InvalidWait, InvalidMode, InvalidConsistency, Unauthenticated, Forbidden, HostNotAllowed, CrossOrigin, NotFound, MethodNotAllowed,
	BodyTooLarge, UnsupportedMediaType, TooManyStreams, NotLeading, Internal, NoSuchMember, NotAMember, LastVoter, NoMajorityLeft,
}

// Codes lists every value of the code label that a Recorder may see; "ok" is success.
func Codes() []string {
	codes := []string{"ok", string(clientGone)}
	for _, set := range [][]lease.Code{lease.Codes(), raftnode.Codes(), ownCodes} {
		for _, c := range set {
			if c != lease.OK {
				codes = append(codes, string(c))
			}
		}
	}
	return codes
}

func label(c lease.Code) string {
	if c == lease.OK {
		return "ok"
	}
	return string(c)
}
