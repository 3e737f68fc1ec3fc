package keys_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"sync"
	"testing"

	"github.com/sidelock/sidelock/httpapi/keys"
)

func TestBrokenFileLeavesTheKeysBeforeInForce(t *testing.T) {
	ring, err := keys.New([]byte("keys:\n" + entry("web", webKey, "[read]", "[web]")))
	if err != nil {
		t.Fatal(err)
	}
	web := ring.Find(webKey)
	for _, broken := range []string{"", "keys: []", "keys:\n" + entry("ops", opsKey, "[read]", "[web]") + entry("short", "x", "[read]", "[web]")} {
		if err := ring.Load([]byte(broken)); err == nil {
			t.Errorf("accepted: %q", broken)
		}
	}
	if ring.Find(webKey) != web || web.Life().Err() != nil || ring.Find(opsKey) != nil {
		t.Error("a broken file changed the keys in force")
	}
}

func TestLifeOfAKeyEndsWithItsRights(t *testing.T) {
	before := entry("web", webKey, "[read, write]", "[web, jobs]")
	for name, tc := range map[string]struct {
		after string
		stays bool
	}{
		"nothing changed":            {before, true},
		"another key came":           {before + entry("ops", opsKey, "[read]", "['*']"), true},
		"another order":              {entry("ops", opsKey, "[read]", "['*']") + entry("web", webKey, "[write, read]", "[jobs, web]"), true},
		"its digest instead":         {"  - {name: web, sha256: " + digest(webKey) + ", verbs: [read, write], prefixes: [web, jobs]}\n", true},
		"it is gone":                 {entry("ops", opsKey, "[read]", "['*']"), false},
		"a verb less":                {entry("web", webKey, "[read]", "[web, jobs]"), false},
		"a prefix less":              {entry("web", webKey, "[read, write]", "[web]"), false},
		"every name":                 {entry("web", webKey, "[read, write]", "['*']"), false},
		"another name":               {entry("www", webKey, "[read, write]", "[web, jobs]"), false},
		"another key of the name":    {entry("web", otherKey, "[read, write]", "[web, jobs]"), false},
		"another key took its place": {entry("web", otherKey, "[read, write]", "[web, jobs]") + entry("old", webKey, "[read, write]", "[web, jobs]"), false},
	} {
		ring, err := keys.New([]byte("keys:\n" + before))
		if err != nil {
			t.Fatal(err)
		}
		web := ring.Find(webKey)
		if err := ring.Load([]byte("keys:\n" + tc.after)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if stays := web.Life().Err() == nil; stays != tc.stays || stays != (ring.Find(webKey) == web) {
			t.Errorf("%s: its life goes on: %v", name, stays)
		}
		if now := ring.Find(webKey); now != nil && now.Life().Err() != nil {
			t.Errorf("%s: a key in force has no life", name)
		}
	}
}

func TestKeysMayBeReplacedWhileTheyAreAskedFor(t *testing.T) {
	both := "keys:\n" + entry("web", webKey, "[read]", "[web]") + entry("ops", opsKey, "[read]", "['*']")
	ring, err := keys.New([]byte(both))
	if err != nil {
		t.Fatal(err)
	}
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for range 2000 {
				if k := ring.Find(webKey); k == nil || k.Name() != "web" {
					t.Errorf("found %v", k)
					return
				}
			}
		})
	}
	for i := range 200 {
		file := both
		if i%2 == 0 {
			file = "keys:\n" + entry("web", webKey, "[read]", "[web]")
		}
		if err := ring.Load([]byte(file)); err != nil {
			t.Fatal(err)
		}
	}
	asking.Wait()
}

// TestLookingForAKeyTakesTheSameWayForEachOne reads the function itself, since a clock tells too little: it compares digests with
// crypto/subtle, in one loop over all keys that nothing leaves early or skips a part of.
func TestLookingForAKeyTakesTheSameWayForEachOne(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "ring.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var find *ast.FuncDecl
	for _, d := range file.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == "Find" {
			find = fn
		}
	}
	if find == nil {
		t.Fatal("there is no Find")
	}
	loops, compares := 0, 0
	ast.Inspect(find, func(n ast.Node) bool {
		loop, ok := n.(*ast.RangeStmt)
		if !ok {
			return true
		}
		loops++
		ast.Inspect(loop.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ReturnStmt, *ast.BranchStmt, *ast.IfStmt, *ast.SwitchStmt:
				t.Errorf("the loop has a %T: its length would tell something of the key", n)
			case *ast.BinaryExpr:
				t.Errorf("the loop compares with %s", n.Op)
			case *ast.SelectorExpr:
				if n.Sel.Name == "ConstantTimeCompare" {
					compares++
				}
			}
			return true
		})
		return false
	})
	if loops != 1 || compares != 1 {
		t.Errorf("%d loops with %d comparisons, want one of each", loops, compares)
	}
}
