package httpapi

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sidelock/sidelock/lease"
	"github.com/sidelock/sidelock/raftnode"
)

// param is one parameter of the API. Two of them share the name "limit": how many may hold a lock, and how many
// names a list shows.
type param uint8

const (
	pOwner param = iota
	pTTL
	pWait
	pLease
	pLimit
	pMode
	pMinHold
	pMetadata
	pValue
	pToken
	pReason
	pImmediate
	pConsistency
	pPrefix
	pAfter
	pPage
	pQuorum
	pIndex
	pKind
	pSince
)

// params is a set of parameters.
type params uint32

func set(list ...param) params {
	var s params
	for _, p := range list {
		s |= 1 << p
	}
	return s
}

func (s params) has(p param) bool { return s&(1<<p) != 0 }

// kind is what a parameter must be in JSON. In a query string and in a form all are text.
type kind uint8

const (
	text kind = iota
	integer
	boolean
	object // of strings; elsewhere name.KEY=VALUE
)

// values are the parameters of one request, checked, with those left out at zero.
type values struct {
	given       params
	owner       string
	ttl         time.Duration
	wait        time.Duration
	lease       lease.ID
	limit       uint32 // 0 is shared
	minHold     time.Duration
	metadata    []lease.Pair
	value       string
	token       lease.Token
	reason      string
	consistency raftnode.Consistency
	prefix      string
	after       string
	page        int
	quorum      bool
	index       uint64
	kind        lease.Space // 0: both
	since       raftnode.EventID
	immediate   bool

	minTTL time.Duration // the group's, to check ttl against
}

// spec says what a parameter is. parse checks and keeps its text; it returns what is wrong, for people, or "".
// It must not repeat the text of a lease ID.
type spec struct {
	name  string
	kind  kind
	code  lease.Code
	parse func(v *values, s string) string
}

// specs has one entry for each param.
var specs = [...]spec{
	pOwner:       {"owner", text, lease.InvalidOwner, (*values).setOwner},
	pTTL:         {"ttl", text, lease.InvalidTTL, (*values).setTTL},
	pWait:        {"wait", text, InvalidWait, (*values).setWait},
	pLease:       {"lease", text, lease.InvalidLease, (*values).setLease},
	pLimit:       {"limit", integer, lease.InvalidLimit, (*values).setLimit},
	pMode:        {"mode", text, InvalidMode, (*values).setMode},
	pMinHold:     {"min_hold", text, lease.InvalidMinHold, (*values).setMinHold},
	pMetadata:    {"metadata", object, lease.InvalidMetadata, nil},
	pValue:       {"value", text, lease.InvalidValue, (*values).setValue},
	pToken:       {"token", integer, lease.InvalidToken, (*values).setToken},
	pReason:      {"reason", text, lease.InvalidReason, (*values).setReason},
	pImmediate:   {"immediate", boolean, lease.InvalidRequest, (*values).setImmediate},
	pConsistency: {"consistency", text, InvalidConsistency, (*values).setConsistency},
	pPrefix:      {"prefix", text, lease.InvalidName, (*values).setPrefix},
	pAfter:       {"after", text, lease.InvalidName, (*values).setAfter},
	pPage:        {"limit", integer, lease.InvalidLimit, (*values).setPage},
	pQuorum:      {"quorum", boolean, lease.InvalidRequest, (*values).setQuorum},
	pIndex:       {"index", integer, lease.InvalidRequest, (*values).setIndex},
	pKind:        {"kind", text, lease.InvalidRequest, (*values).setKind},
	pSince:       {"after", text, lease.InvalidRequest, (*values).setSince},
}

func detail(f *lease.Fault) string {
	if f == nil {
		return ""
	}
	return f.Detail
}

func (v *values) setOwner(s string) string {
	v.owner = s
	return detail(lease.ValidOwner(s))
}

func (v *values) setValue(s string) string {
	v.value = s
	return detail(lease.ValidValue(s))
}

func (v *values) setReason(s string) string {
	v.reason = s
	if strings.TrimSpace(s) == "" {
		return "say why, for the former holder"
	}
	return detail(lease.ValidReason(s))
}

func (v *values) setLease(s string) string {
	v.lease = lease.ID(s)
	return detail(lease.ValidLeaseID(v.lease))
}

func (v *values) setTTL(s string) (wrong string) {
	if v.ttl, wrong = duration(s); wrong != "" {
		return wrong
	}
	return detail(lease.ValidTTL(v.ttl, v.minTTL))
}

func (v *values) setMinHold(s string) (wrong string) {
	if v.minHold, wrong = duration(s); wrong != "" {
		return wrong
	}
	return detail(lease.ValidMinHold(v.minHold))
}

func (v *values) setWait(s string) (wrong string) {
	if v.wait, wrong = duration(s); wrong != "" {
		return wrong
	}
	if v.wait < 0 || v.wait > lease.MaxWait {
		return fmt.Sprintf("wait must be from 0s to %v", lease.MaxWait)
	}
	return ""
}

func (v *values) setLimit(s string) string {
	n, wrong := natural(s, 1, lease.MaxHolders)
	v.limit = uint32(n)
	return wrong
}

func (v *values) setMode(s string) string {
	switch s {
	case "shared":
		v.limit = 0
	case "exclusive":
		v.limit = 1
	default:
		return "mode is shared or exclusive; for N holders give limit=N"
	}
	return ""
}

func (v *values) setToken(s string) string {
	n, wrong := natural(s, 1, MaxInteger)
	v.token = lease.Token(n)
	return wrong
}

func (v *values) setPage(s string) string {
	n, wrong := natural(s, 1, lease.MaxListLimit)
	v.page = int(n)
	return wrong
}

// A prefix of a name is itself a well-formed name, unless it is empty.
func (v *values) setPrefix(s string) string { v.prefix = s; return nameOrEmpty(s) }
func (v *values) setAfter(s string) string  { v.after = s; return nameOrEmpty(s) }

func nameOrEmpty(s string) string {
	if s == "" {
		return ""
	}
	return detail(lease.ValidName(s))
}

func (v *values) setConsistency(s string) string {
	switch s {
	case "linearizable":
		v.consistency = raftnode.Linearizable
	case "local":
		v.consistency = raftnode.Local
	default:
		return "consistency is linearizable or local"
	}
	return ""
}

func (v *values) setIndex(s string) (wrong string) {
	v.index, wrong = natural(s, 0, MaxInteger)
	return wrong
}

func (v *values) setKind(s string) string {
	for _, space := range []lease.Space{lease.Locks, lease.Elections} {
		if s == kindOf(space) {
			v.kind = space
			return ""
		}
	}
	return "kind is lock or election"
}

func (v *values) setSince(s string) string {
	id, ok := raftnode.ParseEventID(s)
	if v.since = id; !ok {
		return "after is the id of an event, such as 913.1"
	}
	return ""
}

func (v *values) setQuorum(s string) (wrong string)    { v.quorum, wrong = truth(s); return }
func (v *values) setImmediate(s string) (wrong string) { v.immediate, wrong = truth(s); return }

func truth(s string) (is bool, wrong string) {
	switch s {
	case "1", "true":
		return true, ""
	case "0", "false":
		return false, ""
	}
	return false, "must be true or false"
}

// natural reads an integer written plainly: no sign, no leading zero, no fraction, no exponent.
func natural(s string, least, most uint64) (uint64, string) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || s[0] == '0' && len(s) > 1 || n < least || n > most {
		return 0, fmt.Sprintf("must be an integer from %d to %d", least, most)
	}
	return n, ""
}

// duration reads Go's syntax. A number without a unit is refused and not guessed at: milliseconds and seconds are
// both common elsewhere.
func duration(s string) (time.Duration, string) {
	d, err := time.ParseDuration(s)
	if err == nil {
		return d, "" // may be negative: each parameter has its own range
	}
	if _, err := strconv.ParseUint(s, 10, 64); err == nil {
		return 0, fmt.Sprintf("%s needs a unit: %ss, for example", clip(s), clip(s))
	}
	return 0, fmt.Sprintf("%s is not a duration; write 15s, 500ms or 1m30s", strconv.Quote(clip(s)))
}

// clip bounds what of a caller's input is repeated to him.
func clip(s string) string {
	if len(s) > maxQuoted {
		return s[:maxQuoted] + "…"
	}
	return s
}
