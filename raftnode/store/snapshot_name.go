package store

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// snapshotName is the name of a snapshot's directory, and its ID: what it is of,
// and which of several of the same it is.
type snapshotName struct{ term, index, at uint64 } // at: Unix milliseconds

func (n snapshotName) String() string { return fmt.Sprintf("%d-%d-%d", n.term, n.index, n.at) }

// compare orders from old to new.
func (n snapshotName) compare(m snapshotName) int {
	return cmp.Or(cmp.Compare(n.term, m.term), cmp.Compare(n.index, m.index), cmp.Compare(n.at, m.at))
}

func parseSnapshotName(name string) (n snapshotName, ok bool) {
	parts := strings.Split(name, "-")
	if len(parts) != 3 {
		return n, false
	}
	for i, to := range []*uint64{&n.term, &n.index, &n.at} {
		v, err := strconv.ParseUint(parts[i], 10, 64)
		if err != nil {
			return n, false
		}
		*to = v
	}
	return n, n.String() == name
}
