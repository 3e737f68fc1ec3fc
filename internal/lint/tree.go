package lint

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// maxText is the largest file read as text; what is larger is data.
const maxText = 1 << 20

// modulePath is what the project's own import paths begin with.
const modulePath = "github.com/sidelock/sidelock"

// goFile is one parsed Go source.
type goFile struct {
	path string // slash-separated, from the module's root
	dir  string // of path; "." is the root package
	test bool   // its name ends in _test.go
	src  []byte
	fset *token.FileSet
	ast  *ast.File         // nil if err
	imps map[string]string // local name → import path
	err  error
}

// tree is the source of the project.
type tree struct {
	fset     *token.FileSet
	goFiles  []*goFile
	texts    map[string][]byte // every text file, Go or not
	importer types.Importer    // for rules that need types; nil: imports are not resolved
	typed    []*typedPackage   // of leasePackages
}

// load reads the tree below the root of fsys. Other modules, test data and the
// version control's own files are no part of it.
func load(fsys fs.FS) (*tree, error) {
	t := &tree{fset: token.NewFileSet(), texts: map[string][]byte{}}
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if p == ".git" || p != "." && hasGoMod(fsys, p) {
				return fs.SkipDir
			}
			return nil
		}
		if p == ".git" { // a file in a linked work tree, with the path of the repository
			return nil
		}
		return t.add(fsys, p, d)
	})
	if err != nil {
		return nil, fmt.Errorf("lint: read the tree: %w", err)
	}
	return t, nil
}

func hasGoMod(fsys fs.FS, dir string) bool {
	_, err := fs.Stat(fsys, path.Join(dir, "go.mod"))
	return err == nil
}

func (t *tree) add(fsys fs.FS, p string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() > maxText {
		return nil
	}
	src, err := fs.ReadFile(fsys, p)
	if err != nil {
		return err
	}
	if bytes.IndexByte(src, 0) >= 0 {
		return nil // binary
	}
	t.texts[p] = src
	if strings.HasSuffix(p, ".go") && !strings.Contains("/"+p, "/testdata/") {
		t.goFiles = append(t.goFiles, parse(t.fset, p, src))
	}
	return nil
}

func parse(fset *token.FileSet, p string, src []byte) *goFile {
	f := &goFile{path: p, dir: path.Dir(p), test: strings.HasSuffix(p, "_test.go"), src: src, fset: fset, imps: map[string]string{}}
	f.ast, f.err = parser.ParseFile(fset, p, src, parser.ParseComments|parser.SkipObjectResolution)
	if f.err != nil {
		f.ast = &ast.File{Name: ast.NewIdent("broken")}
		return f
	}
	for _, spec := range f.ast.Imports {
		f.imps[localName(spec)] = importPath(spec)
	}
	return f
}

func importPath(spec *ast.ImportSpec) string {
	p, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return spec.Path.Value
	}
	return p
}

// localName is the name by which a file refers to an import: the given one, or
// the last part of the path that is not a version.
func localName(spec *ast.ImportSpec) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	p := importPath(spec)
	base := path.Base(p)
	if len(base) > 1 && base[0] == 'v' && strings.Trim(base[1:], "0123456789") == "" {
		base = path.Base(path.Dir(p))
	}
	base, _, _ = strings.Cut(base, ".") // gopkg.in/yaml.v3
	return base
}

// in says whether the file belongs to dir or one below it.
func (f *goFile) in(dir string) bool {
	return f.dir == dir || strings.HasPrefix(f.dir, dir+"/")
}

// shipped visits the Go files that are part of the program, not of its tests.
func (t *tree) shipped(visit func(*goFile)) {
	for _, f := range t.goFiles {
		if !f.test {
			visit(f)
		}
	}
}

// pkgSelector resolves x.Name where x is an import of this file.
func (f *goFile) pkgSelector(n ast.Node) (imported, name string, ok bool) {
	sel, ok := n.(*ast.SelectorExpr)
	if !ok {
		return "", "", false
	}
	x, ok := sel.X.(*ast.Ident)
	if !ok {
		return "", "", false
	}
	imported, ok = f.imps[x.Name]
	return imported, sel.Sel.Name, ok
}
