package chaos_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sidelock/sidelock/internal/chaos"
)

// list is a file of addresses, as --join file: reads it.
type list struct{ path string }

func newList(t *testing.T) list {
	t.Helper()
	return list{filepath.Join(t.TempDir(), "peers")}
}

// write puts the peer addresses of nodes into it, all at once.
func (l list) write(t *testing.T, nodes ...*chaos.Node) {
	t.Helper()
	var b strings.Builder
	for _, n := range nodes {
		b.WriteString(n.Peer + "\n")
	}
	next := l.path + ".next"
	if err := os.WriteFile(next, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, l.path); err != nil {
		t.Fatal(err)
	}
}
