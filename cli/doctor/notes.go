package doctor

import (
	"context"
	"log/slog"
	"strings"
	"sync"
)

// notes take down what is logged as a warning or worse.
type notes struct {
	mu    sync.Mutex
	lines []string
}

func (n *notes) logger() *slog.Logger { return slog.New(&noter{n: n}) }

func (n *notes) list() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.lines...)
}

type noter struct {
	n     *notes
	attrs []slog.Attr
}

var _ slog.Handler = (*noter)(nil)

// Enabled implements slog.Handler.
func (h *noter) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle implements slog.Handler.
func (h *noter) Handle(_ context.Context, r slog.Record) error {
	var with []string
	each := func(a slog.Attr) bool {
		with = append(with, a.String())
		return true
	}
	for _, a := range h.attrs {
		each(a)
	}
	r.Attrs(each)
	line := r.Message
	if len(with) > 0 {
		line += " (" + strings.Join(with, ", ") + ")"
	}
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	h.n.lines = append(h.n.lines, line)
	return nil
}

// WithAttrs implements slog.Handler.
func (h *noter) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &noter{n: h.n, attrs: append(append([]slog.Attr(nil), h.attrs...), attrs...)}
}

// WithGroup implements slog.Handler; groups are for programs.
func (h *noter) WithGroup(string) slog.Handler { return h }
