package lease

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// ErrCorrupt means that bytes are not what this package writes.
var ErrCorrupt = errors.New("corrupt data")

// ErrNewer means that a newer version of sidelock wrote the bytes. The node must stop: to skip what it does not
// understand would make it differ from the others.
var ErrNewer = errors.New("written by a newer version of sidelock; upgrade this node")

// encoder appends values in one byte order: unsigned and zigzag varints, length-prefixed strings.
type encoder struct{ b []byte }

func (e *encoder) u(v uint64)        { e.b = binary.AppendUvarint(e.b, v) }
func (e *encoder) i(v int64)         { e.b = binary.AppendVarint(e.b, v) }
func (e *encoder) d(v time.Duration) { e.i(int64(v)) }
func (e *encoder) byte(v byte)       { e.b = append(e.b, v) }
func (e *encoder) str(v string)      { e.u(uint64(len(v))); e.b = append(e.b, v...) }
func (e *encoder) bool(v bool)       { e.byte(map01(v)) }
func (e *encoder) serials(v []uint64) {
	e.u(uint64(len(v)))
	for _, x := range v {
		e.u(x)
	}
}

func (e *encoder) pairs(v []Pair) {
	e.u(uint64(len(v)))
	for _, p := range v {
		e.str(p.Key)
		e.str(p.Value)
	}
}

func map01(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// decoder reads what encoder wrote. After the first error everything reads as zero, so that callers check once.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.b = nil
}

func (d *decoder) u() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail(ErrCorrupt)
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) i() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail(ErrCorrupt)
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) d() time.Duration { return time.Duration(d.i()) }

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.fail(ErrCorrupt)
		return 0
	}
	v := d.b[0]
	d.b = d.b[1:]
	return v
}

func (d *decoder) bool() bool {
	v := d.byte()
	if v > 1 {
		d.fail(ErrCorrupt)
	}
	return v == 1
}

// count reads the length of a list whose elements take at least one byte each, so that a corrupt length cannot make
// the reader allocate more than it was given.
func (d *decoder) count() int {
	n := d.u()
	if n > uint64(len(d.b)) {
		d.fail(ErrCorrupt)
		return 0
	}
	return int(n)
}

func (d *decoder) str() string {
	n := d.count()
	v := string(d.b[:n])
	d.b = d.b[n:]
	return v
}

func (d *decoder) serials() []uint64 {
	n := d.count()
	if n == 0 {
		return nil
	}
	v := make([]uint64, n)
	for i := range v {
		v[i] = d.u()
	}
	return v
}

func (d *decoder) pairs() []Pair {
	n := d.count()
	if n == 0 {
		return nil
	}
	v := make([]Pair, n)
	for i := range v {
		v[i] = Pair{d.str(), d.str()}
	}
	return v
}

// end returns the first error, or that bytes are left over.
func (d *decoder) end(what string) error {
	if d.err == nil && len(d.b) > 0 {
		d.err = ErrCorrupt
	}
	if d.err != nil {
		return fmt.Errorf("decode %s: %w", what, d.err)
	}
	return nil
}
