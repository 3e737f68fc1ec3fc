package lease

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Fault says which parameter is wrong, and how. A nil *Fault is no fault.
type Fault struct {
	Code   Code
	Param  string
	Detail string
}

func (f *Fault) Error() string { return string(f.Code) + ": " + f.Param + ": " + f.Detail }

// ValidName checks the name of a lock or an election: a letter or digit, then up to 127 of [A-Za-z0-9._:-].
func ValidName(name string) *Fault {
	ok := len(name) >= 1 && len(name) <= MaxNameLen && alphanumeric(name[0])
	for i := 0; ok && i < len(name); i++ {
		ok = alphanumeric(name[i]) || strings.IndexByte("._:-", name[i]) >= 0
	}
	if !ok {
		return &Fault{InvalidName, "name", fmt.Sprintf("a name is a letter or digit, then up to %d of A-Z a-z 0-9 . _ : -", MaxNameLen-1)}
	}
	return nil
}

// ValidLeaseID checks the form of a lease ID, whoever made it.
func ValidLeaseID(id ID) *Fault {
	ok := len(id) >= MinLeaseIDLen && len(id) <= MaxLeaseIDLen
	for i := 0; ok && i < len(id); i++ {
		ok = alphanumeric(id[i]) || id[i] == '_' || id[i] == '-'
	}
	if !ok {
		return &Fault{InvalidLease, "lease", fmt.Sprintf("a lease ID is %d to %d of A-Z a-z 0-9 _ - (%d given), drawn at random", MinLeaseIDLen, MaxLeaseIDLen, len(id))}
	}
	return nil
}

// ValidOwner checks the caller's name for itself: up to MaxOwnerLen bytes of printable UTF-8, not empty.
func ValidOwner(owner string) *Fault { return validOwner(owner, printable) }

func validOwner(owner string, text charset) *Fault {
	if owner == "" || len(owner) > MaxOwnerLen || !text(owner) {
		return &Fault{InvalidOwner, "owner", fmt.Sprintf("an owner is 1 to %d bytes of printable UTF-8", MaxOwnerLen)}
	}
	return nil
}

// ValidTTL checks a TTL against the group's shortest one.
func ValidTTL(ttl, shortest time.Duration) *Fault {
	if ttl < shortest || ttl > MaxTTL {
		return &Fault{InvalidTTL, "ttl", fmt.Sprintf("ttl must be from %v to %v", shortest, MaxTTL)}
	}
	return nil
}

// ValidLimit checks the number of holders that a request allows; 0 is shared.
func ValidLimit(limit uint32) *Fault {
	if limit > MaxHolders {
		return &Fault{InvalidLimit, "limit", fmt.Sprintf("limit must be from 1 to %d", MaxHolders)}
	}
	return nil
}

// ValidMinHold checks how long a place stays taken.
func ValidMinHold(d time.Duration) *Fault {
	if d < 0 || d > MaxMinHold {
		return &Fault{InvalidMinHold, "min_hold", fmt.Sprintf("min_hold must be from 0s to %v", MaxMinHold)}
	}
	return nil
}

// ValidMetadata checks that the pairs are sorted, without repeats, printable and within MaxMetadataBytes.
func ValidMetadata(pairs []Pair) *Fault { return validMetadata(pairs, printable) }

func validMetadata(pairs []Pair, text charset) *Fault {
	fault := func(format string, args ...any) *Fault {
		return &Fault{InvalidMetadata, "metadata", fmt.Sprintf(format, args...)}
	}
	if n := pairsBytes(pairs); n > MaxMetadataBytes {
		return fault("keys and values may have %d bytes together, these have %d", MaxMetadataBytes, n)
	}
	for i, p := range pairs {
		if p.Key == "" || !text(p.Key) || !text(p.Value) {
			return fault("keys and values are printable UTF-8, keys not empty")
		}
		if i > 0 && pairs[i-1].Key >= p.Key {
			return fault("keys must be sorted, each given once")
		}
	}
	return nil
}

// ValidValue checks an election's value.
func ValidValue(value string) *Fault { return validValue(value, printable) }

func validValue(value string, text charset) *Fault {
	if len(value) > MaxValueBytes || !text(value) {
		return &Fault{InvalidValue, "value", fmt.Sprintf("a value is up to %d bytes of printable UTF-8", MaxValueBytes)}
	}
	return nil
}

// ValidReason checks the reason of a forced release.
func ValidReason(reason string) *Fault { return validReason(reason, printable) }

func validReason(reason string, text charset) *Fault {
	if len(reason) > MaxReasonLen || !text(reason) {
		return &Fault{InvalidReason, "reason", fmt.Sprintf("a reason is up to %d bytes of printable UTF-8", MaxReasonLen)}
	}
	return nil
}

func alphanumeric(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9'
}

// charset tells whether a text has only characters that are allowed.
type charset func(string) bool

// wellFormed is what Apply asks of a text: UTF-8 without control characters. It must be the same in every build, and which characters
// are printable is not: Go's tables grow with Unicode.
func wellFormed(s string) bool {
	for _, r := range s {
		if r < 0x20 || r >= 0x7f && r < 0xa0 {
			return false
		}
	}
	return utf8.ValidString(s)
}

// printable is what callers are held to, before anything is proposed.
func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

func pairsBytes(pairs []Pair) int {
	n := 0
	for _, p := range pairs {
		n += len(p.Key) + len(p.Value)
	}
	return n
}

// validate checks a command as the log delivers it. Callers check before they propose; this is the second wall, so
// that no sidecar of any version can bring the state out of its bounds.
func (c *Command) validate(set *Settings) *Fault {
	switch c.Op {
	case OpCreateLease:
		return firstFault(ValidLeaseID(c.Lease), validOwner(c.Owner, wellFormed), ValidTTL(c.TTL, set.MinTTL), validMetadata(c.Metadata, wellFormed))
	case OpAcquire:
		if c.Space == Elections && c.Limit != 1 {
			return &Fault{InvalidLimit, "limit", "an election has one leader: limit must be 1"}
		}
		return firstFault(c.validPlace(), validOwner(c.Owner, wellFormed), ValidTTL(c.TTL, set.MinTTL), ValidLimit(c.Limit),
			ValidMinHold(c.MinHold), validMetadata(c.Metadata, wellFormed), validValue(c.Value, wellFormed))
	case OpRenew, OpRelease, OpWithdraw:
		return firstFault(c.validPlace(), validValue(c.Value, wellFormed))
	case OpForceRelease:
		return firstFault(validSpace(c.Space), ValidName(c.Name), validReason(c.Reason, wellFormed))
	case OpRenewLease, OpRevokeLease:
		return ValidLeaseID(c.Lease)
	case OpKeepAlive:
		if len(c.Renewals) > MaxKeepAlive {
			return &Fault{InvalidRequest, "leases", fmt.Sprintf("at most %d leases in one command", MaxKeepAlive)}
		}
	}
	return nil
}

func (c *Command) validPlace() *Fault {
	return firstFault(validSpace(c.Space), ValidName(c.Name), ValidLeaseID(c.Lease))
}

func validSpace(s Space) *Fault {
	if !s.valid() {
		return &Fault{InvalidRequest, "space", "neither lock nor election"}
	}
	return nil
}

func firstFault(faults ...*Fault) *Fault {
	for _, f := range faults {
		if f != nil {
			return f
		}
	}
	return nil
}
