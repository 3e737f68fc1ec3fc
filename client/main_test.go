package client

import (
	"fmt"
	"os"
	"testing"

	"github.com/sidelock/sidelock/internal/chaos"
)

// TestMain starts a sidecar for the examples, which stands where "" leads, and for the tests against a real one. What is
// tested in fake time does not need it.
func TestMain(m *testing.M) {
	if os.Getenv(pausedRole) != "" {
		pausedMain()
		return
	}
	os.Exit(chaos.Around(func() int {
		s := &suite{}
		defer s.end()
		defaultBase = "http://" + chaos.Start(s, 1).Nodes[0].API
		return m.Run()
	}))
}

// suite is what a group that is shared by all tests is started with.
type suite struct {
	testing.TB
	cleanups []func()
}

func (s *suite) Helper()          {}
func (s *suite) Failed() bool     { return false }
func (s *suite) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

func (s *suite) Fatal(args ...any) {
	fmt.Fprintln(os.Stderr, args...)
	s.end()
	os.Exit(1)
}
func (s *suite) Fatalf(format string, args ...any) { s.Fatal(fmt.Sprintf(format, args...)) }

func (s *suite) TempDir() string {
	dir, err := os.MkdirTemp("", "sidelock-client-")
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (s *suite) end() {
	for len(s.cleanups) > 0 {
		last := len(s.cleanups) - 1
		f := s.cleanups[last]
		s.cleanups = s.cleanups[:last]
		f()
	}
}
