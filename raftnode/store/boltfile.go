package store

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"os"
)

// bbolt maps the file and trusts it: on a half-truncated one it panics, partly on
// a goroutine of its own where nobody can recover, so it must not even be asked
// to open one. This is a walk over all pages in use with plain reads, which
// checks everything that bbolt takes for granted. The layout is bbolt's version
// 2, native byte order.
const (
	boltMagic      = 0xED0CDAED
	boltVersion    = 2
	boltNoFreelist = ^uint64(0)

	metaPages   = 2
	pageHeader  = 16
	metaBytes   = 64
	elemBytes   = 16
	bucketBytes = 16

	flagBranch = 0x01
	flagLeaf   = 0x02
	flagMeta   = 0x04

	leafIsBucket = 0x01

	// raft-boltdb's buckets, and it makes a missing one anew without a word.
	bucketLogs = "logs"
	bucketConf = "conf"

	minPageSize = 1 << 10
	maxPageSize = 1 << 24
)

var native = binary.NativeEndian

// boltMeta is what we need of a meta page.
type boltMeta struct {
	pageSize uint32
	root     uint64
	freelist uint64
	high     uint64 // pages at and above this are not in use
	txid     uint64
}

// boltWalk is one check of one file.
type boltWalk struct {
	f       *os.File
	meta    boltMeta
	seen    map[uint64]bool
	buckets map[string]bool
	inLogs  bool
	run     logRun
}

// logRun is the newest run of entries without a gap; zero if the log is empty.
type logRun struct{ first, last uint64 }

// add takes the next key of the logs in order.
func (r *logRun) add(index uint64) {
	if r.last == 0 || index != r.last+1 {
		r.first = index
	}
	r.last = index
}

// boltContent is what a sound file holds.
type boltContent struct {
	run  logRun
	used int64 // bytes of pages in use
}

// checkBoltFile tells why the file must not be given to bbolt; if it may, what it holds.
func checkBoltFile(path string) (boltContent, error) {
	f, err := os.Open(path)
	if err != nil {
		return boltContent{}, fmt.Errorf("open %s: %w", path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return boltContent{}, fmt.Errorf("open %s: %w", path, err)
	}
	content, err := walkBolt(f, info.Size())
	if err != nil {
		return boltContent{}, &CorruptError{File: path, Reason: fmt.Sprintf("the file is damaged or cut off (%v)", err), Err: err}
	}
	return content, nil
}

func walkBolt(f *os.File, size int64) (boltContent, error) {
	meta, err := readMetas(f)
	if err != nil {
		return boltContent{}, err
	}
	if meta.high > uint64(size)/uint64(meta.pageSize) {
		return boltContent{}, fmt.Errorf("%d bytes, but %d pages of %d bytes are in use", size, meta.high, meta.pageSize)
	}
	if meta.freelist != boltNoFreelist {
		return boltContent{}, fmt.Errorf("it has a list of free pages, which sidelock never writes")
	}
	w := &boltWalk{f: f, meta: meta, seen: map[uint64]bool{}, buckets: map[string]bool{}}
	if _, err := w.tree(meta.root, nil, nil, true); err != nil {
		return boltContent{}, err
	}
	if len(w.buckets) != 2 || !w.buckets[bucketLogs] || !w.buckets[bucketConf] {
		return boltContent{}, fmt.Errorf("its buckets are not those that sidelock makes")
	}
	return boltContent{w.run, int64(len(w.seen)+metaPages) * int64(meta.pageSize)}, nil
}

// readMetas reads both meta pages and returns the newer. One that is damaged is
// no reason to take the other: that one lacks the last transaction, which may
// hold a vote or an acknowledged entry. (A meta page is written within one
// sector, so a power cut leaves the old or the new one.)
func readMetas(f *os.File) (boltMeta, error) {
	first, err := readMeta(f, 0)
	if err != nil {
		return boltMeta{}, fmt.Errorf("meta page 0: %w", err)
	}
	if first.pageSize < minPageSize || first.pageSize > maxPageSize {
		return boltMeta{}, fmt.Errorf("meta page 0: page size %d", first.pageSize)
	}
	second, err := readMeta(f, int64(first.pageSize))
	if err != nil {
		return boltMeta{}, fmt.Errorf("meta page 1: %w", err)
	}
	if first.pageSize != second.pageSize {
		return boltMeta{}, fmt.Errorf("page sizes %d and %d", first.pageSize, second.pageSize)
	}
	if second.txid > first.txid {
		return second, nil
	}
	return first, nil
}

func readMeta(f *os.File, offset int64) (boltMeta, error) {
	var b [pageHeader + metaBytes]byte
	if _, err := f.ReadAt(b[:], offset); err != nil {
		return boltMeta{}, err
	}
	if flags := native.Uint16(b[8:]); flags != flagMeta {
		return boltMeta{}, fmt.Errorf("flags %#x", flags)
	}
	m := b[pageHeader:]
	sum := fnv.New64a()
	_, _ = sum.Write(m[:56])
	switch {
	case native.Uint32(m) != boltMagic:
		return boltMeta{}, fmt.Errorf("not a bolt file")
	case native.Uint32(m[4:]) != boltVersion:
		return boltMeta{}, fmt.Errorf("bolt version %d", native.Uint32(m[4:]))
	case native.Uint64(m[56:]) != sum.Sum64():
		return boltMeta{}, fmt.Errorf("wrong checksum")
	}
	return boltMeta{
		pageSize: native.Uint32(m[8:]),
		root:     native.Uint64(m[16:]),
		freelist: native.Uint64(m[32:]),
		high:     native.Uint64(m[40:]),
		txid:     native.Uint64(m[48:]),
	}, nil
}

// page reads one page in use, once.
func (w *boltWalk) page(id uint64) (boltPage, error) {
	if id < 2 || id >= w.meta.high {
		return boltPage{}, fmt.Errorf("page %d is out of bounds", id)
	}
	size := int64(w.meta.pageSize)
	var head [pageHeader]byte
	if _, err := w.f.ReadAt(head[:], int64(id)*size); err != nil {
		return boltPage{}, fmt.Errorf("page %d: %w", id, err)
	}
	p, overflow, err := parseHeader(head[:], id)
	if err != nil {
		return boltPage{}, fmt.Errorf("page %d: %w", id, err)
	}
	if overflow >= w.meta.high-id {
		return boltPage{}, fmt.Errorf("page %d: overflows by %d pages", id, overflow)
	}
	for i := id; i <= id+overflow; i++ {
		if w.seen[i] {
			return boltPage{}, fmt.Errorf("page %d is used twice", i)
		}
		w.seen[i] = true
	}
	p.data = make([]byte, size*int64(overflow+1))
	if _, err := w.f.ReadAt(p.data, int64(id)*size); err != nil {
		return boltPage{}, fmt.Errorf("page %d: %w", id, err)
	}
	return p, nil
}

// tree checks the subtree at page id, whose keys lie in [min, max); nil is no
// bound. It returns the last key. top allows buckets among the values.
func (w *boltWalk) tree(id uint64, min, max []byte, top bool) ([]byte, error) {
	p, err := w.page(id)
	if err != nil {
		return nil, err
	}
	if p.leaf {
		return w.leafPage(p, min, max, top)
	}
	if p.count == 0 {
		return nil, fmt.Errorf("page %d: a branch without children", id)
	}
	last := min
	for i := range p.count {
		key, child, err := p.branch(i)
		if err != nil {
			return nil, err
		}
		until := max
		if i+1 < p.count {
			if until, _, err = p.branch(i + 1); err != nil {
				return nil, err
			}
		}
		if err := inOrder(p.id, i, key, last, max); err != nil {
			return nil, err
		}
		if last, err = w.tree(child, key, until, top); err != nil {
			return nil, err
		}
	}
	return last, nil
}

func (w *boltWalk) leafPage(p boltPage, min, max []byte, top bool) ([]byte, error) {
	last := min
	for i := range p.count {
		flags, key, value, err := p.entry(i)
		if err != nil {
			return nil, err
		}
		if err := inOrder(p.id, i, key, last, max); err != nil {
			return nil, err
		}
		last = key
		if (flags&leafIsBucket != 0) != top {
			return nil, fmt.Errorf("page %d: a bucket or a value in the wrong place", p.id)
		}
		switch {
		case top:
			w.inLogs = string(key) == bucketLogs
			w.buckets[string(key)] = true
			err = w.bucket(p.id, value)
		case w.inLogs && len(key) != 8:
			err = fmt.Errorf("page %d: a log index of %d bytes", p.id, len(key))
		case w.inLogs:
			w.run.add(binary.BigEndian.Uint64(key))
		}
		if err != nil {
			return nil, err
		}
	}
	return last, nil
}

// bucket checks one bucket, which may be a page of its own or lie inline in the value.
func (w *boltWalk) bucket(at uint64, value []byte) error {
	if len(value) < bucketBytes {
		return fmt.Errorf("page %d: a bucket of %d bytes", at, len(value))
	}
	root := native.Uint64(value)
	if root != 0 {
		_, err := w.tree(root, nil, nil, false)
		return err
	}
	inline := value[bucketBytes:]
	if len(inline) < pageHeader {
		return fmt.Errorf("page %d: an inline bucket of %d bytes", at, len(inline))
	}
	p, _, err := parseHeader(inline, 0)
	if err != nil || !p.leaf {
		return fmt.Errorf("page %d: an inline bucket that is no leaf", at)
	}
	p.data = inline
	_, err = w.leafPage(p, nil, nil, false)
	return err
}
