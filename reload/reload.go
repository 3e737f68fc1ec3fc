// Package reload notices that files have new content, so that secrets, keys and certificates can be replaced without a restart.
//
// It looks at the content and nothing else. Kubernetes replaces mounted files by moving a symbolic link, editors write a new file
// and rename it, scripts write in place, and modification times may be equal or go back: all of that is the same here.
package reload

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

const (
	// Every is how often the files are looked at, unless the caller says otherwise.
	Every = 2 * time.Second
	// MaxFile is the size in bytes of what is read of one file at most.
	MaxFile = 1 << 20
)

// Watch looks at files every so often (0: Every) until ctx ends, and calls changed when their content has changed and has then been
// the same at two looks in a row: files that are being written, or are away for a moment, are not seen half done. So changed is
// called within twice every after a change, from one goroutine, one call at a time. What is in the files then is for the caller to
// read and judge. A file that stays unreadable counts as a change, and so does its return.
//
// A change is one from what the files held when Watch was called: call it first, and read the files after that. The channel that
// it returns is closed when changed will not be called any more.
func Watch(ctx context.Context, every time.Duration, files []string, changed func()) <-chan struct{} {
	if every <= 0 {
		every = Every
	}
	files = slices.Clone(files)
	told := look(files)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for before := told; ; {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			now := look(files)
			if ctx.Err() == nil && slices.Equal(now, before) && !slices.Equal(now, told) {
				told = now
				changed()
			}
			before = now
		}
	}()
	return done
}

// sight is what one look at one file shows.
type sight struct {
	readable bool
	sum      [sha256.Size]byte
}

func look(files []string) []sight {
	seen := make([]sight, len(files))
	for i, file := range files {
		if content, err := Read(file); err == nil {
			seen[i] = sight{true, sha256.Sum256(content)}
		}
	}
	return seen
}

// Read reads a whole file of at most MaxFile bytes. Anything but a regular file is refused: a pipe could be read only once.
func Read(file string) ([]byte, error) {
	// Before it is opened: to open a pipe may wait for ever.
	if info, err := os.Stat(file); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file: it could not be read again when it changes", file)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return nil, err
	}
	if len(content) > MaxFile {
		return nil, fmt.Errorf("%s: %w of %d bytes", file, errTooLarge, MaxFile)
	}
	return content, nil
}

var errTooLarge = errors.New("the file is over the limit")
