package lint

import (
	"fmt"
	"go/ast"
	"go/token"
)

// finding is one violation.
type finding struct {
	at   string // path:line
	rule string
	why  string // what is wrong and what to do instead
}

func (f finding) String() string { return fmt.Sprintf("%s: %s: %s", f.at, f.rule, f.why) }

// report collects the findings of one rule.
type report func(at, format string, args ...any)

// rule checks a whole tree.
type rule struct {
	name  string
	check func(*tree, report)
}

// rules are all that there are; a test demands a violation for each.
func rules() []rule {
	return []rule{
		{"parse", checkParse},
		{"import-direction", checkImports},
		{"third-party", checkThirdParty},
		{"lease-import", checkLeaseImports},
		{"lease-clock", checkLeaseClock},
		{"lease-concurrency", checkLeaseConcurrency},
		{"lease-types", checkLeaseTypes},
		{"lease-map-order", checkLeaseMapOrder},
		{"lease-float", checkLeaseFloat},
		{"banned-call", checkBannedCalls},
		{"raft-restore", checkRaftRestore},
		{"sleeping-test", checkSleepingTests},
		{"skipped-test", checkSkippedTests},
		{"package-name", checkNames},
		{"file-length", checkFileLength},
		{"function-length", checkFunctionLength},
		{"machine-path", checkMachinePaths},
	}
}

// run applies every rule to the tree.
func run(t *tree) []finding {
	var all []finding
	for _, r := range rules() {
		r.check(t, func(at, format string, args ...any) {
			all = append(all, finding{at: at, rule: r.name, why: fmt.Sprintf(format, args...)})
		})
	}
	return all
}

func checkParse(t *tree, found report) {
	for _, f := range t.goFiles {
		if f.err != nil {
			found(f.path, "does not parse: %v", f.err)
		}
	}
}

// at gives the place of a node for a finding.
func (f *goFile) at(n ast.Node) string { return f.atPos(n.Pos()) }

func (f *goFile) atPos(p token.Pos) string {
	return fmt.Sprintf("%s:%d", f.path, f.fset.Position(p).Line)
}
