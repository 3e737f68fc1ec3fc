package lint

import (
	"go/ast"
	"go/token"
	"slices"
)

// leaseDir holds the replicated state machine. Every replica must compute the
// same from the same log, so nothing in it may depend on where or when it runs.
const leaseDir = "lease"

// leaseBans are the standard packages that bring the machine it runs on, chance
// or concurrency in.
var leaseBans = []string{
	"context", "crypto/rand", "hash/maphash", "io/fs", "io/ioutil", "log/...", "math/rand/...", "net/...", "os/...",
	"path/filepath", "plugin", "reflect", "runtime/...", "sync/...", "syscall", "unique", "unsafe", "weak",
}

// leaseTime is what the package time may be used for: durations, as numbers.
var leaseTime = []string{"Duration", "Nanosecond", "Microsecond", "Millisecond", "Second", "Minute", "Hour"}

func (t *tree) leaseFiles(visit func(*goFile)) {
	t.shipped(func(f *goFile) {
		if f.in(leaseDir) {
			visit(f)
		}
	})
}

func checkLeaseImports(t *tree, found report) {
	t.leaseFiles(func(f *goFile) {
		for _, spec := range f.ast.Imports {
			if p := importPath(spec); anyMatches(leaseBans, p) {
				found(f.at(spec), "the state machine must not import %s: what it needs is in the log entry", p)
			}
		}
	})
}

func checkLeaseClock(t *tree, found report) {
	t.leaseFiles(func(f *goFile) {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			p, name, ok := f.pkgSelector(n)
			if ok && p == "time" && !slices.Contains(leaseTime, name) {
				found(f.at(n), "the state machine must not use time.%s: time enters with the log entry (only durations are allowed)", name)
			}
			return true
		})
	})
}

func checkLeaseConcurrency(t *tree, found report) {
	t.leaseFiles(func(f *goFile) {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			var what string
			switch n := n.(type) {
			case *ast.GoStmt:
				what = "a goroutine"
			case *ast.SelectStmt:
				what = "select"
			case *ast.ChanType:
				what = "a channel"
			case *ast.SendStmt:
				what = "a send"
			case *ast.UnaryExpr:
				if n.Op == token.ARROW {
					what = "a receive"
				}
			}
			if what != "" {
				found(f.at(n), "%s in the state machine: the order of its steps must follow from the log alone", what)
			}
			return true
		})
	})
}
