package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// whole makes the directory of a node that has everything: a log whose front is gone, a snapshot that covers it, and peers.
func whole(t *testing.T, path string) {
	t.Helper()
	const last = 160
	found(t, path, last)
	cover(t, path, last-70, strings.Repeat("the state of "+path, 100))
	d, _ := open(t, path)
	logs, stable, _ := d.stores()
	if err := errors.Join(logs.DeleteRange(1, last-100), vote(stable, 3, "n_a"), d.SavePeers(map[string]Peer{"n_a": {Name: "a", Address: "127.0.0.1:1"}})); err != nil {
		t.Fatal(err)
	}
	shut(t, d)
}

// content tells all that a directory holds and that a node goes by. An error has gone to Fatal, or came from opening.
func content(path string) (string, error) {
	rec := &recorder{}
	d, err := Open(path, Options{Fatal: rec.fatal, Release: "1.0.0"})
	if err != nil {
		return "", err
	}
	defer d.Close()
	var b strings.Builder
	m := d.Membership()
	fmt.Fprintln(&b, d.Identity(), m.ClusterID, m.Promise, m.Replaced)
	logs, stable, log := d.stores()
	first, err := log.FirstIndex()
	if err != nil {
		return "", err
	}
	last, _ := log.LastIndex()
	for i := first; i <= last; i++ {
		var e raft.Log
		if err := logs.GetLog(i, &e); err != nil {
			return "", err
		}
		fmt.Fprintln(&b, e.Index, e.Term, e.Type, e.Data, e.Extensions)
	}
	term, err := stable.GetUint64(voteTerm)
	if err != nil {
		return "", err
	}
	cand, err := stable.Get(voteCand)
	if err != nil {
		return "", err
	}
	fmt.Fprintln(&b, term, string(cand))
	snaps, err := d.Snapshots(hclog.NewNullLogger())
	if err != nil {
		return "", err
	}
	list, err := snaps.List()
	if err != nil {
		return "", err
	}
	for _, meta := range list {
		_, r, err := snaps.Open(meta.ID)
		if err != nil {
			return "", err
		}
		state, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil {
			return "", err
		}
		fmt.Fprintln(&b, *meta, string(state))
	}
	d.Peers() // must not panic
	return b.String(), errors.Join(rec.errs...)
}

// pathOf finds the one file of that name in a directory.
func pathOf(t *testing.T, dir, name string) string {
	t.Helper()
	if at, err := filepath.Glob(filepath.Join(dir, snapshotsDir, "*", name)); err == nil && len(at) == 1 {
		return at[0]
	}
	return filepath.Join(dir, name)
}

// TestEveryDamageToEveryFileIsRefusedByNameOrDoesNotMatter is P19 for a directory as a whole: whatever happens to one of its
// files, it is refused with words that name the file and the way out, or all of it is as it was.
func TestEveryDamageToEveryFileIsRefusedByNameOrDoesNotMatter(t *testing.T) {
	base, other := t.TempDir(), t.TempDir()
	whole(t, base)
	whole(t, other)
	older := t.TempDir()
	copyDir(t, base, older)
	if err := os.Rename(older, older+"-kept"); err != nil {
		t.Fatal(err)
	}
	older += "-kept"
	want, err := content(base)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := content(base); err != nil { // and so the copy is two openings behind
		t.Fatal(err)
	}
	harmless := []string{lockFile, peersFile}
	for _, name := range []string{lockFile, identityFile, bootsFile, membershipFile, peersFile, raftFile, metaFile, stateFile} {
		good := read(t, pathOf(t, base, name))
		for what, bad := range damages(good, read(t, pathOf(t, other, name)), read(t, pathOf(t, older, name)), name) {
			dir := t.TempDir()
			copyDir(t, base, dir)
			file := pathOf(t, dir, name)
			if bad == nil {
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
			} else {
				write(t, file, bad)
			}
			got, err := content(dir)
			switch {
			case err != nil && slices.Contains(harmless, name):
				t.Errorf("%s, %s: it does not matter, but: %v", name, what, err)
			case err != nil && (!strings.Contains(err.Error(), name) || !wayOut(err)):
				t.Errorf("%s, %s: neither file nor way out is named: %v", name, what, err)
			case err == nil && got != want:
				t.Errorf("%s, %s: a wrong answer:\n%.300s\nwant\n%.300s", name, what, got, want)
			case err == nil && !slices.Contains(harmless, name) && !strings.HasPrefix(what, "bit"):
				// A flipped bit may hit white space, or a page that is not in use; the rest may not pass.
				t.Errorf("%s, %s: went unnoticed", name, what)
			}
		}
	}
}

// wayOut tells whether an error says what to do.
func wayOut(err error) bool {
	return strings.Contains(err.Error(), "move its whole data directory away") || strings.Contains(err.Error(), "move the whole data directory away")
}

// damages are what may have become of a file, by what happened; nil: it is gone.
func damages(good, other, older []byte, name string) map[string][]byte {
	bad := map[string][]byte{
		"missing":      nil,
		"empty":        {},
		"half":         good[:len(good)/2],
		"zeroed":       make([]byte, len(good)),
		"another node": other,
		"trailing":     append(bytes.Clone(good), "{}"...),
	}
	if name == raftFile {
		delete(bad, "trailing") // it is beyond what bbolt uses
	}
	if slices.Contains([]string{bootsFile, raftFile}, name) {
		bad["older copy"] = older
	}
	if strings.HasSuffix(name, ".json") {
		bad["newer format"] = bytes.Replace(good, []byte(`"format": 1`), []byte(`"format": 2`), 1)
		bad["other kind"] = bytes.Replace(good, []byte(`"kind": "`), []byte(`"kind": "x`), 1)
	}
	step := max(len(good)/40, 1)
	for i := 0; i < len(good); i += step {
		b := bytes.Clone(good)
		b[i] ^= 1 << (i % 8)
		bad[fmt.Sprintf("bit at %d", i)] = b
	}
	return bad
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// TestDirectoryOfANewerReleaseIsRefusedByItsName: each file says which release wrote it.
func TestDirectoryOfANewerReleaseIsRefusedByItsName(t *testing.T) {
	for _, name := range []string{identityFile, bootsFile, membershipFile, metaFile} {
		base := t.TempDir()
		whole(t, base)
		file := pathOf(t, base, name)
		newer := bytes.Replace(read(t, file), []byte(`"format": 1,`), []byte(`"format": 7, "release": "3.4.5", "flavour": true,`), 1)
		write(t, file, newer)
		_, err := Open(base, Options{Fatal: func(error) {}, Release: "1.0.0"})
		var format *FormatError
		if !errors.As(err, &format) || !strings.Contains(err.Error(), "3.4.5") || !strings.Contains(err.Error(), "1.0.0") || !strings.Contains(err.Error(), "has format 7") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
