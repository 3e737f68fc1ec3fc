package store

import (
	"testing"

	"github.com/hashicorp/raft"
)

// Guard 16: what was in the log before a snapshot was installed is gone after a start, where the process ended before raft removed it; with
// and without entries behind the snapshot.
func TestEntriesBelowAnInstalledSnapshotAreGoneAfterAStart(t *testing.T) {
	for name, behind := range map[string][]*raft.Log{"nothing behind": nil, "entries behind": entries(501, 510)} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			found(t, path, 40)
			cover(t, path, 500, "installed")
			if behind != nil {
				d, err := OpenOffline(path, Options{Fatal: func(err error) { t.Error(err) }}) // which removes nothing
				if err != nil {
					t.Fatal(err)
				}
				if err := d.log.StoreLogs(behind); err != nil {
					t.Fatal(err)
				}
				shut(t, d)
			}
			d, _ := open(t, path)
			first, err := d.log.FirstIndex()
			if want := uint64(len(behind)) / 10 * 501; err != nil || first != want {
				t.Errorf("the log begins at %d, want %d (%v)", first, want, err)
			}
		})
	}
}
