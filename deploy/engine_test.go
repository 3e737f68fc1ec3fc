package deploy_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	withDocker = flag.Bool("docker", false, "build and run the image, and the group of compose.yaml, with the Docker engine of this machine")
	image      = flag.String("image", "", "run this image, and do not build one")
)

// command runs a program to its end, and returns what it printed.
func command(t testing.TB, dir string, env []string, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String(), nil
}

func must(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := command(t, "", nil, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// haveDocker tells whether the tests with containers are wanted and possible; where they are wanted and not, loudly.
func haveDocker(t *testing.T) bool {
	t.Helper()
	if !*withDocker {
		t.Log("run with -docker: it builds an image and starts containers")
		return false
	}
	if _, err := command(t, "", nil, "docker", "version", "--format", "{{.Server.Version}}"); err != nil {
		fmt.Fprintf(os.Stderr, "\n!! NOT TESTED: no Docker engine answers here, so the image and compose.yaml are not tried: %v\n\n", err)
		return false
	}
	return true
}

// base makes an image of files of this machine, under the name of one that others pull, if there is none of that name: nothing is pulled here.
func base(t *testing.T, name string, changes []string, add func(*layer)) {
	t.Helper()
	if _, err := command(t, "", nil, "docker", "image", "inspect", name); err == nil {
		t.Logf("%s is here already", name)
		return
	}
	t.Logf("%s is made of files of this machine: no image is pulled", name)
	args := []string{"import"}
	for _, c := range changes {
		args = append(args, "--change", c)
	}
	cmd := exec.Command("docker", append(args, "-", name)...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	l := &layer{t: t, w: tar.NewWriter(in)}
	add(l)
	if err := errors.Join(l.w.Close(), in.Close(), cmd.Wait()); err != nil {
		t.Fatalf("docker import %s: %v\n%s", name, err, out.String())
	}
	t.Cleanup(func() { must(t, "docker", "image", "rm", "--force", name) })
}

// layer is an image's file system in the making.
type layer struct {
	t    *testing.T
	w    *tar.Writer
	have []string
}

func (l *layer) dir(name string, mode int64) {
	l.write(&tar.Header{Typeflag: tar.TypeDir, Name: strings.Trim(name, "/") + "/", Mode: mode}, nil)
}

// program adds programs, with the libraries that they are linked with, where they are here; first as /bin/NAME too.
func (l *layer) program(names ...string) {
	l.t.Helper()
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			l.t.Fatal(err)
		}
		l.copy(path, "/bin/"+filepath.Base(name))
		libs, err := command(l.t, "", nil, "ldd", path)
		if err != nil {
			continue // it is linked with nothing
		}
		for word := range strings.FieldsSeq(libs) {
			if filepath.IsAbs(word) {
				l.copy(word, word)
			}
		}
	}
}

// copy adds a file, under a name.
func (l *layer) copy(from, name string) {
	l.t.Helper()
	if slices.Contains(l.have, name) {
		return
	}
	l.have = append(l.have, name)
	info, err := os.Stat(from)
	if err != nil {
		l.t.Fatal(err)
	}
	f, err := os.Open(from)
	if err != nil {
		l.t.Fatal(err)
	}
	defer f.Close()
	l.write(&tar.Header{Typeflag: tar.TypeReg, Name: strings.TrimPrefix(name, "/"), Mode: int64(info.Mode().Perm()), Size: info.Size()}, f)
}

func (l *layer) write(h *tar.Header, content io.Reader) {
	l.t.Helper()
	if err := l.w.WriteHeader(h); err != nil {
		l.t.Fatal(err)
	}
	if content == nil {
		return
	}
	if _, err := io.Copy(l.w, content); err != nil {
		l.t.Fatal(err)
	}
}

// tree adds a directory with all that is in it.
func (l *layer) tree(from, name string) {
	l.t.Helper()
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			l.copy(path, name+strings.TrimPrefix(path, from))
		}
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

// goImage is what the Dockerfile builds with.
func goImage(t *testing.T) {
	t.Helper()
	base(t, "golang:1.26", []string{"ENV PATH=/usr/local/go/bin", "ENV HOME=/root GOPATH=/go GOTOOLCHAIN=local"}, func(l *layer) {
		l.dir("/tmp", 0o1777)
		root := strings.TrimSpace(must(t, "go", "env", "GOROOT"))
		for _, name := range []string{"VERSION", "go.env"} {
			l.copy(filepath.Join(root, name), "/usr/local/go/"+name)
		}
		for _, name := range []string{"bin", "src", "pkg/include", "pkg/tool/" + runtime.GOOS + "_" + runtime.GOARCH} {
			if _, err := os.Stat(filepath.Join(root, name)); err == nil {
				l.tree(filepath.Join(root, name), "/usr/local/go/"+name)
			}
		}
	})
}

// curlImage is what the example applications run in: a shell and curl.
func curlImage(t *testing.T) {
	t.Helper()
	base(t, "curlimages/curl:8.16.0", []string{"ENV PATH=/bin"}, func(l *layer) {
		l.dir("/tmp", 0o1777)
		l.program("sh", "curl", "sleep", "head", "base64", "mv", "chown")
	})
}

func prometheusImage(t *testing.T) {
	t.Helper()
	base(t, "prom/prometheus:v3.5.0", []string{"ENTRYPOINT [\"/bin/prometheus\"]"}, func(l *layer) { l.program("prometheus") })
}

// source is a copy of what git knows of this repository, with the modules beside it, for nothing is downloaded in the build either.
func source(t *testing.T) string {
	t.Helper()
	root := must(t, "git", "rev-parse", "--show-toplevel")
	dir := t.TempDir()
	for name := range strings.SplitSeq(must(t, "git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard"), "\n") {
		content, err := os.ReadFile(filepath.Join(root, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed, and not committed yet
		}
		if err == nil {
			err = os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), content, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := command(t, dir, nil, "go", "mod", "vendor"); err != nil {
		t.Fatal(err)
	}
	return dir
}

const (
	version = "v0.0.0-test"
	commit  = "0123456789abcdef"
)

// build makes the image of this source.
func build(t *testing.T) {
	t.Helper()
	if *image != "" {
		return
	}
	*image = "sidelock:test"
	goImage(t)
	out, err := command(t, "", []string{"DOCKER_BUILDKIT=0"}, "docker", "build", "--build-arg", "VERSION="+version, "--build-arg", "COMMIT="+commit, "--tag", *image, source(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d lines of the build's log", strings.Count(out, "\n"))
}
