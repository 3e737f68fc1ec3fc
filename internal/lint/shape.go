package lint

import (
	"bytes"
	"go/ast"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

const (
	maxFileLines     = 400 // of a file that is not a test
	maxFunctionLines = 80  // of a function that is not a test's, its doc comment apart
)

// longFiles are exempt from maxFileLines. It is empty, and an entry needs a
// reason beside it.
var longFiles = []string{}

// emptyNames say nothing about what is in a package or a file.
var emptyNames = []string{"util", "utils", "common", "helper", "helpers", "manager", "misc", "base", "shared"}

func checkNames(t *tree, found report) {
	for _, f := range t.goFiles {
		name := strings.TrimSuffix(f.ast.Name.Name, "_test")
		stem := strings.TrimSuffix(strings.TrimSuffix(path.Base(f.path), ".go"), "_test")
		for _, n := range []string{name, stem} {
			if slices.Contains(emptyNames, n) {
				found(f.path, "the name %s says nothing; name it for what is in it", n)
			}
		}
	}
}

func checkFileLength(t *tree, found report) {
	t.shipped(func(f *goFile) {
		if lines := bytes.Count(f.src, []byte("\n")); lines > maxFileLines && !slices.Contains(longFiles, f.path) {
			found(f.path, "%d lines, at most %d: split it by what is in it", lines, maxFileLines)
		}
	})
}

func checkFunctionLength(t *tree, found report) {
	t.shipped(func(f *goFile) {
		for _, decl := range f.ast.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			lines := f.fset.Position(fn.End()).Line - f.fset.Position(fn.Pos()).Line + 1
			if lines > maxFunctionLines {
				found(f.at(fn), "function %s has %d lines, at most %d: it should fit a screen", fn.Name.Name, lines, maxFunctionLines)
			}
		}
	})
}

// machinePath is a path that exists on somebody's machine only. It must not
// follow a letter or a digit, as in the path of a URL.
var machinePath = regexp.MustCompile(`(^|[^A-Za-z0-9_.~-])/((work|root)/|(home|Users)/[A-Za-z0-9])`)

func checkMachinePaths(t *tree, found report) {
	for _, p := range slices.Sorted(maps.Keys(t.texts)) {
		for i, line := range bytes.Split(t.texts[p], []byte("\n")) {
			if m := machinePath.Find(line); m != nil {
				found(p, "line %d has a path of one machine (%s…); write it relative to the project or as a variable", i+1, bytes.TrimSpace(m))
			}
		}
	}
}
