package store

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// recordFormat is the version of every small JSON file of the directory, and with
// them of the directory: a release that keeps something else in it raises this.
const recordFormat = 1

// record is the envelope of the small JSON files. The checksum is there because
// a flipped bit in a node ID would be another node, and valid JSON; the node,
// because a whole and sound file of another directory would be somebody else's.
type record struct {
	Format   int            `json:"format"`
	Kind     string         `json:"kind"`
	Node     string         `json:"node,omitempty"`    // ID of the node whose file it is
	Release  string         `json:"release,omitempty"` // of sidelock that wrote it; for people
	Checksum string         `json:"checksum"`
	Body     jsontext.Value `json:"body"`
}

// origin is who reads and writes the records of a directory.
type origin struct {
	node    string // "": a record of any node passes
	release string
}

// encode seals v as the named kind of file.
func (o origin) encode(kind string, v any) ([]byte, error) {
	body, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", kind, err)
	}
	rec := record{Format: recordFormat, Kind: kind, Node: o.node, Release: o.release, Checksum: bodySum(body), Body: body}
	out, err := json.Marshal(rec, jsontext.WithIndent("  "))
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", kind, err)
	}
	return append(out, '\n'), nil
}

// bodySum is the checksum of a body that is compact already.
func bodySum(body []byte) string {
	return fmt.Sprintf("crc32c:%08x", crc32.Checksum(body, castagnoli))
}

// read reads one sealed file into v. A missing file is fs.ErrNotExist.
func (o origin) read(path, kind string, v any) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxRecordBytes))
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return o.decode(path, kind, raw, v)
}

func (o origin) decode(path, kind string, raw []byte, v any) error {
	var version struct {
		Format  int    `json:"format"`
		Release string `json:"release"`
	}
	if err := json.Unmarshal(raw, &version); err != nil {
		return &CorruptError{File: path, Reason: fmt.Sprintf("not readable as JSON: %v", err), Err: err}
	}
	if version.Format != recordFormat {
		return &FormatError{File: path, Reason: fmt.Sprintf("has format %d, %s knows %d", version.Format, named("this release", o.release), recordFormat),
			Release: version.Release}
	}
	strict := json.RejectUnknownMembers(true)
	var rec record
	if err := json.Unmarshal(raw, &rec, strict); err != nil {
		return &FormatError{File: path, Reason: fmt.Sprintf("not understood: %v", err), Release: version.Release, Err: err}
	}
	if rec.Kind != kind {
		return &FormatError{File: path, Reason: fmt.Sprintf("is a %q file where %q is expected", rec.Kind, kind)}
	}
	if o.node != "" && rec.Node != o.node {
		return &CorruptError{File: path, Reason: fmt.Sprintf("is of node %q, and %s of node %s: one of them was brought here from another directory", rec.Node, identityFile, o.node)}
	}
	if err := rec.Body.Compact(); err != nil {
		return &CorruptError{File: path, Reason: fmt.Sprintf("not readable as JSON: %v", err), Err: err}
	}
	if sum := bodySum(rec.Body); sum != rec.Checksum {
		return &CorruptError{File: path, Reason: fmt.Sprintf("checksum is %s, expected %s", sum, rec.Checksum)}
	}
	if err := json.Unmarshal(rec.Body, v, strict); err != nil {
		return &FormatError{File: path, Reason: fmt.Sprintf("not understood: %v", err), Release: version.Release, Err: err}
	}
	return nil
}

// write replaces the file durably: after a crash at any moment there is the old
// content or the new one, and after a nil return the new one.
func (o origin) write(path, kind string, v any) error {
	raw, err := o.encode(kind, v)
	if err != nil {
		return err
	}
	return writeFile(path, raw, true)
}

// writeFile writes beside, then renames over. With durable, file and directory are synced.
func writeFile(path string, content []byte, durable bool) (err error) {
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, privateFile)
	if err != nil {
		return &DiskError{File: path, Err: err}
	}
	if err = keepOwner(f, path); err == nil {
		_, err = io.Copy(f, bytes.NewReader(content))
	}
	if err == nil && durable {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err == nil && durable {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return &DiskError{File: path, Err: err}
	}
	return nil
}

// keepOwner gives a file that is to replace the one at path to that one's owner:
// root may run what works on the directory of a stopped sidecar.
func keepOwner(f *os.File, path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	uid, gid, ok := ownerOf(info)
	if !ok || uid == os.Geteuid() {
		return nil
	}
	return f.Chown(uid, gid)
}

// Whatever is in the directory is for its owner alone.
const (
	privateFile = 0o600
	privateDir  = 0o700
)

// syncDir makes names in a directory durable.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// exists tells whether there is something at path; any doubt is an error.
func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
