package lint

import (
	"go/ast"
	"slices"
)

// ban is a set of functions or variables of another package that nothing here
// may mention.
type ban struct {
	path    string
	names   []string
	inTests bool // tests may not either
	why     string
}

var bans = []ban{
	{"github.com/gin-gonic/gin", []string{"Default"}, true,
		"gin.New and what is needed: Default logs to stdout and hides panics its own way"},
	{"net/http", []string{"DefaultServeMux", "Handle", "HandleFunc", "ListenAndServe", "ListenAndServeTLS", "Serve", "ServeTLS"}, true,
		"an http.Server of one's own with its time limits and its own handler; the default ones have no limits and are shared"},
	{"net/http", []string{"DefaultClient", "Get", "Head", "Post", "PostForm"}, false,
		"an http.Client of one's own: the default one has no timeout"},
	{"github.com/prometheus/client_golang/prometheus",
		[]string{"MustRegister", "Register", "Unregister", "DefaultRegisterer", "DefaultGatherer"}, true,
		"the injected registry: a global one makes two nodes in one process collide"},
	{"github.com/prometheus/client_golang/prometheus/promhttp", []string{"Handler", "InstrumentMetricHandler"}, true,
		"promhttp.HandlerFor the injected registry"},
	{"github.com/prometheus/client_golang/prometheus/promauto",
		[]string{"NewCounter", "NewCounterVec", "NewCounterFunc", "NewGauge", "NewGaugeVec", "NewGaugeFunc", "NewHistogram", "NewHistogramVec", "NewSummary", "NewSummaryVec", "NewUntypedFunc"}, true,
		"the injected registry: promauto registers globally"},
}

func checkBannedCalls(t *tree, found report) {
	for _, f := range t.goFiles {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			p, name, ok := f.pkgSelector(n)
			if !ok {
				return true
			}
			for _, b := range bans {
				if b.path == p && slices.Contains(b.names, name) && (b.inTests || !f.test) {
					found(f.at(n), "%s.%s; use %s", p, name, b.why)
				}
			}
			return true
		})
	}
}

// checkRaftRestore finds a use of (*raft.Raft).Restore, which is not consensus:
// a leader that crashes at the wrong moment comes back with another history than
// the rest. It goes by shape, since no other Restore takes three arguments; a
// mention of one without a call is taken for it where the Raft library is known.
func checkRaftRestore(t *tree, found report) {
	const why = "never call raft.Restore: it is not consensus, and a crash during it gives replicas different histories"
	for _, f := range t.goFiles {
		_, knowsRaft := f.imps["raft"]
		called := map[ast.Node]bool{}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if sel, ok := n.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Restore" {
					called[sel] = true
					if len(n.Args) == 3 {
						found(f.at(n), why)
					}
				}
			case *ast.SelectorExpr:
				if _, _, ofPackage := f.pkgSelector(n); n.Sel.Name == "Restore" && knowsRaft && !called[n] && !ofPackage {
					found(f.at(n), why)
				}
			}
			return true
		})
	}
}

func checkSleepingTests(t *tree, found report) {
	fake := t.fakeTimeDirs()
	for _, f := range t.goFiles {
		if !f.test || fake[f.dir] {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if p, name, ok := f.pkgSelector(n); ok && p == "time" && name == "Sleep" {
				found(f.at(n), "a test must not sleep: wait for what it waits for, or run in testing/synctest")
			}
			return true
		})
	}
}

// fakeTimeDirs are the folders whose tests run in synctest bubbles, where a
// sleep takes no time and is how the clock is moved. Fixtures of such tests
// stand in files of their own, so the folder counts and not the file.
func (t *tree) fakeTimeDirs() map[string]bool {
	dirs := map[string]bool{}
	for _, f := range t.goFiles {
		for _, p := range f.imps {
			if f.test && p == "testing/synctest" {
				dirs[f.dir] = true
			}
		}
	}
	return dirs
}

func checkSkippedTests(t *tree, found report) {
	for _, f := range t.goFiles {
		for _, decl := range f.ast.Decls {
			ast.Walk(&skips{f: f, found: found, testing: map[string]bool{}}, decl)
		}
	}
}

// skips looks for a call of Skip on a testing.T and its like. It carries the
// names of such parameters that are in scope, so that another type's Skip, such
// as that of rapid, where it rejects a drawn action, is not meant.
type skips struct {
	f       *goFile
	found   report
	testing map[string]bool
}

func (s *skips) Visit(n ast.Node) ast.Visitor {
	switch n := n.(type) {
	case *ast.FuncDecl:
		return s.enter(n.Type)
	case *ast.FuncLit:
		return s.enter(n.Type)
	case *ast.CallExpr:
		sel, ok := n.Fun.(*ast.SelectorExpr)
		if ok && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, sel.Sel.Name) && s.onTesting(sel.X) {
			s.found(s.f.at(n), "a test must not skip itself: what it needs is to be had, or the test is not needed")
		}
	}
	return s
}

// enter adds the parameters of a function to those in scope.
func (s *skips) enter(fn *ast.FuncType) ast.Visitor {
	inner := &skips{f: s.f, found: s.found, testing: map[string]bool{}}
	for name, is := range s.testing {
		inner.testing[name] = is
	}
	for _, field := range fn.Params.List {
		is := s.isTesting(field.Type)
		for _, name := range field.Names {
			inner.testing[name.Name] = is
		}
	}
	return inner
}

func (s *skips) isTesting(t ast.Expr) bool {
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	p, _, ok := s.f.pkgSelector(t)
	return ok && p == "testing"
}

// onTesting says whether x is a testing value: a parameter of such a type, or a
// field by one of its usual names.
func (s *skips) onTesting(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return s.testing[x.Name]
	case *ast.SelectorExpr:
		return x.Sel.Name == "t" || x.Sel.Name == "tb" || x.Sel.Name == "TB" || x.Sel.Name == "T"
	}
	return false
}
