package lint

import (
	"go/ast"
	"slices"
	"strings"
)

// direction says which of the project's packages a package may import. A path
// that ends in /... includes everything below. A package may always import what
// lies below itself. Test files are free: they bring the parts together.
type direction struct {
	from string
	to   []string
}

// directions is the import graph, the whole of it: a package that is not here
// may not exist.
var directions = []direction{
	{".", []string{"cli", "httpapi/...", "raftnode/...", "metrics", "client", "lease", "reload"}},
	{"cli/...", []string{"cli/...", "httpapi/...", "raftnode/...", "metrics", "client", "lease", "reload"}},
	{"httpapi/...", []string{"httpapi/...", "raftnode", "lease", "reload"}},
	{"raftnode/...", []string{"raftnode/...", "lease", "reload"}},
	{"lease/...", []string{"lease/..."}},
	{"metrics", nil},
	{"reload", nil},
	{"client/...", []string{"client/..."}},
	{"bench/...", []string{"bench/...", "client", "internal/..."}},
	{"internal/...", []string{"internal/...", "cli/...", "httpapi/...", "raftnode/...", "metrics", "client/...", "lease/...", "reload"}},
}

// onlyStd lists the packages that may import nothing from elsewhere but the
// given modules.
var onlyStd = []direction{
	{"lease/...", []string{"github.com/tidwall/btree"}},
	{"metrics", []string{"github.com/prometheus/client_golang/..."}},
	{"reload", nil},
	{"client/...", nil},
	{"internal/lint", nil},
}

// confined lists modules that only some packages may know, so that each can be
// replaced in one place.
var confined = []direction{
	{"github.com/gin-gonic/gin/...", []string{"httpapi/..."}},
	{"github.com/hashicorp/raft/...", []string{"raftnode/...", "internal/..."}},
	{"github.com/hashicorp/raft-boltdb/...", []string{"raftnode/...", "internal/..."}},
	{"go.etcd.io/bbolt/...", []string{"raftnode/...", "internal/..."}},
	{"github.com/tidwall/btree/...", []string{"lease/..."}},
	{"github.com/prometheus/client_golang/...", []string{"metrics", "cli/...", "."}},
	{"github.com/alecthomas/kong/...", []string{"cli/...", "internal/manual", "."}},
}

// matches says whether path is pattern, or below it if pattern ends in /...
func matches(pattern, path string) bool {
	base, deep := strings.CutSuffix(pattern, "/...")
	return path == base || deep && strings.HasPrefix(path, base+"/")
}

func anyMatches(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, path) })
}

// lookup finds the row of table for path.
func lookup(table []direction, path string) (direction, bool) {
	i := slices.IndexFunc(table, func(d direction) bool { return matches(d.from, path) })
	if i < 0 {
		return direction{}, false
	}
	return table[i], true
}

func checkImports(t *tree, found report) {
	t.shipped(func(f *goFile) {
		d, known := lookup(directions, f.dir)
		if !known {
			found(f.path, "package %s is not in the import table; decide what it may import and add it to internal/lint/imports.go", f.dir)
			return
		}
		for _, spec := range f.ast.Imports {
			own, ok := ownPackage(importPath(spec))
			if ok && !anyMatches(d.to, own) {
				found(f.at(spec), "%s must not import %s: imports run one way; declare an interface here and let main connect them", f.dir, own)
			}
		}
	})
}

// ownPackage gives a package of this module as a path from the module's root.
func ownPackage(path string) (string, bool) {
	if path == modulePath {
		return ".", true
	}
	return strings.CutPrefix(path, modulePath+"/")
}

func checkThirdParty(t *tree, found report) {
	t.shipped(func(f *goFile) {
		for _, spec := range f.ast.Imports {
			checkForeign(f, spec, found)
		}
	})
}

func checkForeign(f *goFile, spec *ast.ImportSpec, found report) {
	p := importPath(spec)
	if spec.Name != nil && spec.Name.Name == "." {
		found(f.at(spec), "no dot imports: a reader, and this lint, must see where a name comes from")
	}
	first, _, _ := strings.Cut(p, "/")
	if _, own := ownPackage(p); own || !strings.Contains(first, ".") {
		return // the standard library has no dot in its first part
	}
	if d, ok := lookup(onlyStd, f.dir); ok && !anyMatches(d.to, p) {
		found(f.at(spec), "%s must not import %s: beyond the standard library it may import only %v", f.dir, p, d.to)
	}
	if d, ok := lookup(confined, p); ok && !anyMatches(d.to, f.dir) {
		found(f.at(spec), "%s must not import %s: only %v may", f.dir, p, d.to)
	}
}
