package raftnode

import (
	"context"
	"io"
	"log"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// raftLogger passes what hashicorp/raft logs to slog, one level lower than raft thinks: what a peer's absence looks
// like from inside is no error of this node.
type raftLogger struct {
	hclog.Logger // for the methods that raft does not use
	to           *slog.Logger
	said         *said
}

// said remembers when each message was last logged: raft repeats itself at each heartbeat to an absent peer.
type said struct {
	mu   sync.Mutex
	last map[string]time.Time // by message, of which raft has few
}

const repeatAfter = 10 * time.Second

func (s *said) lately(msg string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if now.Sub(s.last[msg]) < repeatAfter {
		return true
	}
	s.last[msg] = now
	return false
}

func newRaftLogger(to *slog.Logger) hclog.Logger {
	return &raftLogger{hclog.NewNullLogger(), to.With("from", "raft"), &said{last: map[string]time.Time{}}}
}

var raftLevels = map[hclog.Level]slog.Level{hclog.Info: slog.LevelDebug, hclog.Warn: slog.LevelInfo, hclog.Error: slog.LevelWarn}

func (l *raftLogger) Log(level hclog.Level, msg string, args ...any) {
	to, ok := raftLevels[level]
	if !ok || to > slog.LevelDebug && l.said.lately(msg) {
		return
	}
	l.to.Log(context.Background(), to, msg, args...)
}

func (l *raftLogger) Trace(string, ...any)          {}
func (l *raftLogger) Debug(string, ...any)          {}
func (l *raftLogger) Info(msg string, args ...any)  { l.Log(hclog.Info, msg, args...) }
func (l *raftLogger) Warn(msg string, args ...any)  { l.Log(hclog.Warn, msg, args...) }
func (l *raftLogger) Error(msg string, args ...any) { l.Log(hclog.Error, msg, args...) }
func (l *raftLogger) IsTrace() bool                 { return false }
func (l *raftLogger) IsDebug() bool                 { return false }
func (l *raftLogger) IsInfo() bool                  { return true }
func (l *raftLogger) IsWarn() bool                  { return true }
func (l *raftLogger) IsError() bool                 { return true }
func (l *raftLogger) With(args ...any) hclog.Logger {
	return &raftLogger{l.Logger, l.to.With(args...), l.said}
}
func (l *raftLogger) Named(name string) hclog.Logger { return l }
func (l *raftLogger) ResetNamed(string) hclog.Logger { return l }
func (l *raftLogger) GetLevel() hclog.Level          { return hclog.Info }
func (l *raftLogger) StandardLogger(*hclog.StandardLoggerOptions) *log.Logger {
	return slog.NewLogLogger(l.to.Handler(), slog.LevelDebug)
}
func (l *raftLogger) StandardWriter(*hclog.StandardLoggerOptions) io.Writer {
	return l.StandardLogger(nil).Writer()
}
