package store

import (
	"bytes"
	"fmt"
)

// boltPage is one page with its overflow, header verified.
type boltPage struct {
	id    uint64
	leaf  bool
	count int
	data  []byte
}

func parseHeader(head []byte, id uint64) (p boltPage, overflow uint64, err error) {
	if own := native.Uint64(head); own != id {
		return p, 0, fmt.Errorf("says that it is page %d", own)
	}
	flags := native.Uint16(head[8:])
	if flags != flagBranch && flags != flagLeaf {
		return p, 0, fmt.Errorf("flags %#x", flags)
	}
	p = boltPage{id: id, leaf: flags == flagLeaf, count: int(native.Uint16(head[10:]))}
	return p, uint64(native.Uint32(head[12:])), nil
}

func inOrder(page uint64, i int, key, last, max []byte) error {
	if (i > 0 && bytes.Compare(key, last) <= 0) || (i == 0 && last != nil && bytes.Compare(key, last) < 0) || (max != nil && bytes.Compare(key, max) >= 0) {
		return fmt.Errorf("page %d: key %d is out of order", page, i)
	}
	return nil
}

// branch returns the i-th key and child of a branch page.
func (p boltPage) branch(i int) (key []byte, child uint64, err error) {
	e, err := p.elem(i)
	if err != nil {
		return nil, 0, err
	}
	key, err = p.span(i, uint64(native.Uint32(e)), uint64(native.Uint32(e[4:])))
	return key, native.Uint64(e[8:]), err
}

// entry returns the i-th flags, key and value of a leaf page.
func (p boltPage) entry(i int) (flags uint32, key, value []byte, err error) {
	e, err := p.elem(i)
	if err != nil {
		return 0, nil, nil, err
	}
	pos, ksize, vsize := uint64(native.Uint32(e[4:])), uint64(native.Uint32(e[8:])), uint64(native.Uint32(e[12:]))
	both, err := p.span(i, pos, ksize+vsize)
	if err != nil {
		return 0, nil, nil, err
	}
	return native.Uint32(e), both[:ksize], both[ksize:], nil
}

func (p boltPage) elem(i int) ([]byte, error) {
	at := pageHeader + i*elemBytes
	if at+elemBytes > len(p.data) {
		return nil, fmt.Errorf("page %d: element %d is beyond its end", p.id, i)
	}
	return p.data[at : at+elemBytes], nil
}

// span returns n bytes, pos bytes after the start of element i.
func (p boltPage) span(i int, pos, n uint64) ([]byte, error) {
	start := uint64(pageHeader+i*elemBytes) + pos
	if start+n > uint64(len(p.data)) {
		return nil, fmt.Errorf("page %d: content of element %d is beyond its end", p.id, i)
	}
	return p.data[start : start+n], nil
}
