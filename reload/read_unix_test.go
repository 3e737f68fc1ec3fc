//go:build unix

package reload

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestReadRefusesWhatItCannotReadWholeAndAgain(t *testing.T) {
	dir := t.TempDir()
	pipe, large := filepath.Join(dir, "pipe"), filepath.Join(dir, "large")
	must(t, syscall.Mkfifo(pipe, 0o600))
	must(t, os.WriteFile(large, make([]byte, MaxFile), 0o600))
	if b, err := Read(large); err != nil || len(b) != MaxFile {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	must(t, os.WriteFile(large, make([]byte, MaxFile+1), 0o600))
	for file, want := range map[string]string{pipe: "not a regular file", dir: "not a regular file", large: "over the limit"} {
		if _, err := Read(file); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", file, err)
		}
	}
	if _, err := Read(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
