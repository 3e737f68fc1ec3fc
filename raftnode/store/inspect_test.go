package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// picture is all that can be seen of a directory, times included.
func picture(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		fmt.Fprintln(&b, path, info.Mode(), info.Size(), info.ModTime())
		if e.Type().IsRegular() {
			fmt.Fprintf(&b, "%x\n", read(t, path))
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return b.String()
}

func TestInspectionChangesNothing(t *testing.T) {
	missing, empty, sound := filepath.Join(t.TempDir(), "none"), t.TempDir(), t.TempDir()
	whole(t, sound)
	write(t, filepath.Join(sound, raftFile+compactSuffix), []byte("left by an interrupted compaction"))
	for what, dir := range map[string]string{"missing": missing, "empty": empty, "sound": sound} {
		before := picture(t, dir)
		in, err := Inspect(dir, "1.0.0")
		if err != nil || in.Fresh != (dir != sound) || in.InUse {
			t.Errorf("%s: %+v, %v", what, in, err)
		}
		if after := picture(t, dir); after != before {
			t.Errorf("%s: it was\n%s\nand is\n%s", what, before, after)
		}
	}
	d, _ := open(t, sound)
	in, err := Inspect(sound, "1.0.0")
	if err != nil || !in.InUse || !strings.Contains(in.Holder, fmt.Sprint(os.Getpid())) || in.Identity != d.Identity() || in.Membership.ClusterID != "cluster" || in.Boots != d.Boot() {
		t.Errorf("of one in use: %+v, %v", in, err)
	}
	shut(t, d)
	if in, err := Inspect(sound, "1.0.0"); err != nil || in.InUse {
		t.Errorf("of one that was closed: %+v, %v", in, err)
	}
	open(t, sound) // nothing is locked any more
}

// TestInspectionFindsWhateverDamageAnOpeningFinds, and none where there is none.
func TestInspectionFindsWhateverDamageAnOpeningFinds(t *testing.T) {
	base, other, older := t.TempDir(), t.TempDir(), t.TempDir()
	whole(t, base)
	whole(t, other)
	copyDir(t, base, older)
	for range 2 {
		d, _ := open(t, base)
		shut(t, d)
	}
	found := 0
	for _, name := range []string{identityFile, bootsFile, membershipFile, raftFile, metaFile, stateFile} {
		good := read(t, pathOf(t, base, name))
		for what, bad := range damages(good, read(t, pathOf(t, other, name)), read(t, pathOf(t, older, name)), name) {
			dir := t.TempDir()
			copyDir(t, base, dir)
			if file := pathOf(t, dir, name); bad != nil {
				write(t, file, bad)
			} else if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			before := picture(t, dir)
			_, inspected := Inspect(dir, "1.0.0")
			if picture(t, dir) != before {
				t.Errorf("%s, %s: it was changed", name, what)
			}
			d, opened := Open(dir, Options{Fatal: func(error) {}, Release: "1.0.0"})
			if opened == nil {
				shut(t, d)
			}
			if opened != nil && inspected == nil {
				t.Errorf("%s, %s: not found: %v", name, what, opened)
			}
			if inspected == nil {
				continue
			}
			found++
			if !strings.Contains(inspected.Error(), name) || !wayOut(inspected) {
				t.Errorf("%s, %s: neither file nor way out is named: %v", name, what, inspected)
			}
			if _, err := content(dir); err == nil {
				t.Errorf("%s, %s: nothing is wrong, but: %v", name, what, inspected)
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d damages were found", found)
	}
}

func TestInspectionTellsOfARecoveryThatWasBegun(t *testing.T) {
	path := t.TempDir()
	found(t, path, 130)
	d := offline(t, path)
	if err := d.beginRecovery("new", 2); err != nil {
		t.Fatal(err)
	}
	shut(t, d)
	var unfinished *UnfinishedError
	if _, err := Inspect(path, "1.0.0"); !errors.As(err, &unfinished) {
		t.Errorf("%v", err)
	}
}
