package reload

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const tick = 2 * time.Second

// watched is a file under watch in fake time.
type watched struct {
	t     *testing.T
	file  string
	calls atomic.Int32
}

// watch runs f in fake time with one file, in a directory that a symbolic link leads to.
func watch(t *testing.T, f func(w *watched)) {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "v1"), 0o700))
	must(t, os.Symlink("v1", filepath.Join(dir, "current")))
	file := filepath.Join(dir, "current", "file")
	must(t, os.WriteFile(file, []byte("one"), 0o600))
	synctest.Test(t, func(t *testing.T) {
		w := &watched{t: t, file: file}
		ctx, cancel := context.WithCancel(t.Context())
		done := Watch(ctx, 0, []string{file}, func() { w.calls.Add(1) })
		f(w)
		cancel()
		<-done
	})
}

// after lets n looks pass and says how often the change was told in that time.
func (w *watched) after(n int) int32 {
	before := w.calls.Load()
	time.Sleep(time.Duration(n) * tick)
	synctest.Wait()
	return w.calls.Load() - before
}

func (w *watched) write(content string) { must(w.t, os.WriteFile(w.file, []byte(content), 0o600)) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestEveryWayOfReplacingContentIsToldOnce(t *testing.T) {
	for name, replace := range map[string]func(t *testing.T, file string){
		"in place": func(t *testing.T, file string) { must(t, os.WriteFile(file, []byte("two"), 0o600)) },
		"in place, as long and as old": func(t *testing.T, file string) {
			info, err := os.Stat(file)
			must(t, err)
			must(t, os.WriteFile(file, []byte("eno"), 0o600))
			must(t, os.Chtimes(file, info.ModTime(), info.ModTime()))
		},
		"rename": func(t *testing.T, file string) {
			must(t, os.WriteFile(file+".new", []byte("two"), 0o600))
			must(t, os.Rename(file+".new", file))
		},
		"symbolic link of its directory": func(t *testing.T, file string) {
			current := filepath.Dir(file)
			next := filepath.Join(filepath.Dir(current), "v2")
			must(t, os.Mkdir(next, 0o700))
			must(t, os.WriteFile(filepath.Join(next, "file"), []byte("two"), 0o600))
			must(t, os.Symlink("v2", current+".new"))
			must(t, os.Rename(current+".new", current))
		},
	} {
		t.Run(name, func(t *testing.T) {
			watch(t, func(w *watched) {
				if n := w.after(3); n != 0 {
					t.Fatalf("told %d times of no change", n)
				}
				replace(t, w.file)
				if n := w.after(2); n != 1 {
					t.Fatalf("told %d times within two looks", n)
				}
				if n := w.after(10); n != 0 {
					t.Fatalf("told %d times more of the same change", n)
				}
			})
		})
	}
}

func TestTouchedFileIsNoChange(t *testing.T) {
	watch(t, func(w *watched) {
		w.write("one")
		must(t, os.Chtimes(w.file, time.Now(), time.Now()))
		if n := w.after(5); n != 0 {
			t.Fatalf("told %d times", n)
		}
	})
}

func TestFileInTheMiddleOfBeingWrittenIsLeftAlone(t *testing.T) {
	watch(t, func(w *watched) {
		for _, part := range []string{"", "t", "tw", "two"} {
			w.write(part)
			if n := w.after(1); n != 0 {
				t.Fatalf("told at %q, which lasted for one look", part)
			}
		}
		if n := w.after(1); n != 1 {
			t.Fatalf("told %d times when it had settled", n)
		}
	})
}

func TestFileThatIsAwayForAMomentIsNoChange(t *testing.T) {
	watch(t, func(w *watched) {
		must(t, os.Rename(w.file, w.file+".away"))
		w.after(1)
		must(t, os.Rename(w.file+".away", w.file))
		if w.after(5); w.calls.Load() != 0 {
			t.Fatalf("told %d times", w.calls.Load())
		}
		must(t, os.Rename(w.file, w.file+".away"))
		if n := w.after(5); n != 1 {
			t.Fatalf("told %d times of a file that stays away", n)
		}
		must(t, os.Rename(w.file+".away", w.file))
		if n := w.after(5); n != 1 {
			t.Fatalf("told %d times of its return", n)
		}
	})
}

func TestChangeAfterTheCallIsNotMissedHoweverSoon(t *testing.T) {
	watch(t, func(w *watched) {
		w.write("two") // no look has been but the first, within Watch
		if n := w.after(2); n != 1 {
			t.Fatalf("told %d times", n)
		}
	})
}

func TestNothingIsToldAfterTheEnd(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, []byte("one"), 0o600))
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		done := Watch(ctx, tick, []string{file}, func() { t.Error("told") })
		must(t, os.WriteFile(file, []byte("two"), 0o600))
		time.Sleep(tick + 1)
		cancel()
		time.Sleep(3 * tick)
		<-done
	})
}
