package lease

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"io"
)

// snapshotMagic begins every snapshot; its last byte is the version of the format, here the first that is read.
const snapshotMagic = "sidelock-state\x00\x02"

// The formats. Which one is written follows from the group's level, so that equal states write equal bytes in every build.
const (
	formatOne    = 2 // of a group at level 1
	formatLevels = 3 // of a group above: the first record is its level
)

func formatOf(level uint32) byte {
	if level == 1 {
		return formatOne
	}
	return formatLevels
}

// maxRecord bounds one record of a snapshot, against corrupt lengths.
const maxRecord = 64 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// The kinds of records in a snapshot, in the order in which they appear.
const (
	recLevel   = 'v' // of formatLevels
	recHead    = 'h'
	recLease   = 'l'
	recPlace   = 'p'
	recName    = 'n'
	recEnd     = 'e'
	recSession = 's'
	recResult  = 'r'
	recLast    = 'z' // carries the checksum of all before it
)

// Snapshot is the state at one index. It costs constant time and memory to take, and may be written from another
// goroutine while Apply goes on.
type Snapshot struct {
	head
	tables
}

// Snapshot takes a snapshot.
func (s *State) Snapshot() Snapshot { return Snapshot{s.head, s.tables.clone()} }

// Index returns the log index of the snapshot.
func (s Snapshot) Index() uint64 { return s.index }

// WriteTo writes the snapshot: a magic string, records of kind, length and content, and a checksum. Equal states
// write equal bytes.
func (s Snapshot) WriteTo(dst io.Writer) (int64, error) {
	sum := crc32.New(castagnoli)
	w := &recordWriter{dst: bufio.NewWriterSize(io.MultiWriter(dst, sum), 1<<16)}
	magic := []byte(snapshotMagic)
	magic[len(magic)-1] = formatOf(s.level)
	_, w.err = w.dst.Write(magic)
	w.n = int64(len(magic))
	s.records(w.record)
	if w.err == nil {
		w.err = w.dst.Flush()
	}
	last := sum.Sum32()
	w.record(recLast, func(e *encoder) { e.b = binary.BigEndian.AppendUint32(e.b, last) })
	if w.err == nil {
		w.err = w.dst.Flush()
	}
	if w.err != nil {
		return w.n, fmt.Errorf("write snapshot: %w", w.err)
	}
	return w.n, nil
}

type recordWriter struct {
	dst     *bufio.Writer
	scratch encoder
	n       int64
	err     error
}

func (w *recordWriter) record(kind byte, fill func(*encoder)) {
	if w.err != nil {
		return
	}
	w.scratch.b = w.scratch.b[:0]
	fill(&w.scratch)
	var header [1 + binary.MaxVarintLen64]byte
	header[0] = kind
	size := 1 + binary.PutUvarint(header[1:], uint64(len(w.scratch.b)))
	if _, w.err = w.dst.Write(header[:size]); w.err == nil {
		_, w.err = w.dst.Write(w.scratch.b)
	}
	w.n += int64(size + len(w.scratch.b))
}

// Answer answers a query from the state as it was.
func (s Snapshot) Answer(q Query) Answer {
	then := State{head: s.head, tables: s.tables}
	return then.Answer(q)
}

// records passes every record to put, in order. What can be derived is left out: deadlines, the order of ends, counts.
func (s Snapshot) records(put func(kind byte, fill func(*encoder))) {
	if formatOf(s.level) == formatLevels {
		put(recLevel, func(e *encoder) { e.u(uint64(s.level)) })
	}
	put(recHead, func(e *encoder) { e.head(&s.head) })
	s.leases.Scan(func(_ ID, r record) bool {
		put(recLease, func(e *encoder) { e.record(&r) })
		return true
	})
	s.places.Scan(func(_ uint64, p place) bool {
		put(recPlace, func(e *encoder) { e.place(&p) })
		return true
	})
	for i, names := range s.names {
		names.Scan(func(key string, n name) bool {
			put(recName, func(e *encoder) { e.name(Locks+Space(i), key, &n) })
			return true
		})
	}
	s.ended.Scan(func(id ID, v end) bool {
		put(recEnd, func(e *encoder) { e.end(id, &v) })
		return true
	})
	s.sessions.Scan(func(id SessionID, v session) bool {
		put(recSession, func(e *encoder) { e.session(id, &v) })
		return true
	})
	s.results.Scan(func(m remembered) bool {
		put(recResult, func(e *encoder) {
			e.u(uint64(m.session))
			e.u(m.seq)
			e.result(m.result)
		})
		return true
	})
	s.addedRecords(put)
}

// Digest is a hash of the whole state: equal on all replicas at an index. It takes time proportional to the state.
func (s *State) Digest() uint64 {
	h := fnv.New64a()
	if _, err := s.Snapshot().WriteTo(h); err != nil {
		panic("lease: a hash refused to be written to: " + err.Error())
	}
	return h.Sum64()
}

// Restore reads a snapshot into a new state. It returns ErrCorrupt if the bytes are damaged, and a LevelError if the group is above
// what this build understands; the reader is read to the end of the snapshot.
func Restore(src io.Reader) (*State, error) {
	b, in, err := begin(src)
	if err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	for !b.done {
		if err := b.read(in); err != nil {
			return nil, fmt.Errorf("read snapshot: %w", err)
		}
	}
	if err := b.finish(); err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	return b.s, nil
}

// SnapshotLevel returns the level of the group that wrote a snapshot, from its beginning alone. Its error is as of Restore.
func SnapshotLevel(src io.Reader) (uint32, error) {
	b, _, err := begin(src)
	if err != nil {
		return 0, fmt.Errorf("read snapshot: %w", err)
	}
	return b.s.level, nil
}

// begin reads what stands before a snapshot's head.
func begin(src io.Reader) (*builder, *bufio.Reader, error) {
	in := bufio.NewReaderSize(src, 1<<16)
	magic := make([]byte, len(snapshotMagic))
	if _, err := io.ReadFull(in, magic); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	last := len(magic) - 1
	if string(magic[:last]) != snapshotMagic[:last] {
		return nil, nil, fmt.Errorf("not a snapshot of sidelock: %w", ErrCorrupt)
	}
	b := &builder{s: New(), format: magic[last], sum: crc32.New(castagnoli)}
	b.sum.Write(magic)
	switch {
	case b.format > formatLevels:
		return nil, nil, &LevelError{What: fmt.Sprintf("snapshot format %d", b.format)}
	case b.format < formatOne:
		return nil, nil, fmt.Errorf("format %d is from before the first release and is not read any more; start with an empty data directory: %w", b.format, ErrCorrupt)
	case b.format == formatLevels:
		if err := b.readLevel(in); err != nil {
			return nil, nil, err
		}
	}
	return b, in, nil
}
