package cli

import (
	"io"
	"log/slog"
)

// The formats of the log.
const (
	LogText = "text"
	LogJSON = "json"
)

// NewLogger writes records of at least that level to w, one a line.
func NewLogger(w io.Writer, level slog.Level, format string) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == LogJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// logLevels are the words of --log-level; the first is what a fault falls back to.
var logLevels = []string{"info", "debug", "warn", "error"}

func (r reader) logLevel(name string, t *text) slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(r.oneOf(name, t, logLevels...))); err != nil {
		r.faults.add(name, &t.setting, "%v", err)
	}
	return level
}
