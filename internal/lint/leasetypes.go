package lint

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// checkLeaseMapOrder finds every place where the order of a Go map, which
// differs from run to run, could reach the state.
func checkLeaseMapOrder(t *tree, found report) {
	t.leaseTypes(func(f *goFile, info *types.Info) {
		sorted := map[ast.Node]bool{}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.RangeStmt:
				if overMap(info.TypeOf(n.X)) {
					found(f.at(n), "range over a map: its order differs between replicas; use an ordered map, or slices.Sorted(maps.Keys(m))")
				}
			case *ast.CallExpr:
				// Parents come first: the argument of slices.Sorted is excused before it is seen.
				if p, name, ok := f.pkgSelector(n.Fun); ok && p == "slices" && name == "Sorted" && len(n.Args) == 1 {
					sorted[n.Args[0]] = true
				}
				if p, name, ok := f.pkgSelector(n.Fun); ok && p == "maps" && !sorted[n] && (name == "Keys" || name == "Values" || name == "All") {
					found(f.at(n), "maps.%s yields in an order that differs between replicas; use an ordered map, or slices.Sorted(maps.Keys(m))", name)
				}
			}
			return true
		})
	})
}

// overMap says whether ranging over t would follow map order. A type parameter
// is counted as a map, since it may be one.
func overMap(t types.Type) bool {
	if t == nil {
		return false
	}
	if _, ok := t.(*types.TypeParam); ok {
		return true
	}
	_, ok := t.Underlying().(*types.Map)
	return ok
}

// checkLeaseFloat finds floating point, whose results may differ between
// processors (fused multiply-add) and so between replicas.
func checkLeaseFloat(t *tree, found report) {
	t.leaseTypes(func(f *goFile, info *types.Info) {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			e, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			b, ok := underlying(info.TypeOf(e)).(*types.Basic)
			if ok && b.Info()&(types.IsFloat|types.IsComplex) != 0 && b.Info()&types.IsUntyped == 0 {
				found(f.at(n), "floating point in the state machine: count in integers")
				return false
			}
			return true
		})
	})
}

func underlying(t types.Type) types.Type {
	if t == nil {
		return nil
	}
	return t.Underlying()
}

// checkLeaseTypes reports what keeps the rules about types from working.
func checkLeaseTypes(t *tree, found report) {
	for _, p := range t.leasePackages() {
		if p.err != nil {
			found(p.dir, "cannot check its types: %v", p.err)
		}
	}
}

// leaseTypes visits the files of the state machine whose types are known.
func (t *tree) leaseTypes(visit func(*goFile, *types.Info)) {
	for _, p := range t.leasePackages() {
		if p.err != nil {
			continue // reported by checkLeaseTypes
		}
		for _, f := range p.files {
			visit(f, p.info)
		}
	}
}

// typedPackage is a package with its types.
type typedPackage struct {
	dir   string
	files []*goFile
	info  *types.Info
	err   error
}

// leasePackages checks the types of the state machine's packages, once.
func (t *tree) leasePackages() []*typedPackage {
	if t.typed != nil {
		return t.typed
	}
	var packages []*typedPackage
	t.leaseFiles(func(f *goFile) {
		if !f.built() {
			return
		}
		i := slices.IndexFunc(packages, func(p *typedPackage) bool { return p.dir == f.dir })
		if i < 0 {
			i = len(packages)
			packages = append(packages, &typedPackage{dir: f.dir})
		}
		packages[i].files = append(packages[i].files, f)
	})
	for _, p := range packages {
		p.check(t)
	}
	t.typed = packages
	return packages
}

func (p *typedPackage) check(t *tree) {
	p.info = &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{},
		Defs:  map[*ast.Ident]types.Object{},
		Uses:  map[*ast.Ident]types.Object{},
	}
	var syntax []*ast.File
	for _, f := range p.files {
		syntax = append(syntax, f.ast)
	}
	conf := types.Config{Importer: t.importer}
	_, p.err = conf.Check(modulePath+"/"+p.dir, t.fset, syntax, p.info)
}

// built says whether an ordinary build includes the file. One behind a tag of
// the project's own may declare a thing a second time.
func (f *goFile) built() bool {
	for _, group := range f.ast.Comments {
		for _, c := range group.List {
			if expr, err := constraint.Parse(c.Text); err == nil && c.Pos() < f.ast.Package {
				return expr.Eval(func(tag string) bool {
					return tag == runtime.GOOS || tag == runtime.GOARCH || strings.HasPrefix(tag, "go1.")
				})
			}
		}
	}
	return true
}

// resolve lets the rules that need types import what dir and everything below
// it imports. Without such a package it does nothing.
func (t *tree) resolve(root, dir string) error {
	if _, err := os.Stat(root + "/" + dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	compiled, err := compile(root, "./"+dir+"/...")
	if err != nil {
		return err
	}
	t.importer = compiled.importer(t.fset)
	return nil
}

// exports says in which file the Go command keeps a compiled package's types,
// by import path.
type exports map[string]string

// compile has the Go command compile packages and all that they import.
func compile(root string, packages ...string) (exports, error) {
	args := []string{"list", "-export", "-deps", "-f", "{{if .Export}}{{.ImportPath}} {{.Export}}{{end}}"}
	cmd := exec.Command("go", append(args, packages...)...)
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("lint: compile %v: %w\n%s", packages, err, &stderr)
	}
	found := exports{}
	for line := range strings.Lines(string(out)) {
		if p, file, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			found[p] = file
		}
	}
	return found, nil
}

func (e exports) importer(fset *token.FileSet) types.Importer {
	return importer.ForCompiler(fset, "gc", func(p string) (io.ReadCloser, error) {
		file, ok := e[p]
		if !ok {
			return nil, fmt.Errorf("no export data for %s", p)
		}
		return os.Open(file)
	})
}
