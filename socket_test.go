package main

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

// lastLook looks, when a listener is closed, whether its name is still there.
type lastLook struct {
	net.Listener
	path  string
	named bool
}

func (l *lastLook) Close() error {
	_, err := os.Lstat(l.path)
	l.named = err == nil
	return l.Listener.Close()
}

// TestSocketLosesItsNameBeforeItCloses: from then on the next process may take the name, and is not to lose it again.
func TestSocketLosesItsNameBeforeItCloses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := listenSocket(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	s, ok := l.(socketListener)
	if !ok {
		t.Fatalf("it is a %T", l)
	}
	look := &lastLook{Listener: s.Listener, path: path}
	s.Listener = look
	if err := s.Close(); err != nil || look.named {
		t.Errorf("it still had its name when it was closed (%v)", err)
	}
}
