package lint

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
)

// root is where the module begins, seen from this package.
const root = "../.."

func TestTreeObeysEveryRule(t *testing.T) {
	if _, err := os.Stat(root + "/go.mod"); err != nil {
		t.Fatalf("the module's root is not where it should be: %v", err)
	}
	tree, err := load(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.resolve(root, leaseDir); err != nil {
		t.Fatal(err)
	}
	if len(tree.goFiles) < 10 {
		t.Fatalf("only %d Go files were found: the lint looks in the wrong place", len(tree.goFiles))
	}
	for _, f := range run(tree) {
		t.Error(f)
	}
}

// sample is a tree of one or more files: "path: source", split at "---".
func sample(t *testing.T, text string) *tree {
	t.Helper()
	files := fstest.MapFS{}
	for part := range strings.SplitSeq(text, "---\n") {
		p, src, ok := strings.Cut(strings.TrimSpace(part), "\n")
		if !ok {
			t.Fatalf("sample without a source: %q", part)
		}
		files[p] = &fstest.MapFile{Data: []byte(src + "\n")}
	}
	tree, err := load(files)
	if err != nil {
		t.Fatal(err)
	}
	std, err := compiledForSamples()
	if err != nil {
		t.Fatal(err)
	}
	tree.importer = std.importer(tree.fset)
	return tree
}

// compiledForSamples knows what the samples of package lease import where a rule
// needs their types.
var compiledForSamples = sync.OnceValues(func() (exports, error) {
	return compile(root, "maps", "slices", "time")
})

// caught gives the names of the rules that a sample violates, without repeats.
func caught(t *testing.T, text string) []string {
	t.Helper()
	var names []string
	for _, f := range run(sample(t, text)) {
		if !slices.Contains(names, f.rule) {
			names = append(names, f.rule)
		}
	}
	return names
}

func TestEachRuleCatchesItsViolation(t *testing.T) {
	for _, r := range rules() {
		sources := violations[r.name]
		if len(sources) == 0 {
			t.Errorf("no violation is known for the rule %s: add one", r.name)
		}
		for i, src := range sources {
			t.Run(fmt.Sprintf("%s/%d", r.name, i), func(t *testing.T) {
				if got := caught(t, src); !slices.Contains(got, r.name) {
					t.Errorf("not caught (only %v):\n%s", got, src)
				}
			})
		}
	}
}

func TestProperSourcePasses(t *testing.T) {
	for i, src := range proper {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			for _, f := range run(sample(t, src)) {
				t.Errorf("%s\nin:\n%s", f, src)
			}
		})
	}
}

func TestEveryFindingSaysWhereAndWhat(t *testing.T) {
	for name, sources := range violations {
		for _, src := range sources {
			for _, f := range run(sample(t, src)) {
				if f.at == "" || f.rule == "" || len(f.why) < 20 {
					t.Errorf("%s: finding is no help: %v", name, f)
				}
			}
		}
	}
}

func TestAnotherModuleBelowIsNotRead(t *testing.T) {
	const text = "tools/go.mod\nmodule x\n---\ntools/util.go\npackage util\n"
	if got := caught(t, text); len(got) != 0 {
		t.Errorf("rules were applied to another module: %v", got)
	}
}
